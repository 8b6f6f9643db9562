"""The files that an export of what is kept holds: every version of every document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from parvis_documents.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class Versions:
    """See `parvis_records.Files`."""

    kind: ClassVar[str] = "versions"
    objects: ObjectStore

    def described(self, content: Mapping[str, Any]) -> tuple[str, int, str]:
        """Name, bytes and SHA-256 of a version."""
        return content["name"], content["size"], content["sha256"]

    async def read(self, row: Mapping[str, Any], offset: int, most: int) -> bytes:
        """A piece of a version. Raises KeyError when the store has it no more."""
        left = row["size"] - offset
        return await self.objects.piece(row["object_key"], offset, min(left, most)) if left > 0 else b""
