"""What identity hears from the others."""

from datetime import timedelta
from uuid import UUID

from parvis.notify.v1 import events_pb2 as notify_events
from parvis.records.v1 import events_pb2 as records_events
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis_identity.holdings import HOLDINGS
from parvis_identity.models import Account
from parvis_identity.service import erasures, idle_notices, sessions
from parvis_identity.service.firms_gone import accounts_gone
from parvis_identity.service.organisations import Tenancy
from parvis_identity.service.viewings import Viewings
from parvis_kit.bus import Bus, Envelope
from parvis_kit.unit import UnitOfWork
from parvis_records.closing import Closer
from parvis_records.erasure import Listener


def listen(bus: Bus, viewings: Viewings, organisations: Tenancy) -> None:
    """Takes part in events. Every process forgets the face of an organisation that changed."""

    async def grants_changed(unit: UnitOfWork, event: tenancy_events.GrantsChanged, envelope: Envelope) -> None:
        """Rights changed, accesses among them: viewings that are not allowed any more end."""
        if envelope.organisation_id is not None:
            await viewings.check(unit, envelope.organisation_id, frozenset(map(UUID, event.membership_ids)))

    def changed(event: tenancy_events.OrganisationChanged, _: Envelope) -> None:
        organisations.forget(event.organisation.slug)

    bus.on(tenancy_events.MembershipCut, membership_cut)
    bus.on(records_events.RecordsErased, erasures.answered)
    bus.on(records_events.ContactErased, contact_erased)
    bus.on(notify_events.NoticeSettled, idle_notices.settled)
    Listener(bus, HOLDINGS, name=erasures.TRAILS)
    Closer(bus, HOLDINGS, before=accounts_gone)
    bus.on(tenancy_events.GrantsChanged, grants_changed)
    bus.broadcast(tenancy_events.OrganisationChanged, changed)


async def contact_erased(unit: UnitOfWork, event: records_events.ContactErased, envelope: Envelope) -> None:
    """A firm erased one of its contacts: so are the accounts that it had given for it. Anybody else's own stay."""
    for account_id in map(UUID, event.account_ids):
        account = await unit.get(Account, account_id)
        if account is not None and account.organisation_id == envelope.organisation_id:
            await erasures.ask(unit, account_id, by="firm", within=timedelta(0))


async def membership_cut(unit: UnitOfWork, event: tenancy_events.MembershipCut, envelope: Envelope) -> None:
    """An access was cut: what was granted for that organisation before is worth nothing any more."""
    if envelope.organisation_id is not None and event.account_id:
        await sessions.cut(unit, UUID(event.account_id), envelope.organisation_id, envelope.time)
