"""Contacts as far as documents needs them: a projection of tenancy's news, and tenancy itself where news is late."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from parvis.tenancy.v1 import tenancy_pb2
from parvis_documents.messages import audience_of
from parvis_documents.store import contacts
from parvis_kit.unit import UnitOfWork

#: Asks tenancy for contacts by id, in the service's own name for an organisation.
FetchContacts = Callable[[UUID, Sequence[UUID]], Awaitable[Sequence[tenancy_pb2.Contact]]]


async def project(unit: UnitOfWork, contact: tenancy_pb2.Contact) -> None:
    """Keeps a contact as tenancy told it."""
    audience = audience_of(contact.kind)
    if audience is None:
        return
    await contacts.save_contact(
        unit,
        UUID(contact.id),
        kind=audience.value,
        name=contact.name,
        advisers=[UUID(adviser.membership_id) for adviser in contact.advisers],
        version=contact.version,
    )


class Contacts:
    """Whether contacts are known here. A contact that was made a moment ago is asked for instead of being denied."""

    def __init__(self, fetch: FetchContacts) -> None:
        self._fetch = fetch

    async def catch_up(self, unit: UnitOfWork, contact_id: UUID) -> bool:
        """Asks tenancy for a contact whose news has not arrived. True when it is known now and was not before."""
        if await contacts.is_known(unit, contact_id):
            return False
        found = await self._fetch(unit.organisation_id, [contact_id])
        for contact in found:
            await project(unit, contact)
        return bool(found)
