"""The code that a device shows and a person types elsewhere (RFC 8628, 6.1)."""

import secrets
from datetime import timedelta

from parvis_identity.domain.throttle import Throttle

#: Consonants: no words come of them, and none looks like another letter or digit. Eight of twenty are 34 bits: with a
#: thousand codes open, one try in 25 million hits.
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
LENGTH = 8
#: How long a device waits.
LIFETIME = timedelta(minutes=10)
#: Seconds between two questions of a device, and what is added each time that it asks too soon (RFC 8628, 3.5).
INTERVAL = 5
SLOWER = 5
#: Wrong codes of one person: an honest one mistypes twice.
TRIES = Throttle(free=4, first=timedelta(seconds=5), longest=timedelta(minutes=15), forgets_after=timedelta(hours=1))


def make() -> str:
    """A new code, as it is stored."""
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


def shown(code: str) -> str:
    """A code as people read it: "BCDF-GHJK"."""
    return f"{code[: LENGTH // 2]}-{code[LENGTH // 2 :]}"


def typed(text: str) -> str:
    """What somebody typed, as codes are stored: capitals or not, with whatever between; empty when it is no code."""
    found = "".join(each for each in text[:64].upper() if each.isalnum())
    return found if len(found) == LENGTH and all(each in LETTERS for each in found) else ""
