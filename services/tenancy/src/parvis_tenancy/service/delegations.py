"""Delegations: a member stands in for another, with some of that one's rights over contacts, for a time.

What is lent is what the delegator holds of their own, as long as they hold it; it is never lent on.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from uuid import UUID

from asyncpg import Record

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit import paging
from parvis_kit.errors import not_found, precondition, unauthenticated
from parvis_kit.ids import uuid7
from parvis_kit.paging import Cursor
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import rights as rules
from parvis_tenancy.domain.catalogue import Right
from parvis_tenancy.domain.states import MembershipState
from parvis_tenancy.models import Delegation, Membership
from parvis_tenancy.service import authority, members, messages
from parvis_tenancy.service.fields import Fields
from parvis_tenancy.store import delegations, rights

LONGEST = timedelta(days=366)
_READ = "members.read"


async def create(unit: UnitOfWork, wanted: tenancy_pb2.CreateDelegationRequest) -> tenancy_pb2.Delegation:
    """Lends rights of the caller, or (whoever manages members) of somebody else.

    Raises PRECONDITION not_active, right_not_held, FORBIDDEN right_missing, out_of_tier, above_ceiling, NOT_FOUND
    member_not_found, INVALID fields_invalid.
    """
    existing = await rights.existing(unit)
    fields = Fields()
    own = _own(unit)
    reason = fields.reason(wanted.reason)
    delegator_id = fields.identifier("from_id", wanted.from_id) or own
    deputy_id = fields.identifier("to_id", wanted.to_id)
    if not wanted.to_id:
        fields.wrong("to_id", "required")
    if deputy_id == delegator_id:
        fields.wrong("to_id", "delegation_to_oneself")
    codes = _codes(fields, wanted.codes, existing)
    starts_at = max(fields.moment("starts_at", wanted) or unit.now, unit.now)
    ends_at = fields.moment("ends_at", wanted, required=True)
    if ends_at is not None and ends_at <= unit.now:
        fields.wrong("ends_at", "ends_in_the_past")
    elif ends_at is not None and ends_at <= starts_at:
        fields.wrong("ends_at", "ends_before_start")
    elif ends_at is not None and ends_at - starts_at > LONGEST:
        fields.wrong("ends_at", "delegation_too_long", days=str(LONGEST.days))
    fields.settle()
    if deputy_id is None or ends_at is None:
        raise not_found("member_not_found")
    revision = await rights.next_revision(unit, "delegation.made", reason)
    delegator, deputy = await _active(unit, delegator_id), await _active(unit, deputy_id)
    if delegator_id != own:
        await _may_manage(unit, delegator)
        await authority.in_tier(unit, deputy.structure_id, right=authority.MANAGE)
    await _may_lend(unit, delegator, codes)
    made = Delegation(
        organisation_id=unit.organisation_id,
        id=uuid7(),
        from_id=delegator_id,
        to_id=deputy_id,
        codes=codes,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason,
        created_at=unit.now,
    )
    async with authority.below_law(unit):
        unit.add(made)
    authority.grants_changed(unit, revision, deputy_id)
    told = {"delegator": str(delegator_id), "rights": " ".join(codes), "until": ends_at.isoformat()}
    unit.record("delegation.made", target_kind="membership", target_id=deputy_id, **told)
    return _message(await delegations.one(unit, made.id))


async def end(unit: UnitOfWork, delegation_id: UUID, reason: str) -> tenancy_pb2.Delegation:
    """Ends a delegation before its time: either of the two, or whoever manages members.

    Raises PRECONDITION delegation_over, FORBIDDEN right_missing, out_of_tier, above_ceiling, NOT_FOUND
    delegation_not_found.
    """
    fields = Fields()
    clean = fields.reason(reason)
    fields.settle()
    revision = await rights.next_revision(unit, "delegation.ended", clean)
    found = await delegations.load(unit, delegation_id)
    if found is None:
        raise not_found("delegation_not_found")
    if _own(unit) not in {found.from_id, found.to_id}:
        await _may_manage(unit, await members.load(unit, found.from_id))
    if found.ended_at is not None or found.ends_at <= unit.now:
        raise precondition("delegation_over")
    found.ended_at = unit.now
    authority.grants_changed(unit, revision, found.to_id)
    details = {"delegator": str(found.from_id)}
    unit.record("delegation.ended", target_kind="membership", target_id=found.to_id, **details)
    return _message(await delegations.one(unit, delegation_id))


async def page(
    unit: UnitOfWork, asked: tenancy_pb2.ListDelegationsRequest, membership_id: UUID | None
) -> tenancy_pb2.ListDelegationsResponse:
    """Delegations, the newest first: of everybody for who sees members, else the caller's own. Raises FORBIDDEN
    right_missing.
    """
    if not unit.grants.allows(_READ):
        if membership_id not in {None, _own(unit)}:
            raise await authority.refusal(unit, "right_missing", _READ)
        membership_id = _own(unit)
    size = paging.size(asked.page_size)
    rows, total = await delegations.page(
        unit, membership_id, over=asked.over, after=paging.cursor(asked.page_token), size=size + 1
    )
    shown, token = paging.cut(rows, size, lambda row: Cursor("", row["id"], total))
    return tenancy_pb2.ListDelegationsResponse(delegations=map(_message, shown), next_page_token=token, total=total)


def _codes(fields: Fields, asked: Iterable[str], existing: Mapping[str, Right]) -> list[str]:
    """Rights over contacts, with what they require of such."""
    found: set[str] = set()
    waiting = sorted(set(asked))
    if not waiting:
        fields.wrong("codes", "required")
    while waiting:
        code = waiting.pop()
        if code not in existing:
            fields.wrong("codes", "unknown", right=code)
        elif not existing[code].scoped:
            fields.wrong("codes", "right_not_delegable", right=code)
        elif code not in found:
            found.add(code)
            waiting += [each for each in existing[code].requires if each in existing and existing[each].scoped]
    return sorted(found)


async def _may_lend(unit: UnitOfWork, delegator: Membership, codes: list[str]) -> None:
    holder = await rights.holder(unit, delegator.id)
    held = {} if holder is None else holder.rights
    missing = [code for code in codes if code not in held]
    if missing:
        raise precondition("right_not_held", right=missing[0], rights=", ".join(missing), name=_name(delegator))
    await authority.below_ceiling(
        unit, rules.above({code: held[code] for code in codes}, await authority.own_rights(unit))
    )


async def _may_manage(unit: UnitOfWork, delegator: Membership) -> None:
    if authority.MANAGE not in await authority.own_rights(unit):
        raise await authority.refusal(unit, "right_missing", authority.MANAGE)
    await authority.may_act_on(unit, delegator)


async def _active(unit: UnitOfWork, membership_id: UUID) -> Membership:
    found = await members.load(unit, membership_id)
    if found.state != MembershipState.ACTIVE:
        raise precondition("not_active", name=_name(found))
    return found


def _own(unit: UnitOfWork) -> UUID:
    if unit.caller.membership_id is None:
        raise unauthenticated("no_membership")
    return unit.caller.membership_id


def _name(membership: Membership) -> str:
    return f"{membership.given_name} {membership.family_name}"


def _message(row: Record) -> tenancy_pb2.Delegation:
    return tenancy_pb2.Delegation(
        id=str(row["id"]),
        from_id=str(row["from_id"]),
        from_name=row["from_name"],
        to_id=str(row["to_id"]),
        to_name=row["to_name"],
        codes=row["codes"],
        starts_at=messages.instant(row["starts_at"]),
        ends_at=messages.instant(row["ends_at"]),
        ended_at=messages.instant(row["ended_at"]),
        reason=row["reason"],
        created_at=messages.instant(row["created_at"]),
    )
