"""One anchor a day over the audit trails of all services and organisations (docs/adr/0026): the root of a tree over
where every chain ends, signed. Whoever rewrites a chain afterwards (rows, digests and head) cannot make it end where
it did.
"""

import asyncio
import base64
import binascii
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from parvis.tenancy.v1 import journal_pb2 as pb
from parvis.trail.v1 import trail_pb2, trail_pb2_grpc
from parvis_kit.caller import Caller, acting_for
from parvis_kit.client import Peers
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.ids import parse
from parvis_kit.unit import Database, UnitOfWork
from parvis_tenancy.domain import anchors
from parvis_tenancy.domain.anchors import Head
from parvis_tenancy.store import anchors as store
from parvis_trail.merkle import Tree

if TYPE_CHECKING:
    from asyncpg import Record

#: Whose trails an anchor covers.
SERVICES = ("billing", "documents", "identity", "notify", "tenancy")
_EVERY = 60.0  # s; how late after midnight an anchor may be
_AT_ONCE = 5_000
_PAGE = 5  # anchors of one answer: each costs a tree over all heads
_SEED = 32
_SELF = Caller("tenancy")
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
            except ServiceError as error:
                if error.kind is not Kind.UNAVAILABLE:
                    raise
                _log.warning("audit_anchor_waits", why=str(error))
            await asyncio.sleep(_EVERY)

    async def make(self) -> bool:
        """Makes today's anchor, by the database's clock; False when there is one. Nothing is signed in part: raises
        UNAVAILABLE while a service does not say where its chains end.
        """
        async with self._database.begin(_SELF) as unit:
            if (await store.today(unit))["done"]:
                return False
        found = await asyncio.gather(*(self._heads(service) for service in SERVICES))
        now = {head.chain: head for heads in found for head in heads}
        async with self._database.begin(_SELF) as unit:
            await store.hold(unit)
            today, last = await store.today(unit), await store.last(unit)
            if today["done"]:
                return False
            number = last["number"] + 1 if last else 1
            known = {head.chain: head for head in await store.heads(unit, number - 1)}
            for chain, head in known.items():
                if anchors.gone_back(head, now.get(chain)):
                    _log.error(
                        "audit_chain_went_back",
                        service=head.service,
                        organisation=str(head.organisation_id),
                        seq=head.seq,
                    )
            moved = [head for chain, head in now.items() if known.get(chain) != head]
            tree = await asyncio.to_thread(_tree, tuple(sorted((known | now).values())))
            text = anchors.statement(
                number=number, day=today["day"], made_at=today["now"],
                previous=anchors.digest(last["statement"]) if last else anchors.NOTHING,
                root=tree.root, leaves=tree.size, keys=self._signers.public,
            )  # fmt: skip
            await store.keep(unit, today, number, text, self._signers.sign(text), moved)
        # Whoever collects logs elsewhere has a copy that nobody here can change.
        _log.info("audit_anchored", number=number, day=str(today["day"]), digest=anchors.digest(text).hex())
        return True

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
        numbers = [row["number"] for row in rows[:_PAGE]]
        moved = {(row["anchor"], row["service"]) for row in await store.moved(unit, unit.organisation_id, numbers)}
        found = []
        for row in rows[:_PAGE]:
            services = [service for service in SERVICES if (row["number"], service) in moved]
            heads = await self._proofs(unit, row["number"], services) if services else []
            found.append(pb.ProvenAnchor(anchor=_anchor(row), heads=heads))
        return found, len(rows) > _PAGE

    async def _proofs(self, unit: UnitOfWork, number: int, services: Sequence[str]) -> list[pb.AnchoredHead]:
        heads = await store.heads(unit, number)
        tree = await asyncio.to_thread(self._tree, tuple(heads))
        places = {head.chain: place for place, head in enumerate(heads)}
        found = []
        for service in services:
            index = places[unit.organisation_id, service]
            head = heads[index]
            found.append(
                pb.AnchoredHead(service=service, seq=head.seq, digest=head.digest, index=index, path=tree.proof(index))
            )
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
    return Tree(head.leaf for head in heads)
