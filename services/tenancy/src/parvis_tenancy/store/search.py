"""How lists are ordered and searched, and where they begin."""

import re
from collections.abc import Callable
from uuid import UUID

from asyncpg import Record

from parvis_kit.paging import Cursor
from parvis_kit.text import search_key

#: Before every row.
FIRST = Cursor("", UUID(int=0), 0)


def by_name(total: int) -> Callable[[Record], Cursor]:
    """The cursor of a row, in a list by name that has so many of them."""
    return lambda row: Cursor(row["sort_key"], row["id"], total)


def patterns(query: str) -> list[str]:
    """LIKE patterns that must all match a search key: one per word, so "du elo" finds "Élodie Durand"."""
    return [f"%{word}%" for word in search_key(query[:200]).split()]


def sort_key(text: str) -> str:
    """What a list is ordered by: as `search_key`, with numbers padded to ten digits so that "Lot 9" comes before
    "Lot 10".
    """
    return re.sub(r"\d+", lambda digits: digits[0].zfill(10), search_key(text))
