"""A firm erases one of its contacts: what it keeps about it goes in every service, but for what a law keeps.

The row stays, since invoices point to it: of no kind (0), so that no list shows it, and without anything that says who
it was. The accounts that the firm had given for this contact alone go too; an account that somebody linked to one of
them stays theirs.
"""

from uuid import UUID

from parvis.records.v1 import events_pb2 as records_events
from parvis_kit.unit import UnitOfWork
from parvis_records import erasure
from parvis_tenancy.domain.states import OPEN_STATES, MembershipState
from parvis_tenancy.holdings import HOLDINGS
from parvis_tenancy.models import Membership
from parvis_tenancy.service import authority, contacts, members, reach
from parvis_tenancy.service.accounts import Identity
from parvis_tenancy.store import accesses, rights
from parvis_tenancy.store import contacts as store


async def erase(unit: UnitOfWork, identity: Identity, contact_id: UUID) -> None:
    """Erases a contact, and closes what was opened for it. Raises NOT_FOUND, FORBIDDEN out_of_scope."""
    revision = await rights.next_revision(unit, "contact.erased")
    contact = await reach.to_change(unit, contact_id, "contacts.edit")
    given = await accesses.of_contact(unit, contact_id)
    if given:
        await reach.to_change(unit, contact_id, "accesses.manage")
    people = [each.id for each in await store.people_of(unit, contact_id)]
    closed = [each for each in [await _close(unit, identity, one.membership_id, revision) for one in given] if each]
    await store.replace_advisers(unit, contact_id, {}, revision)
    await unit.flush()
    await erasure.erase_contact(unit, HOLDINGS, contact_id)
    told = records_events.ContactErased(
        contact_id=str(contact_id),
        ids=map(str, (*people, *(each.id for each in closed))),
        account_ids=[str(each.account_id) for each in closed],
    )
    unit.emit(told, aggregate_id=contact_id)
    await contacts.tell_erased(unit, contact)
    unit.record("contact.erased", target_kind="contact", target_id=contact_id)


async def _close(unit: UnitOfWork, identity: Identity, membership_id: UUID, revision: int) -> Membership | None:
    """Closes an access; None where it acts for other contacts too, and goes on for those."""
    acts_for = await accesses.read(unit, membership_id)
    membership = await unit.get(Membership, (unit.organisation_id, membership_id), lock=True)
    if membership is None or len(acts_for) > 1:
        authority.grants_changed(unit, revision, membership_id)
        return None
    if membership.state in OPEN_STATES:
        if membership.state == MembershipState.INVITED:
            await identity.revoke_links(membership.account_id)
        members.end_access(unit, membership)
        membership.state = int(MembershipState.CUT)
        membership.version += 1
        authority.membership_changed(unit, membership, tuple(row["contact_id"] for row in acts_for))
        authority.grants_changed(unit, revision, membership.id)
    return membership
