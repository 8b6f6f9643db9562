"""What a daily anchor says, and the leaves of its tree: texts that anybody can make again from an export."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from uuid import UUID

#: Before the first one.
NOTHING = bytes(32)


@dataclass(frozen=True, slots=True, order=True)
class Head:
    """Where a chain ends. In the order of leaves: by organisation, then by service."""

    organisation_id: UUID
    service: str
    seq: int
    digest: bytes

    @property
    def leaf(self) -> bytes:
        """What stands for it in the tree."""
        return f"{self.service}\n{self.organisation_id}\n{self.seq}\n{self.digest.hex()}".encode()

    @property
    def chain(self) -> tuple[UUID, str]:
        """Whose end it is."""
        return self.organisation_id, self.service


def statement(
    *, number: int, day: date, made_at: datetime, previous: bytes, root: bytes, leaves: int, keys: Sequence[bytes]
) -> str:
    """The canonical JSON that is signed. `previous`: digest of the statement before; `keys`: public, present first."""
    told = {
        "number": number,
        "day": day.isoformat(),
        "made_at": made_at.astimezone(UTC).isoformat(),
        "previous": previous.hex(),
        "root": root.hex(),
        "leaves": leaves,
        "keys": [key.hex() for key in keys],
    }
    return json.dumps(told, sort_keys=True, separators=(",", ":"))


def digest(text: str) -> bytes:
    """What the next anchor says of a statement."""
    return sha256(text.encode()).digest()


def gone_back(known: Head, now: Head | None) -> bool:
    """Whether a chain is shorter than it was, or ends otherwise at the same place: it was changed, or restored from an
    older copy.
    """
    return now is None or now.seq < known.seq or (now.seq == known.seq and now.digest != known.digest)
