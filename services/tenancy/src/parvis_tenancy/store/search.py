"""How lists are searched and where they begin."""

from uuid import UUID

from parvis_kit.text import search_key
from parvis_tenancy.domain.paging import Cursor

#: Before every row.
FIRST = Cursor("", UUID(int=0), 0)


def patterns(query: str) -> list[str]:
    """LIKE patterns that must all match a search key: one per word, so "du elo" finds "Élodie Durand"."""
    return [f"%{word}%" for word in search_key(query[:200]).split()]
