"""A composed message as it leaves: plain text, and the same words in HTML in the colours of the firm.

MJML is written by a sandboxed template that escapes every value, and made into mail HTML by mrml. Nothing is loaded
from anywhere: no image, no font, no script, so that a mail is read as it is and tells nobody that it was.
"""

from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import jinja2
import jinja2.sandbox
import mrml

from parvis_notify.domain.colours import accent_shades
from parvis_notify.domain.templates import LINK, facts, paragraphs

if TYPE_CHECKING:
    from datetime import datetime

_FALLBACK = {
    "fr": "Le bouton ne fonctionne pas\u00a0? Copiez cette adresse dans votre navigateur\u00a0:",
    "en": "Is the button not working? Copy this address into your browser:",
}
_PREVIEW = 140  # signs that mail clients show beside the subject


@dataclass(frozen=True)
class Words:
    """What a message says: `text` has `LINK` where the link goes; `sender` is the firm's name."""

    locale: str
    sender: str
    accent: str
    subject: str
    text: str
    button: str
    because: str


@dataclass(frozen=True)
class Mail:
    """A message rendered for one link."""

    subject: str
    text: str
    html: str


def render(words: Words, link: str) -> Mail:
    """The mail with its link. Plain text says everything that HTML says."""
    parts = paragraphs(words.text)
    accent, accent_dark = accent_shades(words.accent)
    mjml = _template().render(
        LINK=LINK,
        facts=facts,
        locale=words.locale,
        sender=words.sender,
        subject=words.subject,
        preview=_preview(parts),
        parts=parts,
        link=link,
        button=words.button,
        because=words.because,
        fallback=_FALLBACK[words.locale],
        accent=accent,
        accent_dark=accent_dark,
    )
    text = f"{words.text.strip().replace(LINK, link)}\n\n-- \n{words.sender}\n{words.because}\n"
    return Mail(words.subject, text, mrml.to_html(mjml).content)


def envelope_message(
    mail: Mail,
    *,
    sender_name: str,
    sender_mail: str,
    recipient_name: str,
    recipient_mail: str,
    reply_to: str,
    message_id: str,
    date: "datetime",
) -> bytes:
    """The message of RFC 5322 with its two alternatives, 7-bit, CRLF. ValueError for an unusable address."""
    message = EmailMessage(policy=SMTP)
    message["From"] = _address(sender_name, sender_mail)
    message["To"] = _address(recipient_name, recipient_mail)
    if reply_to:
        message["Reply-To"] = _address(sender_name, reply_to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(date)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answer comes back
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    return message.as_bytes()


def wire_address(mail: str) -> str:
    """The address as SMTP takes it: an international domain in its ASCII form (RFC 5891). ValueError: there is none."""
    user, _, domain = mail.rpartition("@")
    address = f"{user}@{domain.encode('idna').decode()}"
    if not user or not domain or not address.isascii():
        raise ValueError("address_unusable")
    return address


def _address(name: str, mail: str) -> Address:
    return Address(display_name=name, addr_spec=wire_address(mail))


def _preview(parts: list[str]) -> str:
    """The first sentence after the greeting: what an inbox shows beside the subject."""
    said = [part for part in parts if LINK not in part]
    text = " ".join((said[1] if len(said) > 1 else "".join(said[:1])).split())
    return text if len(text) <= _PREVIEW else text[: _PREVIEW - 1].rstrip() + "…"


@cache
def _template() -> jinja2.Template:
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(autoescape=True, undefined=jinja2.StrictUndefined)
    source = files("parvis_notify").joinpath("templates/mail.mjml").read_text(encoding="utf-8")
    return environment.from_string(source)
