"""What people type at sign-in, in the form in which it is compared."""

import re
import unicodedata

#: RFC 5321, 4.5.3.1: an address has at most 254 characters.
LONGEST_MAIL = 254
LONGEST_IDENTIFIER = 100
_MAIL = re.compile(
    r"[^\s@<>()\[\]\\,;:\"\x00-\x1f]{1,64}@[^\W_](?:[\w-]{0,61}[^\W_])?(?:\.[^\W_](?:[\w-]{0,61}[^\W_])?)+"
)
_IDENTIFIER = re.compile(r"[^\s\x00-\x1f\x7f]{1,100}")


def mail_key(mail: str) -> str:
    """A mail address as it is compared: without surrounding space, one case. Not checked: see `is_mail`."""
    return unicodedata.normalize("NFC", mail.strip()).casefold()


def is_mail(mail: str) -> bool:
    """Whether the text has the shape of a mail address that can be written to over the internet."""
    return len(mail) <= LONGEST_MAIL and _MAIL.fullmatch(mail.strip()) is not None


def identifier_key(identifier: str) -> str:
    """A firm's identifier as it is compared: "c0042 " is "C0042"."""
    return unicodedata.normalize("NFKC", identifier.strip()).casefold()


def is_identifier(identifier: str) -> bool:
    """Whether a firm may give this identifier: no space, at most 100 characters."""
    return _IDENTIFIER.fullmatch(identifier.strip()) is not None
