"""Consumers: event → use case."""

from uuid import UUID

from parvis.documents.v1 import events_pb2 as documents_events
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis_advisers import AdviserIndex
from parvis_documents.objects import ObjectStore
from parvis_documents.service import folders
from parvis_documents.service.verification import verify
from parvis_documents.store.contacts import save_person
from parvis_kit.bus import Bus, Delivery, Envelope
from parvis_kit.caller import Caller
from parvis_kit.unit import Database, UnitOfWork


def subscribe(bus: Bus, database: Database, objects: ObjectStore, index: AdviserIndex) -> None:
    """Registers what documents listens to."""

    async def organisation_changed(_: Delivery, event: tenancy_events.OrganisationChanged) -> None:
        # A new customer is told in its provider's transaction: its folders belong to itself.
        organisation_id = UUID(event.organisation.id)
        async with database.begin(Caller(bus.name), organisation_id=organisation_id) as unit:
            await folders.add_shipped(unit)

    async def upload_completed(delivery: Delivery, event: documents_events.UploadCompleted) -> None:
        await verify(delivery, UUID(event.upload_id), objects)

    async def contact_changed(unit: UnitOfWork, event: tenancy_events.ContactChanged, _: Envelope) -> None:
        """Keeps the contact's name and advisers; older news than what is known changes nothing."""
        await index.told(unit, event)

    bus.on_steps(tenancy_events.OrganisationChanged, organisation_changed)
    bus.on(tenancy_events.ContactChanged, contact_changed)
    bus.on(tenancy_events.MembershipChanged, membership_changed)
    bus.on_steps(documents_events.UploadCompleted, upload_completed)


async def membership_changed(unit: UnitOfWork, event: tenancy_events.MembershipChanged, envelope: Envelope) -> None:
    """Keeps the name of who files and opens."""
    name = f"{event.given_name} {event.family_name}".strip()
    await save_person(unit, UUID(event.membership_id), name=name, version=envelope.version)
