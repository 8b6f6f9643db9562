"""What happens to an account, in each organisation that it belongs to."""

from dataclasses import dataclass
from uuid import UUID

from parvis.tenancy.v1 import events_pb2
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.states import MembershipState
from parvis_tenancy.service import authority, invitations, rights
from parvis_tenancy.store import accesses, members
from parvis_tenancy.store.rights import hold_revision


@dataclass(frozen=True, slots=True)
class Names:
    """Who an account's person is now."""

    mail: str
    given_name: str
    family_name: str
    locale: str


async def organisations(unit: UnitOfWork, account_id: UUID) -> list[UUID]:
    """Where an account has a membership."""
    await unit.as_account(account_id)
    return await members.organisations_of_account(unit, account_id)


async def accept(unit: UnitOfWork, account_id: UUID, organisation_id: UUID) -> None:
    """The account's invitation to an organisation is accepted. Does nothing when there is none open."""
    await unit.enter(organisation_id)
    invited = await members.of_account(unit, account_id, lock=False)
    if invited is None or invited.state != MembershipState.INVITED:
        return
    await hold_revision(unit)
    membership = await members.load(unit, invited.id, kind=None)
    if membership is not None:
        await rights.activate(unit, membership)


async def link(
    unit: UnitOfWork, organisation_id: UUID, managed_id: UUID, personal_id: UUID | None, version: int
) -> None:
    """Which personal account (None: none any more) reaches the membership of an account of the firm. Whoever reached it
    before is refused everywhere at once; an older version of the link changes nothing.
    """
    await unit.enter(organisation_id)
    membership = await members.of_account(unit, managed_id)
    if membership is None or membership.linked_version >= version:
        return
    before, membership.linked_account_id = membership.linked_account_id, personal_id
    membership.linked_version = version
    if before is not None and before != personal_id:
        cut = events_pb2.MembershipCut(membership_id=str(membership.id), account_id=str(before))
        unit.emit(cut, aggregate_id=membership.id)
    act = "membership.linked" if personal_id is not None else "membership.unlinked"
    unit.record(act, target_kind="membership", target_id=membership.id)


async def rename(unit: UnitOfWork, account_id: UUID, organisation_id: UUID, names: Names, version: int) -> None:
    """Brings a membership's copy of the names up to date; an older version of the account changes nothing."""
    await unit.enter(organisation_id)
    membership = await members.of_account(unit, account_id)
    if membership is None or membership.account_version >= version:
        return
    membership.account_version = version
    membership.mail = names.mail or membership.mail
    membership.given_name = names.given_name
    membership.family_name = names.family_name
    membership.locale = names.locale
    membership.version += 1
    invitations.refresh_keys(membership)
    contact_ids = tuple(row["contact_id"] for row in await accesses.read(unit, membership.id))
    authority.membership_changed(unit, membership, contact_ids)
