"""Rights of one member only, kept as what differs from their profile (requirement O6)."""

from collections.abc import Sequence
from uuid import UUID

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import conflict, precondition
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import rights as rules
from parvis_tenancy.domain.catalogue import ADMINISTRATOR
from parvis_tenancy.domain.states import MembershipState
from parvis_tenancy.service import authority, members, messages
from parvis_tenancy.service.fields import Fields
from parvis_tenancy.store import personal, rights

_ACT = "member.rights_set"


async def set_rights(
    unit: UnitOfWork, membership_id: UUID, wanted: Sequence[tenancy_pb2.GrantedRight], *, version: int, reason: str
) -> tenancy_pb2.Member:
    """Makes these all the rights of a member. Raises PRECONDITION built_in, withdrawn, FORBIDDEN above_ceiling,
    out_of_tier, CONFLICT stale_version, INVALID fields_invalid, NOT_FOUND.
    """
    existing = await rights.existing(unit)
    fields = Fields()
    clean = fields.reason(reason)
    asked = fields.rights("rights", [(right.code, int(right.scope)) for right in wanted], existing)
    fields.settle()
    revision = await rights.next_revision(unit, _ACT, clean)
    membership = await members.load(unit, membership_id)
    if membership.version != version:
        raise conflict("stale_version", version=str(membership.version))
    if membership.state == MembershipState.WITHDRAWN:
        raise precondition("withdrawn")
    if membership.profile_built_in == ADMINISTRATOR:
        raise precondition("built_in")
    await authority.may_act_on(unit, membership)
    granted = await authority.rights_of_profile(unit, authority.profile_of(membership))
    old = rules.with_difference(granted, await personal.of_member(unit, membership_id), existing)
    new, carried = rules.settle(old, asked, existing)
    await authority.may_change(unit, old, asked, new)
    async with authority.below_law(unit):
        await personal.replace(unit, membership_id, rules.difference(granted, new))
    membership.version += 1
    authority.membership_changed(unit, membership)
    await authority.rights_changed(unit, revision, membership.id)
    unit.record(_ACT, target_kind="membership", target_id=membership_id, rights=rules.told(new))
    answer = await members.one(unit, membership_id)
    answer.carried.extend(messages.carried(carried))
    return answer
