"""One anchor a day over the audit trails of all services and organisations (docs/adr/0026): the root of a tree over
where every chain ends, signed. Whoever rewrites a chain afterwards (rows, digests and head) cannot make it end where
it did.
"""

import asyncio
import base64
import binascii
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from prometheus_client import Gauge

from parvis.tenancy.v1 import journal_pb2 as pb
from parvis.trail.v1 import trail_pb2, trail_pb2_grpc
from parvis_kit.caller import Caller, acting_for
from parvis_kit.client import Peers
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.ids import parse
from parvis_kit.unit import Database, UnitOfWork
from parvis_tenancy.domain import anchors
from parvis_tenancy.domain.anchors import Chain, Head
from parvis_tenancy.store import anchors as store
from parvis_trail.merkle import Tree
from parvis_watch import jobs
from parvis_watch.logs import evidence

if TYPE_CHECKING:
    from asyncpg import Record

#: Whose trails an anchor covers.
SERVICES = ("billing", "documents", "identity", "notify", "tenancy")
_EVERY = 60.0  # s; how late after midnight an anchor may be
_AT_ONCE = 5_000
_PLACES = 500
_PAGE = 5  # anchors of one answer: each costs a tree over all heads
_SEED = 32
_SELF = Caller("tenancy")
BROKEN = Gauge("parvis_audit_chains_broken", "Chains that the anchors of the last week found changed")
#: The stub of a service's trail.
TrailOf = Callable[[str], trail_pb2_grpc.TrailServiceStub]
_log = structlog.get_logger(__name__)


class Signers:
    """Ed25519 keys (RFC 8032). All of them sign: the first anchor under a new key is vouched for by the key before."""

    def __init__(self, keys: str) -> None:
        """`keys`: base64 of 32 bytes each, separated by commas, the present one first. Raises ValueError."""
        try:
            seeds = [base64.b64decode(each, validate=True) for each in filter(None, map(str.strip, keys.split(",")))]
        except binascii.Error as error:
            raise ValueError("PARVIS_ANCHOR_KEYS: not base64. ./parvis secrets makes one.") from error
        if not seeds or any(len(seed) != _SEED for seed in seeds):
            raise ValueError("PARVIS_ANCHOR_KEYS: at least one key is needed, and each has 32 bytes.")
        self._keys = [Ed25519PrivateKey.from_private_bytes(seed) for seed in seeds]
        self.public = [key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw) for key in self._keys]

    def sign(self, text: str) -> list[bytes]:
        """Signatures in the order of `public`."""
        return [key.sign(text.encode()) for key in self._keys]


class Anchors:
    """Makes them, and hands them out with proofs. `trail` gives the stub of a service's trail."""

    def __init__(
        self,
        database: Database,
        signers: Signers,
        trail: TrailOf,
    ) -> None:
        self._database = database
        self._signers = signers
        self._trail = trail
        #: Trees never change once made.
        self._tree = functools.lru_cache(maxsize=4)(_tree)

    async def make_for_ever(self) -> None:
        """Makes the anchor of each day soon after it has begun, and of the present one where days were missed."""
        while True:
            try:
                await self.make()
                jobs.done("anchor", _EVERY)
            except ServiceError as error:
                if error.kind is not Kind.UNAVAILABLE:
                    raise
                _log.warning("audit_anchor_waits", why=str(error))
            async with self._database.begin(_SELF) as unit:
                BROKEN.set(await store.broken(unit))
            await asyncio.sleep(_EVERY)

    async def make(self) -> bool:
        """Makes today's anchor, by the database's clock; False when there is one. Nothing is signed in part: raises
        UNAVAILABLE while a service does not say where its chains end, and what stands where they ended before.
        """
        async with self._database.begin(_SELF) as unit:
            if (await store.today(unit))["done"]:
                return False
            last = await store.last(unit)
            number = last["number"] + 1 if last else 1
            kept = set(await store.heads(unit, number - 1))
            said, gone = await store.said(unit, number - 1)
            known = {head.chain: head for head in said}
        found = await asyncio.gather(*(self._heads(service) for service in SERVICES))
        now = {head.chain: head for heads in found for head in heads}
        # A chain that was gone before is broken since then, and not anew each day.
        there = {chain: head for chain, head in known.items() if chain in now or chain not in gone}
        broken = await self._broken(there, now)
        heads = anchors.followed(known, now, broken, number)
        tree = await asyncio.to_thread(_tree, tuple(heads))
        async with self._database.begin(_SELF) as unit:
            await store.hold(unit)
            today, newest = await store.today(unit), await store.last(unit)
            if today["done"] or (newest["number"] if newest else 0) != number - 1:
                return False
            text = anchors.statement(
                number=number, day=today["day"], made_at=today["now"],
                previous=anchors.digest(last["statement"]) if last else anchors.NOTHING,
                root=tree.root, leaves=tree.size, keys=self._signers.public,
            )  # fmt: skip
            back = gone & now.keys()
            moved = [head for head in heads if head not in kept or head.chain in back]
            await store.keep(unit, today, number, text, self._signers.sign(text), moved)
        # Whoever collects logs elsewhere has a copy that nobody here can change.
        evidence.info("audit_anchored", number=number, day=str(today["day"]), digest=anchors.digest(text).hex())
        for organisation_id, service in sorted(broken):
            evidence.error(
                "audit_chain_broken",
                service=service,
                organisation=str(organisation_id),
                seq=known[organisation_id, service].seq,
                anchor=number,
            )
        return True

    async def _broken(self, known: Mapping[Chain, Head], now: Mapping[Chain, Head]) -> set[Chain]:
        """The chains that are no longer those that were anchored: gone, shorter, or with another act at that place."""
        broken = {chain for chain, head in known.items() if anchors.shorter(head, now.get(chain))}
        for service in SERVICES:
            kept = [head for chain, head in known.items() if head.service == service and chain not in broken]
            broken |= {head.chain for head in await differing(self._trail, service, kept)}
        return broken

    async def _heads(self, service: str) -> list[Head]:
        found: list[Head] = []
        more, after = True, ""
        while more:
            with acting_for(None):
                request = trail_pb2.ListHeadsRequest(after=after, page_size=_AT_ONCE)
                answer = await self._trail(service).ListHeads(request)
            found += [Head(parse(each.organisation_id), service, each.seq, each.digest) for each in answer.heads]
            more = answer.more
            after = answer.heads[-1].organisation_id if answer.heads else ""
        return found

    async def proven(self, unit: UnitOfWork, after: int) -> tuple[list[pb.ProvenAnchor], bool]:
        """Anchors behind a number with the proofs of the caller's organisation, and whether there are more."""
        rows = await store.behind(unit, after, _PAGE + 1)
        return [await self._proven(unit, row) for row in rows[:_PAGE]], len(rows) > _PAGE

    async def _proven(self, unit: UnitOfWork, row: "Record") -> pb.ProvenAnchor:
        found = pb.ProvenAnchor(anchor=_anchor(row))
        heads = await store.heads(unit, row["number"]) if anchors.version(row["statement"]) == anchors.VERSION else []
        own = [head for head in heads if head.organisation_id == unit.organisation_id]
        if own:
            tree = await asyncio.to_thread(self._tree, tuple(heads))
            found.index = sorted({head.organisation_id for head in heads}).index(unit.organisation_id)
            found.path.extend(tree.proof(found.index))
            for head in own:
                found.heads.add(
                    service=head.service, seq=head.seq, digest=head.digest, began=head.began, broken=head.broken
                )
        return found


async def differing(trail: TrailOf, service: str, heads: Sequence[Head]) -> list[Head]:
    """Those of a service's heads where something else stands now, or nothing. Raises UNAVAILABLE."""
    found = []
    for at in range(0, len(heads), _PLACES):
        part = heads[at : at + _PLACES]
        places = [trail_pb2.ChainPlace(organisation_id=str(each.organisation_id), seq=each.seq) for each in part]
        with acting_for(None):
            answer = await trail(service).BatchGetDigests(trail_pb2.BatchGetDigestsRequest(places=places))
        found += [head for head, digest in zip(part, answer.digests, strict=True) if head.digest != digest]
    return found


async def cover(unit: UnitOfWork, service: str, seq: int) -> pb.Cover:
    """The first anchor that covers an act of the caller's organisation."""
    row = await store.covering(unit, service, unit.organisation_id, seq)
    return pb.Cover(anchor=_anchor(row) if row else None)


def trails_of(peers: Peers) -> TrailOf:
    """The trails of services, this one's too: it is asked as the others are."""
    return lambda service: trail_pb2_grpc.TrailServiceStub(peers.channel(service))


def _anchor(row: "Record") -> pb.Anchor:
    return pb.Anchor(number=row["number"], statement=row["statement"], signatures=row["signatures"])


def _tree(heads: tuple[Head, ...]) -> Tree:
    return Tree(anchors.leaves(heads).values())
