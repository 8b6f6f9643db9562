"""Pages of lists: one cursor for all of them."""

from collections.abc import Sequence
from typing import TypeVar

from parvis_kit.errors import Violation, invalid
from parvis_tenancy.domain import paging
from parvis_tenancy.service import messages

Row = TypeVar("Row", bound=messages.Row)


def cursor(page_token: str) -> paging.Cursor | None:
    """Where the page begins. Raises INVALID when the token is none of ours."""
    try:
        return paging.decode(page_token)
    except paging.WrongCursorError:
        raise invalid("fields_invalid", [Violation("page_token", "page_token_invalid")]) from None


def cut(rows: Sequence[Row], size: int, total: int) -> tuple[Sequence[Row], str]:
    """The rows of a page and the token of the next one, out of one row more than the page has."""
    if len(rows) <= size:
        return rows, ""
    last = rows[size - 1]
    return rows[:size], paging.encode(paging.Cursor(last["sort_key"], last["id"], total))
