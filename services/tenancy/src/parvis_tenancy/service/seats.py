"""Seats (P14): who may be assigned a product, while there are seats for it.

Every act here comes after `next_revision`, which makes changes of one organisation follow each other; the subscription
is locked as well, since the seats that were bought change from elsewhere.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from asyncpg import Record

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError, not_found, precondition
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.seats import Place, Seats, Shortage
from parvis_tenancy.domain.states import OPEN_STATES
from parvis_tenancy.models import Membership
from parvis_tenancy.service import authority
from parvis_tenancy.service.fields import Fields
from parvis_tenancy.store import decisions, members, organisations, rights, seats, structures

RIGHT = "products.assign"
MOST = 1_000_000


async def assign(unit: UnitOfWork, product_id: UUID, membership_id: UUID, *, assigned: bool) -> None:
    """Assigns a product to a member, or takes it back; does nothing when it is so.

    Raises PRECONDITION not_subscribed, seats_exhausted, NOT_FOUND member_not_found, FORBIDDEN out_of_tier.
    """
    act = "product.assigned" if assigned else "product.taken_back"
    revision = await rights.next_revision(unit, act)
    membership = await members.load(unit, membership_id)
    if membership is None or (assigned and membership.state not in OPEN_STATES):
        raise not_found("member_not_found")
    await authority.in_tier(unit, membership.structure_id, right=RIGHT)
    product, counted = await _counted(unit, product_id)
    if assigned == (product_id in await seats.products_of(unit, membership_id)):
        return
    if assigned:
        await _enough(unit, product, counted, {membership.structure_id: 1})
        await seats.assign(unit, product_id, [membership_id])
    else:
        await seats.take_back(unit, membership_id, [product_id])
    unit.record(act, target_kind="membership", target_id=membership_id, product=str(product_id))
    authority.grants_changed(unit, revision, membership_id)


async def assign_structure(unit: UnitOfWork, product_id: UUID, structure_id: UUID, *, assigned: bool) -> int:
    """Assigns a product to all invited and active members of a structure and of those below it, or takes it back from
    all of them; returns for how many it changed. All or none: raises PRECONDITION not_subscribed, seats_exhausted,
    NOT_FOUND structure_not_found, FORBIDDEN out_of_tier.
    """
    act = "product.assigned_to_structure" if assigned else "product.taken_back_from_structure"
    revision = await rights.next_revision(unit, act)
    if await members.structure(unit, structure_id) is None:
        raise not_found("structure_not_found")
    await authority.in_tier(unit, structure_id, right=RIGHT)
    product, counted = await _counted(unit, product_id)
    if assigned:
        lacking = await seats.lacking(unit, product_id, structure_id)
        await _enough(unit, product, counted, Counter(row["structure_id"] for row in lacking))
        changed = [row["id"] for row in lacking]
        await seats.assign(unit, product_id, changed)
    else:
        changed = await seats.take_back_below(unit, product_id, structure_id)
    if changed:
        details = {"product": str(product_id), "members": str(len(changed))}
        unit.record(act, target_kind="structure", target_id=structure_id, **details)
        authority.grants_changed(unit, revision, *changed)
    return len(changed)


async def reserve(
    unit: UnitOfWork, product_id: UUID, structure_id: UUID, wanted: int | None
) -> tenancy_pb2.ProductAssignments:
    """Reserves a part of a product's seats to a structure, or (None) nothing any more. What is reserved never exceeds
    what is bought, nor leaves those who hold a seat without one. What one structure gets, others have no more: it takes
    somebody who administers all of them.

    Raises PRECONDITION not_subscribed, seats_short, seats_held, NOT_FOUND structure_not_found, INVALID fields_invalid,
    FORBIDDEN out_of_tier.
    """
    fields = Fields()
    if wanted is not None and not 0 <= wanted <= MOST:
        fields.wrong("seats", "out_of_range", least="0", most=str(MOST))
    fields.settle()
    await rights.next_revision(unit, "seats.reserved")
    if await members.structure(unit, structure_id) is None:
        raise not_found("structure_not_found")
    await authority.in_tier(unit, None, right=RIGHT)
    product, counted = await _counted(unit, product_id)
    if wanted is not None:
        # Where nothing was reserved yet, nobody has asked for the tree.
        counted = replace(counted, parents=await structures.parents(unit))
        if (found := counted.against(structure_id, wanted)) is not None:
            raise await _refused(unit, *found, product)
    await seats.reserve(unit, product_id, structure_id, wanted)
    told = "" if wanted is None else str(wanted)
    unit.record("seats.reserved", target_kind="structure", target_id=structure_id, product=str(product_id), seats=told)
    return (await listed(unit, None, product_id=product_id))[0]


async def may_be_taken(
    unit: UnitOfWork, product_ids: Sequence[UUID], place: Place, *, locked: bool = False
) -> list[tuple[Record, Seats]]:
    """The products, when whoever joins at this place can be given them all by the caller.

    Raises FORBIDDEN right_missing, out_of_tier, PRECONDITION not_subscribed, seats_exhausted.
    """
    if not product_ids:
        return []
    if RIGHT not in await authority.own_rights(unit):
        raise await authority.refusal(unit, "right_missing", RIGHT)
    await authority.in_tier(unit, place, right=RIGHT)
    if locked:
        await seats.lock(unit, product_ids)
    found = await seats.subscribed(unit, product_ids)
    if len(found) < len(set(product_ids)):
        raise precondition("not_subscribed")
    for product, counted in found:
        await _enough(unit, product, counted, {place: 1})
    return found


async def take(unit: UnitOfWork, membership: Membership, product_ids: Sequence[UUID]) -> None:
    """Assigns products to somebody who joins, all of them or none: raises what `may_be_taken` raises.

    Only under `next_revision`, whose caller broadcasts.
    """
    for product, _ in await may_be_taken(unit, product_ids, membership.structure_id, locked=True):
        await seats.assign(unit, product["id"], [membership.id])
        unit.record("product.assigned", target_kind="membership", target_id=membership.id, product=str(product["id"]))


async def take_again(unit: UnitOfWork, membership: Membership) -> list[str]:
    """Whose access is opened again takes the seats that they held. They join without those that nobody has left for
    them: returns the names of these products. Only under `next_revision`, before the membership is open.
    """
    had = await seats.products_of(unit, membership.id)
    await seats.lock(unit, had)
    lost = [
        product
        for product, counted in await seats.subscribed(unit, had)
        if counted.shortage({membership.structure_id: 1}) is not None
    ]
    await seats.take_back(unit, membership.id, [product["id"] for product in lost])
    for product in lost:
        unit.record("product.lost", target_kind="membership", target_id=membership.id, product=str(product["id"]))
    return [product["name"] for product in lost]


async def give_up(unit: UnitOfWork, membership: Membership) -> None:
    """Whose invitation is taken back has no product any more."""
    for product_id in await seats.take_back(unit, membership.id):
        unit.record("product.taken_back", target_kind="membership", target_id=membership.id, product=str(product_id))


async def listed(
    unit: UnitOfWork, membership_id: UUID | None, *, product_id: UUID | None = None, named: bool = True
) -> list[tenancy_pb2.ProductAssignments]:
    """The subscribed products (or the one asked for) by name, each with its seats and, when they are to be `named`, the
    members (or the one asked for) that hold one.
    """
    wanted = None if product_id is None else [product_id]
    holders = await seats.holders(unit, membership_id, wanted) if named else {}
    found = await seats.subscribed(unit, wanted)
    reserved = {structure for _, counted in found for structure in counted.reserved}
    names = {each.id: each.name for each in await organisations.structures(unit)} if reserved else {}
    return [_message(product, counted, holders.get(product["id"], ()), names) for product, counted in found]


def _message(
    product: Record, counted: Seats, holders: Sequence[UUID], names: Mapping[UUID, str]
) -> tenancy_pb2.ProductAssignments:
    open_pool = counted.own(None)
    parts = {structure: counted.part(structure) for structure in names if structure in counted.reserved}
    return tenancy_pb2.ProductAssignments(
        product_id=str(product["id"]),
        product_name=product["name"],
        membership_ids=map(str, holders),
        seats=counted.bought,
        used=counted.used,
        over=counted.over,
        reserved=[
            tenancy_pb2.StructureSeats(
                structure_id=str(structure), structure_name=names[structure], seats=part.seats or 0, used=part.used
            )
            for structure, part in parts.items()
        ],
        open_seats=open_pool.seats,
        open_used=open_pool.used,
    )


async def _counted(unit: UnitOfWork, product_id: UUID) -> tuple[Record, Seats]:
    """A subscribed product and its seats, which nobody else changes until the end. Raises PRECONDITION."""
    await seats.lock(unit, [product_id])
    found = await seats.subscribed(unit, [product_id])
    if not found:
        raise precondition("not_subscribed")
    return found[0]


async def _enough(unit: UnitOfWork, product: Record, counted: Seats, wanted: Mapping[Place, int]) -> None:
    """Raises PRECONDITION seats_exhausted when so many more cannot hold a seat."""
    if (short := counted.shortage(wanted)) is not None:
        raise await _refused(unit, "seats_exhausted", short, product)


async def _refused(unit: UnitOfWork, reason: str, short: Shortage, product: Record) -> ServiceError:
    """What is missing of which product, and who can help: the provider sells seats, assigners share them out."""
    provider = await organisations.entry(unit, product["provider_id"])
    structure = None if short.structure_id is None else await members.structure(unit, short.structure_id)
    return precondition(
        reason,
        product=product["name"],
        product_id=str(product["id"]),
        structure="" if structure is None else structure.name,
        seats=str(short.seats),
        used=str(short.used),
        missing=str(short.missing),
        provider="" if provider is None else provider.name,
        helpers=", ".join(await decisions.names_of_holders(unit, RIGHT, but=unit.caller.membership_id)),
    )
