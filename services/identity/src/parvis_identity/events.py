"""What identity hears from the others."""

from uuid import UUID

from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis_identity.service import sessions
from parvis_kit.bus import Bus, Envelope
from parvis_kit.unit import UnitOfWork


def listen(bus: Bus) -> None:
    """Takes part in events."""
    bus.on(tenancy_events.MembershipCut, membership_cut)


async def membership_cut(unit: UnitOfWork, event: tenancy_events.MembershipCut, envelope: Envelope) -> None:
    """An access was cut: what was granted for that organisation before is worth nothing any more."""
    if envelope.organisation_id is not None and event.account_id:
        await sessions.cut(unit, UUID(event.account_id), envelope.organisation_id, envelope.time)
