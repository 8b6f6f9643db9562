"""Which contacts a caller may see, and what they may do to those that they see."""

from uuid import UUID

from parvis_kit.errors import not_found
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.models import Contact
from parvis_tenancy.service import authority
from parvis_tenancy.store import contacts
from parvis_tenancy.store.contact_reach import EVERYTHING, Reach

NOTHING = Reach(contacts=frozenset())


def of_caller(unit: UnitOfWork, right: str = "contacts.read") -> Reach:
    """The contacts that a right covers; of a portal access, those that it acts for."""
    grants = unit.grants
    if grants.kind == "portal":
        return Reach(contacts=frozenset(grants.portal_contacts))
    scope = grants.scope(right)
    if scope is None:
        return NOTHING
    return Reach(advisers=scope) if isinstance(scope, frozenset) else EVERYTHING


async def advisers_of_visible(unit: UnitOfWork, contact_id: UUID) -> frozenset[UUID]:
    """The advisers of a contact. Raises NOT_FOUND contact_not_found when the caller may not know that it exists."""
    if not await contacts.is_reached(unit, contact_id, of_caller(unit)):
        raise not_found("contact_not_found")
    return await contacts.advisers_of(unit, contact_id)


async def to_change(unit: UnitOfWork, contact_id: UUID, right: str) -> Contact:
    """A contact, locked, that the caller may change with the right.

    Raises NOT_FOUND contact_not_found when they may not see it, FORBIDDEN out_of_scope when they see it only.
    """
    contact = await contacts.load(unit, contact_id)
    if contact is None or not contact.kind:  # it was erased
        raise not_found("contact_not_found")
    await may_act(unit, await advisers_of_visible(unit, contact_id), right)
    return contact


async def may_act(unit: UnitOfWork, advisers: frozenset[UUID], right: str) -> None:
    """Raises FORBIDDEN out_of_scope when the right does not cover a contact with these advisers."""
    if not unit.grants.reaches(right, advisers):
        raise await authority.refusal(unit, "out_of_scope", right)
