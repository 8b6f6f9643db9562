"""What French asks of a sentence when names are filled into it: « l’accès d’Anne », « ce qu’Hélène voit », but
« l’accès de Hugo », « de Yann ».

Sentences are written with the whole word; it is shortened where the name is filled in, since only then is it known how
it begins. What both forms are said of (Hugo, Hugues) keeps the whole word.
"""

import re
import unicodedata
from typing import Final

#: Words that are shortened, for a pattern, and the space between them and the name.
SHORTENED: Final = r"\b(?P<word>(?:[Dd]|[Qq]u)e)(?P<space>[ \u00a0])"

_TAGS = re.compile(r"<[^>]*>")
#: First words whose h is mute: given names, and what firms are called after.
_MUTE = frozenset((
    "hadrien", "hector", "helene", "heloise", "henri", "henriette", "hermine", "herve", "hilaire", "hippolyte",
    "honore", "honorine", "hortense", "hubert", "huguette", "hyacinthe",
    "habitat", "harmonie", "herboristerie", "histoire", "hopital", "horizon", "horizons", "horloge", "horlogerie",
    "horticulture", "hotel", "hotels", "hotellerie", "huile", "huiles", "huissier", "huissiers", "hydraulique",
))  # fmt: skip
#: What begins with a vowel and is not elided before.
_WHOLE = frozenset(("onze", "onzieme", "oui"))


def elides(name: str) -> bool:
    """Whether French shortens « de » before the name, as it is shown (tags are not read)."""
    shown = _TAGS.sub("", name).lstrip().lower().replace("œ", "oe").replace("æ", "ae")
    letters = "".join(each for each in unicodedata.normalize("NFKD", shown) if not unicodedata.combining(each))
    first = re.match(r"[a-z]*", letters)
    word = first[0] if first else ""
    if word.startswith("y"):
        return word[1:2] not in tuple("aeiouy") and len(word) > 1  # Yves, Yvonne; not Yann
    return word in _MUTE or (word.startswith(tuple("aeiou")) and word not in _WHOLE)


def shortened(word: str, space: str, name: str) -> str:
    """`word` ("de", "que") as it stands before `name`: with an apostrophe, or whole with its space."""
    return f"{word[:-1]}’" if elides(name) else word + space
