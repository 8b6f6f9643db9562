"""Pages of lists: how long they are, and cursors, which are opaque to whoever carries them.

A cursor holds the sort key and the identifier of a page's last row, so the next page begins right after it whatever
was added or removed meanwhile, and the total that was counted for the first page. It opens nothing: each page applies
the caller's scope again, so a cursor that somebody wrote by hand only moves the place where their own list begins.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from parvis_kit.errors import ServiceError, Violation, invalid

Row = TypeVar("Row")
DEFAULT, LARGEST = 50, 200


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page, by what the list is ordered by, and the total of the list."""

    key: str
    id: UUID
    total: int

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(f"{self.total}.{self.id.hex}.{self.key}".encode()).decode().rstrip("=")


def size(asked: int) -> int:
    """Rows of a page: 50 unless asked, never more than 200."""
    return min(asked, LARGEST) if asked > 0 else DEFAULT


def cursor(token: str) -> Cursor | None:
    """Where a page begins; None for the first one, whose token is empty. Raises INVALID when it is none of ours."""
    if not token:
        return None
    try:
        total, identifier, key = base64.urlsafe_b64decode(token + "==").decode().split(".", 2)
        found = Cursor(key, UUID(identifier), int(total))
    except ValueError:
        raise refusal() from None
    if "\0" in key or not 0 <= found.total < 2**63:  # what PostgreSQL and protobuf could not take
        raise refusal()
    return found


def refusal() -> ServiceError:
    """The error for a token that is no cursor of the list."""
    return invalid("malformed_request", [Violation("page_token", "not_a_page_token")])


def cut(rows: Sequence[Row], size: int, last: Callable[[Row], Cursor]) -> tuple[Sequence[Row], str]:
    """The rows of a page and the token of the next one, out of one row more than the page has."""
    return (rows[:size], str(last(rows[size - 1]))) if len(rows) > size else (rows, "")
