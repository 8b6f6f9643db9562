"""« de » and « que » before a name: « l’accès d’Anne », « ce qu’Hélène voit », but « l’accès de Hugo », « de Yann ».

Translations are written with the whole word; it is shortened where the name is filled in, since only then is it known
how it begins. What both forms are said of (Hugo, Hugues) keeps the whole word.
"""

import re
import unicodedata
from collections.abc import Mapping

_BEFORE_NAME = re.compile(r"\b([Dd]|[Qq]u)e[ \u00a0]%\((\w+)\)s")
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


def elided(text: str, values: Mapping[str, object]) -> str:
    """A French message before its `%(name)s` are filled in, with « d’ » and « qu’ » where the values want them."""

    def chosen(found: re.Match[str]) -> str:
        written, name = found[1], found[2]
        short = name in values and elides(str(values[name]))
        return f"{written}’%({name})s" if short else found[0]

    return _BEFORE_NAME.sub(chosen, text)
