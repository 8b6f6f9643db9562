"""Values that forms are made of, and the reading of what people type into them."""

import re
from dataclasses import dataclass


class Errors(dict[str, str]):
    """Field name to message in the reader's language; `""` is the form as a whole. A missing field has no error."""

    def __missing__(self, key: str) -> str:
        """No message."""
        return ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a password, shown while it is typed. The server decides; this only helps.

    `pattern` is a regular expression that JavaScript and Python read alike, `minimum` a number of characters,
    `avoids` the name of a field of the same form whose value must not be part of the password.
    """

    label: str
    pattern: str = ""
    minimum: int = 0
    avoids: str = ""
    #: Whether what was sent met it; said where no script can.
    met: bool = False


@dataclass(frozen=True, slots=True)
class Meter:
    """How strong a password is, shown while it is typed: `level` of what was sent, from 1 to 4, or 0 before. `avoids`
    are parts that count for nothing, such as the identifier.
    """

    level: int = 0
    avoids: tuple[str, ...] = ()


_MONEY = re.compile(r"(?P<sign>[-+]?)(?P<whole>\d{1,15})(?:[.,](?P<cents>\d{1,2}))?")
# Thousands with a dot or comma: two groups or more, or one followed by decimals. `1,234` alone could be either.
_GROUPED = re.compile(
    r"[-+]?\d{1,3}(?P<separator>[.,])\d{3}(?:(?:(?P=separator)\d{3})+|(?:(?P=separator)\d{3})*(?!(?P=separator))[.,]\d{1,2})",
)


def ungrouped(text: str) -> str:
    """A number as people type or paste it, without currency and groups of thousands: `1.234,56 €` → `1234,56`."""
    compact = re.sub(r"[\s€$£'’]", "", text).replace("\u2212", "-")
    grouped = _GROUPED.fullmatch(compact)
    return compact.replace(grouped["separator"], "") if grouped else compact


def parse_money(text: str) -> int:
    """Cents of an amount as people type it: `1 234,50`, `1.234,50 €`, `1234.5`.

    Raises ValueError when it is no amount with at most two decimals, or when it could be read in two ways (`1,234`).
    """
    found = _MONEY.fullmatch(ungrouped(text))
    if not found:
        message = f"not an amount: {text!r}"
        raise ValueError(message)
    cents = int(found["whole"]) * 100 + int((found["cents"] or "").ljust(2, "0"))
    return -cents if found["sign"] == "-" else cents
