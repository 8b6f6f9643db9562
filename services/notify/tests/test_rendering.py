"""A mail is well-formed, safe whatever the values, and the same in plain text and in HTML."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parvis_notify import texts
from parvis_notify.domain import kinds, templates
from parvis_notify.domain.kinds import Kind
from parvis_notify.domain.templates import LINK
from parvis_notify.rendering import Words, envelope_message, render, wire_address

ADDRESS = "https://portail.exemple.fr/o/armor/documents/1?a=1&b=2"


def words(**changes):
    values = {
        "locale": "fr", "sender": "Cabinet Armor", "accent": "#8a1c4a", "subject": "Nouveau document",
        "text": f"Bonjour,\n\nDocument : Bail\n\n{LINK}", "button": "Ouvrir", "because": "Parce que.",
    }  # fmt: skip
    return Words(**{**values, **changes})


def message(mail, **changes):
    fields = {
        "sender_name": "Cabinet Armor", "sender_mail": "notifications@exemple.fr", "recipient_name": "Zoé",
        "recipient_mail": "zoe@client.example", "reply_to": "", "message_id": "<1@exemple.fr>",
        "date": datetime(2026, 11, 21, 9, 0, tzinfo=UTC),
    }  # fmt: skip
    return message_from_bytes(envelope_message(mail, **{**fields, **changes}), policy=default)


class Shape(HTMLParser):
    """Tags, addresses and visible text of a page."""

    def __init__(self, html) -> None:
        super().__init__()
        self.tags, self.links, self.loads, self.text = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        attributes = dict(attrs)
        if tag == "a":
            self.links.append(attributes["href"])
        self.loads += [attributes[name] for name in ("src", "background", "srcset") if attributes.get(name)]

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("locale", kinds.LOCALES)
def test_every_shipped_mail_says_the_same_in_text_and_html(kind, locale):
    text = texts.shipped(kind, locale)
    values = templates.values_for(kind, {field.name: field.example(locale) for field in kinds.FIELDS[kind]})
    subject, body = templates.compose(locale, text.subject, text.body, values)
    mail = render(words(locale=locale, subject=subject, text=body, button=text.button), ADDRESS)
    seen = " ".join(" ".join(Shape(mail.html).text).split())
    for part in templates.paragraphs(body):
        assert part == LINK or " ".join(part.split()) in seen
    assert ADDRESS in mail.text
    assert "#" not in subject + body


def test_button_and_written_address_lead_to_the_link():
    assert Shape(render(words(), ADDRESS).html).links == [ADDRESS, ADDRESS]


def test_mail_loads_nothing():
    shape = Shape(render(words(), ADDRESS).html)
    assert shape.loads == []
    assert {"script", "link", "iframe", "img", "form"}.isdisjoint(shape.tags)


def test_language_is_said_to_screen_readers():
    assert 'lang="fr"' in render(words(), ADDRESS).html


@settings(deadline=None)  # a busy machine
@given(st.text(max_size=80))
def test_no_value_becomes_markup(value):
    said = f"<b>{templates.plain(value)}</b> <script>x</script>"
    said_everywhere = words(text=f"{said}\n\n{LINK}", subject=said, sender=said, because=said, button=said)
    tags = set(Shape(render(said_everywhere, ADDRESS).html).tags)
    assert {"b", "script"}.isdisjoint(tags)


@settings(deadline=None)  # a busy machine
@given(st.text(max_size=60), st.text(max_size=60))
def test_no_name_adds_a_header_or_a_recipient(name, subject):
    sent = message(
        render(words(subject=templates.plain(subject) or "x"), ADDRESS), recipient_name=templates.plain(name)
    )
    assert [each.addr_spec for each in sent["To"].addresses] == ["zoe@client.example"]
    assert sent["Bcc"] is None
    assert sent["Message-ID"] == "<1@exemple.fr>"


def test_message_is_seven_bit_with_two_alternatives():
    raw = envelope_message(
        render(words(subject="Été à Nîmes"), ADDRESS), sender_name="Cabinet Élan", sender_mail="n@exemple.fr",
        recipient_name="Zoé", recipient_mail="zoe@client.example", reply_to="accueil@armor.example",
        message_id="<1@exemple.fr>", date=datetime.now(UTC),
    )  # fmt: skip
    assert raw.isascii()
    sent = message_from_bytes(raw, policy=default)
    assert [part.get_content_type() for part in sent.iter_parts()] == ["text/plain", "text/html"]
    assert sent["Subject"] == "Été à Nîmes"
    assert sent["Reply-To"] == "Cabinet Élan <accueil@armor.example>"
    assert sent["Auto-Submitted"] == "auto-generated"


def test_international_domain_travels_in_ascii():
    assert wire_address("zoe@crêperie.example") == "zoe@xn--crperie-kya.example"


@pytest.mark.parametrize("bad", ["zoé@client.example", "@client.example", "zoe@"])
def test_unusable_address_is_said(bad):
    with pytest.raises((ValueError, UnicodeError)):
        wire_address(bad)


@pytest.mark.parametrize("locale", ["fr", "en"])
@pytest.mark.parametrize("kind", [kinds.Kind.ERASURE_WAITS, kinds.Kind.ACCOUNT_IDLE_KEPT])
def test_of_several_organisations_and_whoever_asked_nothing_is_said_that_is_not_so(kind, locale):
    body = texts.shipped(kind, locale).body
    assert "#société#" in body
    for wrong in ("votre demande", "you asked", "sont partis", "have left", "si #société# avait", "if #société# had"):
        assert wrong not in body
    for wrong in (" elle ", " la fermer", " it is of no use"):
        assert wrong not in body
