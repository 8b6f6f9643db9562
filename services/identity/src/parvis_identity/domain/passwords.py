"""What a password must be (requirement D1). The provider's policy for personal accounts, and the floor of what firms
demand for their managed ones.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

#: Longer ones are refused before anything is computed from them (characters).
LONGEST = 128
#: Parts of an identifier shorter than this are too common to be looked for inside a password (characters).
SHORTEST_PART = 4
#: An installation demands no fewer characters than this (OWASP ASVS 5, 6.2.1).
LEAST_MINIMUM = 8
#: A firm may demand no more characters than this, nor more signs to choose from.
LONGEST_MINIMUM = 64
MOST_SIGNS = 32


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """Rules that a new password is checked against."""

    #: Characters, at least.
    minimum: int = 8
    digit: bool = True
    capital: bool = True
    #: One of these must be there; empty: none is asked for.
    special_characters: str = "$?!&%*@"
    small: bool = False

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
        if self.small and not any(c.islower() for c in password):
            yield "no_small"
        if self.special_characters and not any(c in self.special_characters for c in password):
            yield "no_special"
        folded = password.casefold()
        if any(part in folded for part in guessable_parts(avoids)):
            yield "contains_identifier"

    def with_floor(self, floor: "PasswordPolicy") -> "PasswordPolicy":
        """What passes both: a firm's policy that is older than the installation's floor never undercuts it."""
        both = "".join(c for c in self.special_characters if c in floor.special_characters)
        either = self.special_characters or floor.special_characters
        return PasswordPolicy(
            minimum=max(self.minimum, floor.minimum),
            digit=self.digit or floor.digit,
            capital=self.capital or floor.capital,
            small=self.small or floor.small,
            special_characters=(both or floor.special_characters) if floor.special_characters else either,
        )

    def refuses_more_than(self, other: "PasswordPolicy") -> bool:
        """Whether a password may break this policy that `other` took."""
        signs = set(self.special_characters)
        return (
            self.minimum > other.minimum
            or (self.digit and not other.digit)
            or (self.capital and not other.capital)
            or (self.small and not other.small)
            or (bool(signs) and (not other.special_characters or not signs >= set(other.special_characters)))
        )

    def wrong(self, floor: "PasswordPolicy") -> Iterator[tuple[str, str]]:
        """Fields in which a firm's policy cannot be kept, and why: `below_floor`, `too_long`, `not_signs`, …."""
        if self.minimum < floor.minimum:
            yield "minimum", "below_floor"
        if self.minimum > LONGEST_MINIMUM:
            yield "minimum", "too_long"
        for name in ("digit", "capital", "small"):
            if getattr(floor, name) and not getattr(self, name):
                yield name, "below_floor"
        signs = self.special_characters
        if any(not c.isprintable() or c.isalnum() or c.isspace() for c in signs):
            yield "special_characters", "not_signs"
        elif len(signs) > MOST_SIGNS:
            yield "special_characters", "too_many"
        elif floor.special_characters and not (signs and set(signs) <= set(floor.special_characters)):
            yield "special_characters", "below_floor"


def guessable_parts(identifiers: Iterable[str]) -> tuple[str, ...]:
    """What must not be inside a password of somebody known by these: case folded, the local part of a mail address."""
    parts = (identifier.casefold().partition("@")[0] for identifier in identifiers)
    return tuple(dict.fromkeys(part for part in parts if len(part) >= SHORTEST_PART))


def prepare(password: str) -> bytes:
    """The bytes that are hashed: the same whatever keyboard composed the accents (RFC 8265, OpaqueString)."""
    return unicodedata.normalize("NFC", password).encode()
