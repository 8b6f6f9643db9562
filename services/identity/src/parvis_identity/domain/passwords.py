"""What a password must be (requirement D1). The provider's policy for personal accounts; managed accounts use
it until the firm has its own.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

#: Longer ones are refused before anything is computed from them (characters).
LONGEST = 128
#: Parts of an identifier shorter than this are too common to be looked for inside a password (characters).
SHORTEST_PART = 4


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """Rules that a new password is checked against."""

    #: Characters, at least.
    minimum: int = 8
    digit: bool = True
    capital: bool = True
    #: One of these must be there; empty: none is asked for.
    special_characters: str = "$?!&%*@"

    def broken(self, password: str, avoids: Iterable[str] = ()) -> Iterator[str]:
        """Codes of the rules that `password` breaks, in the order in which they are shown.

        `avoids` are what the person types at sign-in (mail address, identifier): the password may contain
        neither them nor the part of an address before its "@".
        """
        if len(password) < self.minimum:
            yield "too_short"
        if len(password) > LONGEST:
            yield "too_long"
        if self.digit and not any(c.isdigit() for c in password):
            yield "no_digit"
        if self.capital and not any(c.isupper() for c in password):
            yield "no_capital"
        if self.special_characters and not any(c in self.special_characters for c in password):
            yield "no_special"
        folded = password.casefold()
        if any(part in folded for part in guessable_parts(avoids)):
            yield "contains_identifier"


def guessable_parts(identifiers: Iterable[str]) -> tuple[str, ...]:
    """What must not be inside a password of somebody known by these: case folded, the local part of a mail address."""
    parts = (identifier.casefold().partition("@")[0] for identifier in identifiers)
    return tuple(dict.fromkeys(part for part in parts if len(part) >= SHORTEST_PART))


def prepare(password: str) -> bytes:
    """The bytes that are hashed: the same whatever keyboard composed the accents (RFC 8265, OpaqueString)."""
    return unicodedata.normalize("NFC", password).encode()
