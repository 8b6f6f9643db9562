"""The texts that ship, in French and in English (`texts/*.toml`)."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from parvis_notify.domain.kinds import Kind


@dataclass(frozen=True)
class Text:
    """The words of a kind of mail in one language, with merge fields.

    `button` labels the link, `document_button` does where it leads to the document itself; `because` says why the
    recipient gets this mail.
    """

    subject: str
    body: str
    button: str
    document_button: str
    because: str


def shipped(kind: Kind, locale: str) -> Text:
    """The text that ships for a kind, in "fr" or "en"."""
    return _all(locale)[kind]


@cache
def _all(locale: str) -> dict[Kind, Text]:
    found = tomllib.loads(files("parvis_notify").joinpath(f"texts/{locale}.toml").read_text(encoding="utf-8"))
    return {
        Kind(kind): Text(
            subject=text["subject"],
            body=text["body"].strip(),
            button=text["button"],
            document_button=text.get("document_button", text["button"]),
            because=text["because"],
        )
        for kind, text in found.items()
    }
