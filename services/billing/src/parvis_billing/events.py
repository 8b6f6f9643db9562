"""Consumers: what tenancy tells → sellers and clients; what documents tells → folders; what billing tells itself → the
PDF is filed.
"""

from typing import TYPE_CHECKING

from parvis.billing.v1 import events_pb2 as billing_events
from parvis.documents.v1 import events_pb2 as documents_events
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis_billing.service.filing import Filer
from parvis_billing.service.records import project_folder, project_seller

if TYPE_CHECKING:
    from parvis_advisers import AdviserIndex
    from parvis_kit.bus import Bus, Envelope
    from parvis_kit.unit import UnitOfWork


def subscribe(bus: "Bus", filer: Filer, index: "AdviserIndex") -> None:
    """What billing listens to."""

    async def contact_changed(unit: "UnitOfWork", event: tenancy_events.ContactChanged, _: "Envelope") -> None:
        """Whom invoices go to, and who is in charge."""
        await index.told(unit, event)

    bus.on(tenancy_events.OrganisationChanged, organisation_changed)
    bus.on(tenancy_events.ContactChanged, contact_changed)
    bus.on(documents_events.FolderTemplateChanged, folder_template_changed)
    bus.on_steps(billing_events.InvoiceClosed, filer.file)


async def organisation_changed(
    unit: "UnitOfWork", event: tenancy_events.OrganisationChanged, envelope: "Envelope"
) -> None:
    """The record that invoices repeat."""
    await project_seller(unit, event.organisation, envelope.version)


async def folder_template_changed(
    unit: "UnitOfWork", event: documents_events.FolderTemplateChanged, envelope: "Envelope"
) -> None:
    """Whether clients see on the portal what is filed there."""
    await project_folder(unit, event.template, envelope.version)
