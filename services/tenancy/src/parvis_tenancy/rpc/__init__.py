"""gRPC ⇄ arguments. What each RPC does, and which errors it answers with, stands in the contract."""

from collections.abc import Iterable
from uuid import UUID

from parvis_kit.errors import Violation, invalid
from parvis_kit.ids import parse


def identifiers(field: str, texts: Iterable[str], most: int = 200) -> list[UUID]:
    """The UUIDs of a repeated field. Raises INVALID when one is malformed or there are too many."""
    listed = list(texts)
    if len(listed) > most:
        raise invalid("fields_invalid", [Violation(field, "too_many", {"most": str(most)})])
    return [parse(text, field) for text in listed]
