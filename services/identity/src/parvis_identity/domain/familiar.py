"""Passwords that somebody who guesses tries first: the commonest, whatever was hung on them to pass the rules, and what
holds a name that stands on the page (OWASP ASVS 5, 6.1.2, 6.2.4 and 6.2.11).
"""

import re
import unicodedata
from collections.abc import Container, Iterable, Iterator

#: More digits and signs around a word, or between its letters, are more than decoration (characters).
_DECORATION = 6
#: Shorter words are in too many good passwords (characters).
SHORTEST_WORD = 4
_LEET = str.maketrans("@4301!$5", "aaeoliss")
_AT_THE_ENDS = re.compile(r"^[\W\d_]+|[\W\d_]+$")


def is_common(password: str, commonest: Container[str]) -> bool:
    """Whether a password is one of the commonest (in small letters), or one of them in capitals, with digits and signs
    around it, or with signs for letters: Azerty-2026!, P@ssw0rd1.
    """
    return any(form in commonest for form in _forms(password.casefold()))


def _forms(folded: str) -> Iterator[str]:
    yield folded
    yield folded.translate(_LEET)
    word = _AT_THE_ENDS.sub("", folded)
    for shorter in (word, re.sub(r"[\W_]", "", word), re.sub(r"[\W_]", "", folded)):
        if len(shorter) >= SHORTEST_WORD and len(folded) - len(shorter) <= _DECORATION:
            yield shorter
            yield shorter.translate(_LEET)


def context_words(names: Iterable[str]) -> frozenset[str]:
    """What a password may not hold where these names are known to everybody: each of them, and each of its words."""
    words = (_folded(word) for name in names for word in (name, *re.split(r"[\W_]+", name)))
    return frozenset(word for word in words if len(word) >= SHORTEST_WORD)


def holds_one(password: str, words: Iterable[str]) -> bool:
    """Whether one of `context_words` is in a password, accents, capitals and what stands between its letters aside."""
    folded = _folded(password)
    return any(word in folded for word in words)


def _folded(text: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return re.sub(r"[\W_]", "", bare)
