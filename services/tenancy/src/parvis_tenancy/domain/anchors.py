"""What a daily anchor says, and the leaves of its tree: texts that anybody can make again from an export."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from hashlib import sha256
from itertools import groupby
from uuid import UUID

#: Before the first one.
NOTHING = bytes(32)
#: What statements say since a leaf holds all chains of an organisation; before, each chain had one.
VERSION = 2
#: Whose chain: an organisation's, in a service.
Chain = tuple[UUID, str]


@dataclass(frozen=True, slots=True, order=True)
class Head:
    """Where a chain ends. In order: by organisation, then by service."""

    organisation_id: UUID
    service: str
    seq: int
    digest: bytes
    #: The anchor since which the chain has been there; 0: since before anchors said so.
    began: int = 0
    #: The last anchor at which the chain was not the one that was anchored before; 0: none.
    broken: int = 0

    @property
    def chain(self) -> Chain:
        """Whose end it is."""
        return self.organisation_id, self.service


def statement(
    *, number: int, day: date, made_at: datetime, previous: bytes, root: bytes, leaves: int, keys: Sequence[bytes]
) -> str:
    """The canonical JSON that is signed. `previous`: digest of the statement before; `keys`: public, present first."""
    told = {
        "version": VERSION,
        "number": number,
        "day": day.isoformat(),
        "made_at": made_at.astimezone(UTC).isoformat(),
        "previous": previous.hex(),
        "root": root.hex(),
        "leaves": leaves,
        "keys": [key.hex() for key in keys],
    }
    return json.dumps(told, sort_keys=True, separators=(",", ":"))


def version(text: str) -> int:
    """That of a statement."""
    return int(json.loads(text).get("version", 1))


def digest(text: str) -> bytes:
    """What the next anchor says of a statement."""
    return sha256(text.encode()).digest()


def leaves(heads: Sequence[Head], version: int = VERSION) -> dict[UUID | Chain, bytes]:
    """The leaves of an anchor's tree, in its order, by what each stands for: an organisation with the ends of all its
    chains, so that none can be left out; in the first version a chain.
    """
    if version == 1:
        return {
            each.chain: f"{each.service}\n{each.organisation_id}\n{each.seq}\n{each.digest.hex()}".encode()
            for each in sorted(heads)
        }
    return {
        organisation_id: "\n".join([str(organisation_id), *map(_line, own)]).encode()
        for organisation_id, own in groupby(sorted(heads), lambda each: each.organisation_id)
    }


def _line(head: Head) -> str:
    return f"{head.service} {head.seq} {head.digest.hex()} {head.began} {head.broken}"


def shorter(known: Head, now: Head | None) -> bool:
    """Whether a chain is gone or shorter than it was anchored: nobody needs to be asked what stands there."""
    return now is None or now.seq < known.seq


def followed(
    known: Mapping[Chain, Head], now: Mapping[Chain, Head], broken: Collection[Chain], number: int
) -> list[Head]:
    """Every chain as anchor `number` says it: where it ends now, since when it has been there, and whether it is
    another one than was anchored before.
    """
    found = []
    for chain in known.keys() | now.keys():
        before = known.get(chain)
        head = replace(now.get(chain) or known[chain], began=before.began if before else number)
        found.append(replace(head, broken=number if chain in broken else before.broken if before else 0))
    return sorted(found)
