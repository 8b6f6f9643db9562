"""How long somebody who guesses at random would take over a password, in four steps; shown beside the rules.

It measures length and variety: each character counts as many bits as its kinds leave to choose from, and nothing where
it only goes on with what was before (aaa, abc, 321, azerty, a part that is repeated) or belongs to the identifier. It
knows no words: a sentence of five counts for what it is, a single one for too much. The rules and the list of breached
passwords decide; this only encourages. `gateway/ui/assets/js/strength.js` computes the same while somebody types.
"""

import math
import re
from collections.abc import Iterable
from enum import IntEnum

#: Rows of keys that are typed one after the other.
_ROWS = ("azertyuiop", "qsdfghjklm", "wxcvbn", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_KINDS = ((r"[a-z]", 26), (r"[A-Z]", 26), (r"[0-9]", 10), (r"[\x00-\x7f]", 33), (r"[^\x00-\x7f]", 100))
#: Bits from which a password is fair, good, strong.
_BITS = (45, 60, 80)


class Strength(IntEnum):
    """Steps of the meter; nothing typed is none."""

    NONE = 0
    WEAK = 1
    FAIR = 2
    GOOD = 3
    STRONG = 4


def strength_of(password: str, avoided: Iterable[str] = ()) -> Strength:
    """The step of a password of somebody whose identifier has these parts (domain.passwords.guessable_parts)."""
    if not password:
        return Strength.NONE
    for part in avoided:
        password = re.sub(re.escape(part), "", password, flags=re.IGNORECASE)
    folded = password.lower()
    counted = sum(not _is_foreseen(folded, at) for at in range(len(folded)))
    bits = counted * math.log2(max(_variety(password), 1))
    return Strength(1 + sum(bits >= least for least in _BITS))


def _variety(password: str) -> int:
    rest, variety = password, 0
    for pattern, size in _KINDS:
        rest, found = re.subn(pattern, "", rest)
        variety += size if found else 0
    return variety


def _is_foreseen(folded: str, at: int) -> bool:
    """Whether a character goes on as the two before it did, or ends three that were there before."""
    if at < 2:  # noqa: PLR2004 - it takes two to make a sequence
        return False
    before, last, now = folded[at - 2], folded[at - 1], folded[at]
    return bool(_steps(before, last) & _steps(last, now)) or f"{before}{last}{now}" in folded[: at - 1]


def _steps(one: str, other: str) -> set[tuple[str, int]]:
    """Ways in which one character follows another: by their code, or along a row of keys."""
    found = {("code", ord(other) - ord(one))} if abs(ord(other) - ord(one)) <= 1 else set()
    for row in _ROWS:
        if one in row and other in row and abs(row.index(other) - row.index(one)) == 1:
            found.add((row, row.index(other) - row.index(one)))
    return found
