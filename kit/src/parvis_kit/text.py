"""Normalised keys for sorting and searching, since collations differ between PostgreSQL builds; and what
a text must not be.
"""

import re
import unicodedata

_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d"})
_SEPARATORS = re.compile(r"[^0-9a-z]+")


def fold(text: str) -> str:
    """`text` without accents and case: "Élan & Cœur" → "elan & coeur"."""
    # Twice: a compatibility form may decompose into capitals (Unicode, section 3.13, D146).
    for _ in range(2):
        text = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in text.translate(_LIGATURES) if not unicodedata.combining(c))


def search_key(*texts: str) -> str:
    """What a search looks into: folded words separated by single spaces: "Élan & Cœur", "C0042" → "elan coeur
    c0042".
    """
    return _SEPARATORS.sub(" ", fold(" ".join(texts))).strip()


def like_pattern(query: str) -> str:
    """A LIKE pattern for "contains `query`" over a search key; wildcards cannot be smuggled in, `search_key` drops
    them.
    """
    return f"%{search_key(query)}%"


def reads_as_link(text: str) -> bool:
    """Whether mail programs may turn a part of `text` into a link: it holds "://" or "www."."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "://" in plain or "www." in plain
