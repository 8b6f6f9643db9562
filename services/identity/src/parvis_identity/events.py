"""What identity hears from the others."""

from uuid import UUID

from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis_identity.service import sessions
from parvis_identity.service.organisations import Tenancy
from parvis_identity.service.viewings import Viewings
from parvis_kit.bus import Bus, Envelope
from parvis_kit.unit import UnitOfWork


def listen(bus: Bus, viewings: Viewings, organisations: Tenancy) -> None:
    """Takes part in events. Every process forgets the face of an organisation that changed."""

    async def grants_changed(unit: UnitOfWork, event: tenancy_events.GrantsChanged, envelope: Envelope) -> None:
        """Rights changed, accesses among them: viewings that are not allowed any more end."""
        if envelope.organisation_id is not None:
            await viewings.check(unit, envelope.organisation_id, frozenset(map(UUID, event.membership_ids)))

    def changed(event: tenancy_events.OrganisationChanged, _: Envelope) -> None:
        organisations.forget(event.organisation.slug)

    bus.on(tenancy_events.MembershipCut, membership_cut)
    bus.on(tenancy_events.GrantsChanged, grants_changed)
    bus.broadcast(tenancy_events.OrganisationChanged, changed)


async def membership_cut(unit: UnitOfWork, event: tenancy_events.MembershipCut, envelope: Envelope) -> None:
    """An access was cut: what was granted for that organisation before is worth nothing any more."""
    if envelope.organisation_id is not None and event.account_id:
        await sessions.cut(unit, UUID(event.account_id), envelope.organisation_id, envelope.time)
