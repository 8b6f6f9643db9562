"""Whether all anchors still say what the chains say: their signatures, their order, their trees, and what stands at the
anchored places in each service now.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError
from parvis_kit.unit import Database
from parvis_tenancy.domain import anchors
from parvis_tenancy.domain.anchors import Head
from parvis_tenancy.service.anchoring import TrailOf, differing
from parvis_tenancy.store import anchors as store
from parvis_trail.merkle import Tree

if TYPE_CHECKING:
    from uuid import UUID

    from asyncpg import Record

_SELF = Caller("tenancy")
_PAGE = 50


@dataclass(slots=True)
class Checked:
    """What was looked at; `problems` in words."""

    anchors: int = 0
    heads: int = 0
    problems: list[str] = field(default_factory=list)
    #: Public keys of the newest anchor, in hexadecimal: what exports are verified with.
    keys: tuple[str, ...] = ()


async def check(database: Database, trail: TrailOf, own: Sequence[bytes], *, everything: bool = False) -> Checked:
    """Checks every anchor, and the newest head of every chain against the service that has it; with `everything`, every
    head that was ever anchored. `own`: the public keys that the settings know.
    """
    checked, trusted = Checked(), {key.hex() for key in own}
    known: dict[tuple[UUID, str], Head] = {}
    previous, number, day, newest = anchors.NOTHING, 0, "", list[str]()
    async for row, heads in _anchors(database):
        checked.anchors += 1
        told = json.loads(row["statement"])
        name = f"anchor {row['number']} of {told['day']}"
        if row["number"] != number + 1 or told["number"] != row["number"]:
            checked.problems.append(f"{name} does not follow anchor {number}")
        if told["previous"] != previous.hex() or told["day"] <= day:
            checked.problems.append(f"{name} was not made after the one before it")
        if not _signed(row["statement"], told["keys"], row["signatures"]):
            checked.problems.append(f"the signature of {name} is forged")
        known |= {head.chain: head for head in heads}
        tree = await asyncio.to_thread(_tree, list(known.values()), told.get("version", 1))
        if (tree.root.hex(), tree.size) != (told["root"], told["leaves"]):
            checked.problems.append(f"the heads of {name} were changed")
        checked.problems += [
            f"{name} says that {head.service}'s chain of organisation {head.organisation_id} was another one before"
            for head in heads
            if head.broken == row["number"]
        ]
        if everything:
            await _compare(checked, trail, heads)
        number, previous, day = row["number"], anchors.digest(row["statement"]), told["day"]
        newest = told["keys"]
    checked.keys = tuple(newest)
    if checked.keys and not trusted & set(checked.keys):
        checked.problems.append("the newest anchor is signed by none of the keys in PARVIS_ANCHOR_KEYS")
    if not everything:
        await _compare(checked, trail, list(known.values()))
    return checked


async def _anchors(database: Database) -> "AsyncIterator[tuple[Record, list[Head]]]":
    number = 0
    while True:
        async with database.begin(_SELF) as unit:
            rows = await store.behind(unit, number, _PAGE)
            found = [(row, await store.written(unit, row["number"])) for row in rows]
        for each in found:
            yield each
        if len(rows) < _PAGE:
            return
        number = rows[-1]["number"]


async def _compare(checked: Checked, trail: TrailOf, heads: Sequence[Head]) -> None:
    for service in sorted({head.service for head in heads}):
        own = [head for head in heads if head.service == service]
        try:
            found = await differing(trail, service, own)
        except ServiceError as error:
            checked.problems.append(f"{service} could not be asked: {error}")
            continue
        checked.heads += len(own)
        checked.problems += [
            f"{service}: act {head.seq} of organisation {head.organisation_id} is not the one that was anchored"
            for head in found
        ]


def _signed(text: str, keys: Sequence[str], signatures: Sequence[bytes]) -> bool:
    try:
        for key, signature in zip(keys, signatures, strict=True):
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, text.encode())
    except (InvalidSignature, ValueError):
        return False
    return bool(keys)


def _tree(heads: Sequence[Head], version: int) -> Tree:
    return Tree(anchors.leaves(heads, version).values())
