"""What limits one member: the part of the organisation that they administer, how many accesses they may grant; whether
they advise, and when they are absent (requirement O5).
"""

from uuid import UUID

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import conflict, precondition
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.states import MembershipState
from parvis_tenancy.models import Membership
from parvis_tenancy.service import authority, members
from parvis_tenancy.service.fields import Fields
from parvis_tenancy.store import rights

_ACT = "member.limited"
MOST_ACCESSES = 1_000_000
GRANTS = "accesses.manage"


async def set_limits(
    unit: UnitOfWork, membership_id: UUID, wanted: tenancy_pb2.SetMemberLimitsRequest
) -> tenancy_pb2.Member:
    """Sets all of a member's limits. Raises PRECONDITION last_administrator, withdrawn, step_up_required (for another
    part or quota: absences are everyday), FORBIDDEN out_of_tier, above_ceiling, CONFLICT stale_version, INVALID
    fields_invalid, NOT_FOUND member_not_found, structure_not_found.
    """
    fields = Fields()
    reason = fields.reason(wanted.reason)
    quota = wanted.access_quota if wanted.HasField("access_quota") else None
    if quota is not None and not 0 <= quota <= MOST_ACCESSES:
        fields.wrong("access_quota", "out_of_range", least="0", most=str(MOST_ACCESSES))
    absent_from = fields.moment("absent_from", wanted, required=wanted.HasField("absent_until"))
    absent_until = fields.moment("absent_until", wanted)
    if absent_from is not None and absent_until is not None and absent_until <= absent_from:
        fields.wrong("absent_until", "ends_before_start")
    fields.settle()
    tier_id = await members.existing_structure(unit, wanted.tier_id, field="tier_id")
    revision = await rights.next_revision(unit, _ACT, reason)
    membership = await members.load(unit, membership_id)
    if membership.version != wanted.version:
        raise conflict("stale_version", version=str(membership.version))
    if membership.state == MembershipState.WITHDRAWN:
        raise precondition("withdrawn")
    await authority.in_tier(unit, membership.structure_id, right=authority.MANAGE)
    if (tier_id, quota) != (membership.tier_id, membership.access_quota):
        authority.proven(unit)
    if tier_id != membership.tier_id:
        await _limit(unit, membership, tier_id)
        authority.grants_changed(unit, revision, membership_id)
    if quota != membership.access_quota:
        await _grant(unit, membership, quota)
    membership.is_adviser = wanted.is_adviser
    membership.absent_from, membership.absent_until = absent_from, absent_until
    membership.version += 1
    authority.membership_changed(unit, membership)
    told = {"tier": str(tier_id or ""), "quota": "" if quota is None else str(quota)}
    unit.record(_ACT, target_kind="membership", target_id=membership_id, **told)
    return await members.one(unit, membership_id)


async def _limit(unit: UnitOfWork, membership: Membership, tier_id: UUID | None) -> None:
    """Nobody lets somebody administer what they do not administer themselves."""
    await authority.may_act_on(unit, membership)
    await authority.in_tier(unit, tier_id, right=authority.MANAGE)
    if tier_id is not None:
        await authority.keep_an_administrator(unit, membership)
    async with authority.below_law(unit):
        membership.tier_id = tier_id


async def _grant(unit: UnitOfWork, membership: Membership, quota: int | None) -> None:
    """Whoever may grant so many accesses lets nobody grant more."""
    await authority.may_act_on(unit, membership)
    limit = await authority.quota(unit)
    old = membership.access_quota
    wider = old is not None and (quota is None or quota > old)
    if wider and limit is not None and (quota is None or quota > limit):
        await authority.below_ceiling(unit, (GRANTS,))
    membership.access_quota = quota
