"""What tenancy does when something happened elsewhere."""

from uuid import UUID

from parvis.billing.v1 import events_pb2 as billing_events
from parvis.identity.v1 import events_pb2 as identity_events
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis_kit.bus import Delivery, Envelope
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.service import arrivals, directory, leaving, notices, products, requests, settling
from parvis_tenancy.service.gathering import Gathering
from parvis_tenancy.service.requests import Asked, Patience


async def account_activated(delivery: Delivery, event: identity_events.AccountActivated) -> None:
    """A person set their first password: the account's invitations are accepted, one transaction per organisation."""
    account_id = UUID(event.account_id)
    async with delivery.begin() as unit:
        where = await arrivals.organisations(unit, account_id)
    for organisation_id in where:
        async with delivery.begin() as unit:
            await arrivals.accept(unit, account_id, organisation_id)


async def account_changed(delivery: Delivery, event: identity_events.AccountChanged) -> None:
    """A person changed their names, mail or language: each organisation's copy follows."""
    account_id = UUID(event.account_id)
    names = arrivals.Names(
        mail=event.mail, given_name=event.given_name, family_name=event.family_name, locale=event.locale
    )
    async with delivery.begin() as unit:
        where = await arrivals.organisations(unit, account_id)
    for organisation_id in where:
        async with delivery.begin() as unit:
            await arrivals.rename(unit, account_id, organisation_id, names, delivery.envelope.version)


async def account_linked(delivery: Delivery, event: identity_events.AccountLinked) -> None:
    """A person linked an account of a firm to their own."""
    await _link(delivery, event.link, UUID(event.link.personal_id))


async def account_unlinked(delivery: Delivery, event: identity_events.AccountUnlinked) -> None:
    """A link ended: what was reached through it is refused from now on."""
    await _link(delivery, event.link, None)


class People:
    """People of directories, as identity hears of them: those of one organisation that wait are settled together."""

    def __init__(self) -> None:
        self._gathering = Gathering()

    async def changed(self, delivery: Delivery, event: identity_events.DirectoryPersonChanged) -> None:
        """A firm's directory says something new about one of its people."""
        organisation_id = delivery.envelope.organisation_id
        if organisation_id is not None:
            await self._gathering.settle(organisation_id, settling.said(event.person), delivery.begin)
            if event.also_account_ids and not event.person.active:
                also = [UUID(each) for each in event.also_account_ids]
                async with delivery.begin() as unit:
                    await leaving.beside(unit, also, UUID(event.person.account_id))


async def mapping_saved(delivery: Delivery, _: tenancy_events.DirectoryMappingSaved) -> None:
    """What the directory's groups give was saved: everybody of the directory follows, so many in a transaction."""
    after: UUID | None = None
    while True:
        async with delivery.begin() as unit:
            after = await directory.settle_everybody(unit, after)
        if after is None:
            return


async def entitlement_changed(unit: UnitOfWork, event: billing_events.EntitlementChanged, _: Envelope) -> None:
    """A customer of the organisation of the event bought a product, or more or fewer seats of it."""
    seats = event.seats if event.HasField("seats") else None
    customer_id = UUID(event.organisation_id)
    await products.bought(unit, UUID(event.product_id), customer_id, seats=seats, version=event.version)


async def notice_for_administrators(
    unit: UnitOfWork, event: identity_events.NoticeForAdministrators, envelope: Envelope
) -> None:
    """Whoever sets up how the organisation signs in is told: notify knows addresses, not rights."""
    await notices.tell(unit, event.kind, event.values, about=envelope.id)


async def _link(delivery: Delivery, link: identity_events.AccountLink, personal_id: UUID | None) -> None:
    version = delivery.envelope.version
    async with delivery.begin() as unit:
        await arrivals.link(unit, UUID(link.organisation_id), UUID(link.managed_id), personal_id, version)


class Requests:
    """Requests for an account, as they arrive. `patience` says how long they wait."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience

    async def access_requested(self, unit: UnitOfWork, event: identity_events.AccessRequested, _: Envelope) -> None:
        """Somebody who proved their address asks for an account in the organisation of the event."""
        asked = Asked(
            id=UUID(event.request_id),
            account_id=UUID(event.account_id),
            mail=event.mail,
            given_name=event.given_name,
            family_name=event.family_name,
            locale=event.locale,
            message=event.message,
        )
        await requests.receive(unit, asked, self._patience)
