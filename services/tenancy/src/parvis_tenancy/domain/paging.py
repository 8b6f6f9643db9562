"""Cursors of lists: where a page ended, opaque to whoever carries it.

A cursor holds the sort key and the identifier of the last row, so the next page begins right after it whatever
was added or removed meanwhile, and the total that was counted for the first page. It opens nothing: each page
applies the caller's scope again, so a cursor that somebody wrote by hand only moves the place where their own
list begins.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from uuid import UUID

DEFAULT_SIZE = 50
LARGEST_SIZE = 200
_LONGEST_TOKEN = 2_000


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page, and the total of the list."""

    key: str
    id: UUID
    total: int


class WrongCursorError(ValueError):
    """The text is no cursor of ours."""


def page_size(asked: int) -> int:
    """Rows of a page: 50 unless asked, never more than 200."""
    return min(asked, LARGEST_SIZE) if asked > 0 else DEFAULT_SIZE


def encode(cursor: Cursor) -> str:
    """The cursor as a page token (unpadded base64url)."""
    packed = json.dumps([cursor.key, cursor.id.hex, cursor.total], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def decode(token: str) -> Cursor | None:
    """The cursor of a page token; None for the empty one (the first page). Raises WrongCursorError."""
    if not token:
        return None
    if len(token) > _LONGEST_TOKEN:
        raise WrongCursorError
    try:
        padded = token + "=" * (-len(token) % 4)
        key, identifier, total = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        cursor = Cursor(key, UUID(hex=identifier), total)
        key.encode()  # half a surrogate pair is no text
    except (binascii.Error, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise WrongCursorError from error
    if not isinstance(key, str) or "\0" in key or type(total) is not int or not 0 <= total < 2**63:
        raise WrongCursorError
    return cursor
