"""The hierarchy of members: who is attached to whom, and what a move would change, shown before it is done (O7)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from uuid import UUID

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import conflict, invalid, not_found, precondition
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import ceiling
from parvis_tenancy.domain.ceiling import Gain
from parvis_tenancy.domain.facts import Facts
from parvis_tenancy.domain.scopes import Hierarchy
from parvis_tenancy.domain.states import OPEN_STATES, MembershipState
from parvis_tenancy.models import Membership
from parvis_tenancy.service import authority
from parvis_tenancy.service import members as staff
from parvis_tenancy.service.fields import Fields
from parvis_tenancy.store import facts, hierarchy, members, rights
from parvis_tenancy.store.facts import Moment

_ACT = "member.moved"
#: Members that a preview names.
_SHOWN = 100


async def move(
    unit: UnitOfWork, membership_id: UUID, superior_id: UUID | None, *, version: int, reason: str
) -> tenancy_pb2.Member:
    """Attaches a member, with everybody below them, to a superior (none: to the top). One row changes, at one instant:
    nobody sees a state between the two.

    Raises INVALID hierarchy_cycle, CONFLICT stale_version, PRECONDITION withdrawn, not_active (the superior), FORBIDDEN
    above_ceiling, out_of_tier, NOT_FOUND member_not_found.
    """
    fields = Fields()
    clean = fields.reason(reason)
    fields.settle()
    revision = await rights.next_revision(unit, _ACT, clean)
    membership = await staff.load(unit, membership_id)
    if membership.version != version:
        raise conflict("stale_version", version=str(membership.version))
    if superior_id == membership.manager_id:
        return await staff.one(unit, membership_id)
    await _may_move(unit, membership, superior_id)
    async with authority.below_law(unit):
        membership.manager_id = superior_id
    membership.version += 1
    authority.membership_changed(unit, membership)
    authority.grants_changed(unit, revision)
    unit.record(_ACT, target_kind="membership", target_id=membership_id, manager=str(superior_id or ""))
    return await staff.one(unit, membership_id)


async def preview(unit: UnitOfWork, membership_id: UUID, superior_id: UUID | None) -> tenancy_pb2.MovePreview:
    """What `move` would change for whom. Raises what it raises, but for above_ceiling, which the answer tells."""
    membership = await unit.get(Membership, (unit.organisation_id, membership_id))
    if membership is None or membership_id not in (before := await authority.everybody(unit)).members:
        raise not_found("member_not_found")
    await _may_move(unit, membership, superior_id)
    moved = replace(before.members[membership_id], superior=superior_id)
    after = replace(before, members={**before.members, membership_id: moved})
    changes = await _changes(unit, before, after)
    names = await members.names(unit, changes)
    shown = sorted(changes, key=lambda each: names[each][1])[:_SHOWN]
    return tenancy_pb2.MovePreview(
        changes=[changes[each].message(each, names[each][0]) for each in shown],
        total=len(changes),
        beyond=ceiling.beyond(before, after, unit.caller.membership_id, unit.now),
        moved=1 + len(before.hierarchy.below(membership_id)),
    )


async def _may_move(unit: UnitOfWork, membership: Membership, superior_id: UUID | None) -> None:
    if membership.state == MembershipState.WITHDRAWN:
        raise precondition("withdrawn")
    await authority.may_act_on(unit, membership)
    if superior_id is None:
        return
    superior = await unit.get(Membership, (unit.organisation_id, superior_id))
    if superior is None or superior.profile_id is None or superior.state == MembershipState.WITHDRAWN:
        raise not_found("member_not_found")
    if superior.state not in OPEN_STATES:
        raise precondition("not_active", name=f"{superior.given_name} {superior.family_name}")
    if Hierarchy(await facts.superiors(unit, Moment(unit.now))).moves_in_a_circle(membership.id, superior_id):
        raise invalid("hierarchy_cycle", name=f"{superior.given_name} {superior.family_name}")


@dataclass(slots=True)
class _Change:
    """What becomes otherwise for one member."""

    gained: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    more: int = 0
    less: int = 0

    def message(self, membership_id: UUID, name: str) -> tenancy_pb2.ReachChange:
        return tenancy_pb2.ReachChange(
            membership_id=str(membership_id),
            name=name,
            gained=self.gained,
            lost=self.lost,
            contacts_more=self.more,
            contacts_less=self.less,
        )


async def _changes(unit: UnitOfWork, before: Facts, after: Facts) -> dict[UUID, _Change]:
    found: dict[UUID, _Change] = defaultdict(_Change)
    counts: dict[tuple[frozenset[UUID], frozenset[UUID]], int] = {}
    gained = _by_member(ceiling.gains(before, after, unit.now))
    lost = _by_member(ceiling.gains(after, before, unit.now))
    for each, gains in gained.items():
        found[each].gained = [gain.right for gain in gains if gain.at == unit.now]
        found[each].more = await _count(unit, gains, counts)
    for each, gains in lost.items():
        found[each].lost = [gain.right for gain in gains if gain.at == unit.now]
        found[each].less = await _count(unit, gains, counts)
    return found


def _by_member(gains: Iterable[Gain]) -> dict[UUID, list[Gain]]:
    found: dict[UUID, list[Gain]] = defaultdict(list)
    for gain in gains:
        found[gain.member].append(gain)
    return found


async def _count(
    unit: UnitOfWork, gains: list[Gain], counts: dict[tuple[frozenset[UUID], frozenset[UUID]], int]
) -> int:
    """How many contacts more a member sees; where no contact is seen, with the right that gains the most."""
    seeing = [gain for gain in gains if gain.right == "contacts.read"] or gains
    most = 0
    for gain in seeing:
        if gain.more is None or gain.had is None:
            continue
        key = gain.more, gain.had
        if key not in counts:
            counts[key] = await hierarchy.contacts_of(unit, gain.more, but=gain.had)
        most = max(most, counts[key])
    return most
