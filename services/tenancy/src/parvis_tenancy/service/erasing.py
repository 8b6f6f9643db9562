"""A person whose account is gone leaves every organisation: the membership stays, and says no more who it was."""

from uuid import UUID

from parvis.records.v1 import events_pb2
from parvis_kit.bus import Delivery
from parvis_kit.ids import uuid7
from parvis_kit.unit import UnitOfWork
from parvis_records import erasure
from parvis_records.erasure import Erased
from parvis_tenancy.domain.states import OPEN_STATES, MembershipKind, MembershipState
from parvis_tenancy.holdings import HOLDINGS
from parvis_tenancy.models import Membership
from parvis_tenancy.service import authority, invitations, members
from parvis_tenancy.store import accesses, delegations, rights
from parvis_tenancy.store import erasing as store
from parvis_tenancy.store import members as member_store

#: What stands where a name was.
NAMELESS = "—"


async def account_erased(delivery: Delivery, event: events_pb2.AccountErased) -> None:
    """An account is gone. First everybody else hears where the person was, while it can be told; then one transaction
    for each organisation. Whatever fails is done again from the start, and finds less.
    """
    account_id, erasure_id, done = UUID(event.account_id), UUID(event.erasure_id), Erased()
    async with delivery.begin() as unit:
        await unit.as_account(account_id)
        where = await store.memberships(unit, account_id)
        asked = await store.requests(unit, account_id)
        if not await store.was_told(unit, erasure_id):
            unit.emit(_told(event, where), aggregate_id=erasure_id)
    linked = [UUID(each) for each in event.linked_organisation_ids]
    for organisation_id in sorted({*(each for each, _ in where), *asked, *linked}):
        async with delivery.begin() as unit:
            await unit.enter(organisation_id)
            done.add(await _leave(unit, account_id))
    async with delivery.begin() as unit:
        erasure.answer(unit, "tenancy", erasure_id, done)
        await delivery.finish(unit)


async def _leave(unit: UnitOfWork, account_id: UUID) -> Erased:
    """Takes a person out of the organisation of the unit. Nobody is asked: the account is gone, whoever it was."""
    await rights.hold_revision(unit)
    membership = await member_store.of_account(unit, account_id)
    if membership is None:  # asked for an access, or reached a firm's own account: that one stays
        return await erasure.erase(unit, HOLDINGS, account=account_id)
    name = f"{membership.given_name} {membership.family_name}".strip()
    words = [membership.mail, name, membership.identifier if membership.kind == MembershipKind.PORTAL else ""]
    acts = await erasure.erase_acts(unit, account_id, [membership.id], words)
    revision = await rights.next_revision(unit, "member.erased")
    contact_ids = tuple(row["contact_id"] for row in await accesses.read(unit, membership.id))
    deputies = await delegations.deputies(unit, membership.id)
    if membership.state in OPEN_STATES:
        members.end_access(unit, membership)
        invited = membership.state == MembershipState.INVITED and membership.kind == MembershipKind.STAFF
        membership.state = int(MembershipState.WITHDRAWN if invited else MembershipState.CUT)
    await unit.flush()
    done = await erasure.erase(unit, HOLDINGS, account=account_id, membership=membership.id)
    done.erased["audit"] += acts
    await unit.session.refresh(membership)
    _nameless(membership)
    authority.membership_changed(unit, membership, contact_ids)
    authority.grants_changed(unit, revision, membership.id, *deputies)
    unit.record("member.erased", target_kind="membership", target_id=membership.id)
    return done


def _nameless(membership: Membership) -> None:
    """The same as the map has it, with what lists need: a name, and a place among others."""
    membership.account_id = uuid7()
    membership.given_name, membership.family_name = "", NAMELESS
    membership.version += 1
    invitations.refresh_keys(membership)


def _told(event: events_pb2.AccountErased, where: list[tuple[UUID, UUID]]) -> events_pb2.PersonErased:
    return events_pb2.PersonErased(
        erasure_id=event.erasure_id,
        account_id=event.account_id,
        mail_digests=event.mail_digests,
        memberships=[
            events_pb2.ErasedMembership(organisation_id=str(organisation_id), membership_id=str(membership_id))
            for organisation_id, membership_id in where
        ],
    )
