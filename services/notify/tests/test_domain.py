"""What a template may say, and what becomes of it."""

from string import printable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parvis_kit.ids import uuid7
from parvis_notify import texts
from parvis_notify.domain import colours, deliveries, kinds, templates
from parvis_notify.domain.kinds import Kind
from parvis_notify.domain.templates import LINK

BODY = "Bonjour,\n\n#lien#"


def reasons(kind, subject, body):
    return [(problem.field, problem.reason) for problem in templates.template_problems(kind, subject, body)]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("locale", kinds.LOCALES)
def test_texts_that_ship_are_valid_and_complete(kind, locale):
    text = texts.shipped(kind, locale)
    assert templates.template_problems(kind, text.subject, text.body) == []
    assert templates.template_problems(kind, text.because, text.body) == []
    assert text.button


def test_unknown_field_names_the_nearest_valid_one():
    [problem] = templates.template_problems(Kind.DOCUMENT_FILED, "Nouveau : #documnet#", BODY)
    assert (problem.field, problem.reason) == ("subject", "merge_field_unknown")
    assert problem.params == {"field": "documnet", "nearest": "document"}


def test_field_of_another_kind_of_mail_is_unresolvable():
    found = reasons(Kind.DOCUMENT_FILED, "Bonjour", BODY + " #identifiant#")
    assert found == [("body", "merge_field_unresolvable")]


def test_missing_link_is_refused():
    assert reasons(Kind.DOCUMENT_FILED, "Bonjour", "Sans lien") == [("body", "merge_field_missing")]


def test_access_mail_without_identifier_is_refused():
    assert reasons(Kind.ACCESS_GRANTED, "Bonjour", BODY) == [("body", "merge_field_missing")]


def test_field_that_is_not_closed_is_refused():
    assert reasons(Kind.DOCUMENT_FILED, "Reçu : #document", BODY) == [("subject", "merge_field_not_closed")]


def test_link_in_the_subject_is_refused():
    assert reasons(Kind.DOCUMENT_FILED, "Voir #lien#", BODY) == [("subject", "merge_field_not_in_subject")]


def test_subject_of_two_lines_is_refused():
    assert ("subject", "single_line") in reasons(Kind.DOCUMENT_FILED, "Bonjour\nBcc: x@y.example", BODY)


def test_empty_template_is_refused():
    assert ("subject", "required") in reasons(Kind.DOCUMENT_FILED, " ", BODY)


@pytest.mark.parametrize("name", ["société", "societe", "SOCIÉTÉ", "Societe"])
def test_accents_and_case_of_a_field_do_not_matter(name):
    assert reasons(Kind.DOCUMENT_FILED, f"De #{name}#", BODY) == []
    values = templates.values_for(Kind.DOCUMENT_FILED, {"société": "Armor"})
    assert templates.compose("fr", f"De #{name}#", BODY, values)[0] == "D’Armor"


def test_number_sign_alone_is_text():
    assert reasons(Kind.DOCUMENT_FILED, "Dossier n° #12", BODY + " C# et #1 #2") == []


def test_value_that_looks_like_a_field_stays_text():
    values = templates.values_for(Kind.DOCUMENT_FILED, {"document": "#lien#", "client": "X"})
    assert templates.compose("fr", "#document# #client#", BODY, values)[0] == "#lien# X"


def test_empty_name_leaves_no_gap():
    values = templates.values_for(Kind.MEMBER_INVITED, {})
    assert templates.compose("fr", "x", "Bonjour #prénom#,\n\n#lien#", values)[1] == f"Bonjour,\n\n{LINK}"


@pytest.mark.parametrize(
    ("firm", "said"),
    [
        ("Étude Martin", "parce qu’Étude Martin vous lit"),
        ("Orsel", "parce qu’Orsel vous lit"),
        ("Valmer", "parce que Valmer vous lit"),
    ],
)
def test_que_and_de_are_shortened_before_the_name_that_is_filled_in(firm, said):
    values = templates.values_for(Kind.DOCUMENT_FILED, {"société": firm})
    assert templates.compose("fr", "parce que #société# vous lit", BODY, values)[0] == said
    assert templates.compose("en", "parce que #société# vous lit", BODY, values)[0] == f"parce que {firm} vous lit"


def test_a_field_without_a_value_leaves_no_word_shortened():
    values = templates.values_for(Kind.DOCUMENT_FILED, {})
    assert templates.compose("fr", "Dossier de #client# ouvert", BODY, values)[0] == "Dossier de ouvert"


def test_french_punctuation_does_not_break():
    values = templates.values_for(Kind.DOCUMENT_FILED, {"document": "Bail"})
    assert (
        templates.compose("fr", "« #document# » : prêt !", BODY, values)[0] == "«\u00a0Bail\u00a0»\u00a0: prêt\u00a0!"
    )


@settings(deadline=None)  # a busy machine
@given(st.text(max_size=60), st.text(max_size=60))
def test_no_value_adds_a_line_a_link_or_a_paragraph(name, client):
    values = templates.values_for(Kind.DOCUMENT_FILED, {"document": name, "client": client})
    subject, text = templates.compose("fr", "#document#", "#client# #document#\n\n#lien#", values)
    assert len(subject.splitlines()) <= 1
    assert text.count(LINK) == 1
    assert text.count("\n\n") <= 1


@settings(deadline=None)  # a busy machine
@given(st.text(alphabet=printable, max_size=40))
def test_every_problem_of_a_saved_template_is_one_line_of_params(body):
    for problem in templates.template_problems(Kind.DOCUMENT_FILED, "x", body):
        assert all("\n" not in value for value in problem.params.values())


def test_id_of_a_message_follows_from_event_and_recipient():
    event = uuid7()
    first, again, other = (deliveries.derived_id(event, key) for key in ("a", "a", "b"))
    assert first == again != other
    assert first.version == 7
    assert first.int >> 80 == event.int >> 80


@settings(deadline=None)  # a busy machine
@given(st.from_regex(r"#[0-9a-f]{6}", fullmatch=True))
def test_any_accent_can_be_read_on_both_grounds(accent):
    light, dark = colours.accent_shades(accent)
    assert colours.contrast(light, colours.PAPER) >= colours.CONTRAST
    assert colours.contrast(dark, colours.INK) >= colours.CONTRAST


def test_address_for_a_use_falls_back_to_main():
    assert deliveries.address_for("billing", {"main": "a@x.example", "billing": ""}) == "a@x.example"


@pytest.mark.parametrize("bad", ["", "nobody", "a@b@c", "a b@c.example", "a@b\r\nBcc: c@d", "a@b.example,c@d.example"])
def test_what_is_no_address(bad):
    assert not deliveries.is_address(bad)


def test_attempts_end_after_two_days_and_a_half():
    delays = [deliveries.delay_after(number) for number in range(1, 12)]
    assert delays[-1] is None
    assert 2 * 86400 < sum(delays[:-1]) < 3 * 86400
