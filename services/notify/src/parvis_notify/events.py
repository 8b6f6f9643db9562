"""Consumers: what the others tell → what notify keeps or says, once, in the transaction of the inbox row."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from parvis.documents.v1 import documents_pb2
from parvis.documents.v1 import events_pb2 as documents_events
from parvis.identity.v1 import events_pb2 as identity_events
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.caller import Caller
from parvis_notify import store
from parvis_notify.domain import deliveries
from parvis_notify.domain.deliveries import NOBODY
from parvis_notify.domain.kinds import Kind
from parvis_notify.models import Contact, Membership, Organisation
from parvis_notify.service.composing import NO_ADVISER, Announcement, Composer, Recipient

if TYPE_CHECKING:
    from parvis_kit.bus import Delivery, Envelope
    from parvis_kit.unit import Database, UnitOfWork

_USES = {
    documents_pb2.NOTIFY_TO_QUOTES: "quotes",
    documents_pb2.NOTIFY_TO_BILLING: "billing",
    documents_pb2.NOTIFY_TO_REMINDERS: "reminders",
}


class Events:
    """The handlers, by name of the event."""

    def __init__(self, composer: Composer, database: "Database") -> None:
        self._composer = composer
        self._database = database

    # What tenancy tells of itself: faces, addresses, colleagues.

    async def organisation_changed(
        self, unit: "UnitOfWork", event: tenancy_events.OrganisationChanged, envelope: "Envelope"
    ) -> None:
        """Keeps the firm's face."""
        told = event.organisation
        await store.save_projection(
            unit,
            Organisation(
                organisation_id=unit.organisation_id,
                slug=told.slug,
                name=told.name,
                accent=told.accent,
                mail=told.mail if deliveries.is_address(told.mail) else "",
                time_zone=told.time_zone or "Europe/Paris",
                version=envelope.version,
            ),
        )

    async def contact_changed(
        self, unit: "UnitOfWork", event: tenancy_events.ContactChanged, envelope: "Envelope"
    ) -> None:
        """Keeps a contact's name, addresses and language."""
        told = event.contact
        addresses = told.addresses
        await store.save_projection(
            unit,
            Contact(
                organisation_id=unit.organisation_id,
                id=UUID(told.id),
                name=told.name,
                addresses={
                    "main": addresses.main,
                    "quotes": addresses.quotes,
                    "billing": addresses.billing,
                    "reminders": addresses.reminders,
                },
                locale=told.locale,
                version=envelope.version,
            ),
        )

    async def membership_changed(
        self, unit: "UnitOfWork", event: tenancy_events.MembershipChanged, envelope: "Envelope"
    ) -> None:
        """Keeps a member's name and address."""
        if event.kind != tenancy_pb2.MEMBERSHIP_KIND_STAFF:
            return
        await store.save_membership(
            unit,
            Membership(
                organisation_id=unit.organisation_id,
                id=UUID(event.membership_id),
                active=event.state == tenancy_pb2.MEMBERSHIP_STATE_ACTIVE,
                given_name=event.given_name,
                family_name=event.family_name,
                mail=event.mail,
                locale=event.locale,
                version=envelope.version,
            ),
        )

    # What is to be said.

    async def member_invited(
        self, unit: "UnitOfWork", event: tenancy_events.MemberInvited, envelope: "Envelope"
    ) -> None:
        """Welcome mail to a colleague."""
        what = Announcement(
            kind=Kind.MEMBER_INVITED,
            event_id=envelope.id,
            values={
                "prénom": event.given_name,
                "nom": event.family_name,
                "société": event.organisation_name,
                "expéditeur": event.inviter_name or event.organisation_name,
                "profil": event.profile_name,
            },
            one_time_link=_activation(event),
        )
        await self._composer.announce(unit, what, _person(event))

    async def access_granted(
        self, unit: "UnitOfWork", event: tenancy_events.AccessGranted, envelope: "Envelope"
    ) -> None:
        """Access mail to a contact's person."""
        contact = await self._composer.contact(unit, UUID(event.contact_id), envelope)
        what = Announcement(
            kind=Kind.ACCESS_GRANTED,
            event_id=envelope.id,
            values={
                "prénom": event.given_name,
                "nom": event.family_name,
                "identifiant": event.identifier,
                "client": contact.name,
                "société": event.organisation_name,
            },
            one_time_link=_activation(event),
            contact_id=contact.id,
        )
        await self._composer.announce(unit, what, _person(event))

    async def access_password_replaced(
        self, unit: "UnitOfWork", event: tenancy_events.AccessPasswordReplaced, envelope: "Envelope"
    ) -> None:
        """The firm replaced the password of a person who had chosen one: they hear of it where their mails go."""
        face = await self._composer.face(unit, envelope)
        contact = await self._composer.contact(unit, UUID(event.contact_id), envelope)
        what = Announcement(
            kind=Kind.PASSWORD_REPLACED,
            event_id=envelope.id,
            values={
                "prénom": event.given_name,
                "identifiant": event.identifier,
                "société": face.name,
            },
            link=f"{self._composer.public_url}/login/{face.slug}",
            contact_id=contact.id,
        )
        name = f"{event.given_name} {event.family_name}"
        await self._composer.announce(unit, what, Recipient(name, event.mail, event.locale, event.membership_id))

    async def document_filed(
        self, unit: "UnitOfWork", event: documents_events.DocumentFiled, envelope: "Envelope"
    ) -> None:
        """A document reached a folder whose setting says that the contact is told (S12)."""
        document, folder = event.document, event.folder
        if not (folder.notification and folder.portal) or document.deposit:
            return
        face = await self._composer.face(unit, envelope)
        contact = await self._composer.contact(unit, UUID(document.contact_id), envelope)
        document_id = UUID(document.id)
        await store.hold_document(unit, document_id)
        what = Announcement(
            kind=Kind.DOCUMENT_FILED,
            event_id=envelope.id,
            values={
                "document": document.name,
                "dossier": folder.name or document.folder_name,
                "client": contact.name,
                "société": face.name,
                "expéditeur": document.filed_by or face.name,
            },
            link=self._composer.address(face.slug, _path(folder.link_to, document.id)),
            contact_id=contact.id,
            document_id=document_id,
            document_version=document.version,
            opened_at=await store.opened_at(unit, document_id, contact.id, version=document.version),
            leads_to_document=folder.link_to == documents_pb2.LINK_TARGET_DOCUMENT,
        )
        mail = deliveries.address_for(_USES.get(folder.notify_to, "main"), contact.addresses)
        await self._composer.announce(unit, what, Recipient(contact.name, mail, contact.locale, str(contact.id)))

    async def deposit_received(
        self, unit: "UnitOfWork", event: documents_events.DepositReceived, envelope: "Envelope"
    ) -> None:
        """A contact deposited a document: everyone in charge is told (S20)."""
        document = event.document
        face = await self._composer.face(unit, envelope)
        contact = await self._composer.contact(unit, UUID(document.contact_id), envelope)
        advisers = [each for each in await store.memberships(unit, _ids(event.adviser_ids)) if each.active]
        what = Announcement(
            kind=Kind.DEPOSIT_RECEIVED,
            event_id=envelope.id,
            values={
                "document": document.name,
                "dossier": document.folder_name,
                "client": contact.name,
                "société": face.name,
                "expéditeur": document.filed_by or contact.name,
            },
            link=self._composer.address(face.slug, f"documents/{document.id}"),
            contact_id=contact.id,
            document_id=UUID(document.id),
        )
        for adviser in advisers:
            names = {"prénom": adviser.given_name, "nom": adviser.family_name}
            to = Recipient(f"{adviser.given_name} {adviser.family_name}", adviser.mail, adviser.locale, str(adviser.id))
            await self._composer.announce(unit, replace(what, values={**what.values, **names}), to)
        if not advisers:
            await self._composer.announce(unit, what, Recipient("", "", ""), failed=NO_ADVISER)

    async def document_opened(self, unit: "UnitOfWork", event: documents_events.DocumentOpened, _: "Envelope") -> None:
        """The history shows when what was announced was read, whichever of the two is heard of first."""
        document_id, contact_id = UUID(event.document_id), UUID(event.contact_id)
        await store.hold_document(unit, document_id)
        at = datetime.fromisoformat(event.at)
        await store.mark_opened(unit, document_id, contact_id, version=event.version, at=at)

    async def password_reset_requested(
        self, delivery: "Delivery", event: identity_events.PasswordResetRequested
    ) -> None:
        """A new password was asked for. A personal account's belongs to no firm: its mail goes under `NOBODY`."""
        envelope = delivery.envelope
        if event.door:
            door = Announcement(
                kind=Kind.DIRECTORY_DOOR,
                event_id=envelope.id,
                values={"prénom": event.given_name, "nom": event.family_name},
                link=f"{self._composer.public_url}/login/{event.door}",
            )
            await self._announce_personal(delivery, (door, _owner(event)))
            return
        what = Announcement(
            kind=Kind.PASSWORD_RESET,
            event_id=envelope.id,
            values={"prénom": event.given_name, "nom": event.family_name},
            one_time_link={
                "link_id": event.link_id,
                "account_id": event.account_id,
                "purpose": "LINK_PURPOSE_RESET",
                "organisation_slug": "",
            },
        )
        await self._announce_personal(delivery, (what, _owner(event)))

    async def account_imported(self, delivery: "Delivery", event: identity_events.AccountImported) -> None:
        """An account came from another platform: its owner is told the identifier, with a link (requirement D1)."""
        what = Announcement(
            kind=Kind.ACCOUNT_IMPORTED,
            event_id=delivery.envelope.id,
            values={"prénom": event.given_name, "nom": event.family_name, "identifiant": event.identifier},
            one_time_link={
                "link_id": event.link_id,
                "account_id": event.account_id,
                "purpose": "LINK_PURPOSE_ACTIVATION",
                "organisation_slug": event.organisation_slug,
            },
        )
        await self._announce_personal(delivery, (what, _owner(event)))

    async def address_change_requested(
        self, delivery: "Delivery", event: identity_events.AddressChangeRequested
    ) -> None:
        """Another address was asked for: both ends are asked to confirm, as far as they did not yet; the old one may
        stop it. Who has the new one already is told that there, and nobody else is.
        """
        known = {"prénom": event.given_name, "nom": event.family_name}
        new = Announcement(
            kind=Kind.ADDRESS_NEW,
            event_id=delivery.envelope.id,
            values=known | {"adresse": event.new_mail},
            one_time_link=_of_change(event, "LINK_PURPOSE_ADDRESS_NEW"),
        )
        if event.taken:
            link = f"{self._composer.public_url}/login"
            new = replace(new, kind=Kind.ADDRESS_TAKEN, one_time_link=None, link=link)
        old = Announcement(
            kind=Kind.ADDRESS_ASKED,
            event_id=delivery.envelope.id,
            values=known | {"adresse": event.new_mail},
            one_time_link=_of_change(event, "LINK_PURPOSE_ADDRESS_OLD"),
        )
        said = []
        if not event.new_confirmed:
            said.append((new, Recipient("" if event.taken else _name(event), event.new_mail, event.locale, "new")))
        if not event.old_confirmed:
            said.append((old, Recipient(_name(event), event.mail, event.locale, "old")))
        await self._announce_personal(delivery, *said)

    async def address_changed(self, delivery: "Delivery", event: identity_events.AddressChanged) -> None:
        """An address was replaced: the old one is told, and can undo it for a week."""
        what = Announcement(
            kind=Kind.ADDRESS_CHANGED,
            event_id=delivery.envelope.id,
            values={"prénom": event.given_name, "nom": event.family_name, "adresse": event.mail},
            one_time_link=_of_change(event, "LINK_PURPOSE_ADDRESS_OLD"),
        )
        await self._announce_personal(delivery, (what, Recipient(_name(event), event.old_mail, event.locale)))

    async def managed_mail_corrected(
        self, unit: "UnitOfWork", event: identity_events.ManagedMailCorrected, envelope: "Envelope"
    ) -> None:
        """The firm put another address in the place of one (N7), which is told."""
        if not event.old_mail:
            return
        face = await self._composer.face(unit, envelope)
        what = Announcement(
            kind=Kind.ADDRESS_CORRECTED,
            event_id=envelope.id,
            values={
                "prénom": event.given_name,
                "nom": event.family_name,
                "identifiant": event.identifier,
                "société": face.name,
            },
            link=f"{self._composer.public_url}/login/{face.slug}",
        )
        await self._composer.announce(unit, what, Recipient(_name(event), event.old_mail, event.locale))

    async def _announce_personal(self, delivery: "Delivery", *said: tuple[Announcement, Recipient]) -> None:
        organisation_id = delivery.envelope.organisation_id or NOBODY
        async with self._database.begin(Caller("notify"), organisation_id=organisation_id) as unit:
            for what, to in said:
                await self._composer.announce(unit, what, to)
            await delivery.finish(unit)


def _name(
    event: identity_events.PasswordResetRequested
    | identity_events.AccountImported
    | identity_events.AddressChangeRequested
    | identity_events.AddressChanged
    | identity_events.ManagedMailCorrected,
) -> str:
    return f"{event.given_name} {event.family_name}"


def _owner(event: identity_events.PasswordResetRequested | identity_events.AccountImported) -> Recipient:
    return Recipient(_name(event), event.mail, event.locale)


def _of_change(
    event: identity_events.AddressChangeRequested | identity_events.AddressChanged, purpose: str
) -> dict[str, str]:
    return {
        "link_id": event.change_id,
        "account_id": event.account_id,
        "purpose": purpose,
        "organisation_slug": "",
    }


def _activation(event: tenancy_events.MemberInvited | tenancy_events.AccessGranted) -> dict[str, str]:
    return {
        "link_id": event.link_id,
        "account_id": event.account_id,
        "purpose": "LINK_PURPOSE_ACTIVATION",
        "organisation_slug": event.organisation_slug,
    }


def _person(event: tenancy_events.MemberInvited | tenancy_events.AccessGranted) -> Recipient:
    return Recipient(f"{event.given_name} {event.family_name}", event.mail, event.locale, event.membership_id)


def _path(target: int, document_id: str) -> str:
    """Where the link of a notification leads (S4), below the organisation's address."""
    match target:
        case documents_pb2.LINK_TARGET_DOCUMENT:
            return f"documents/{document_id}"
        case documents_pb2.LINK_TARGET_QUOTES:
            return "documents?folder=quotes"
        case documents_pb2.LINK_TARGET_INVOICES:
            return "invoices"
        case documents_pb2.LINK_TARGET_PAYSLIPS:
            return "documents?folder=payslips"
        case _:
            return ""


def _ids(texts: Iterable[str]) -> list[UUID]:
    return [UUID(text) for text in texts]
