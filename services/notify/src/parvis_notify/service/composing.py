"""An event becomes messages: to whom, in which words, with which link. Written once, in the event's transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

from parvis.notify.v1 import events_pb2
from parvis_kit.bus import Retry
from parvis_kit.text import search_key
from parvis_notify import store, texts
from parvis_notify.domain import deliveries, kinds, templates
from parvis_notify.domain.deliveries import State
from parvis_notify.domain.kinds import Kind
from parvis_notify.models import Contact, Message, Organisation

if TYPE_CHECKING:
    from parvis_kit.bus import Envelope
    from parvis_kit.unit import UnitOfWork

#: Reasons of messages that fail before anything was tried.
NO_ADDRESS = "no_address"
NO_ADVISER = "no_adviser"


@dataclass(frozen=True)
class Recipient:
    """Whom a message goes to; `key` tells apart the recipients of one event."""

    name: str
    mail: str
    locale: str
    key: str = ""


@dataclass(frozen=True)
class Announcement:
    """What an event asks to be said. `values` by merge field; exactly one of `link` and `one_time_link` is set."""

    kind: Kind
    event_id: UUID
    values: Mapping[str, str]
    link: str = ""
    #: Of identity's MintLink: link_id, account_id, purpose, organisation_slug.
    one_time_link: Mapping[str, str] | None = None
    contact_id: UUID | None = None
    document_id: UUID | None = None
    document_version: int | None = None
    #: When the document was opened, where that is known already.
    opened_at: datetime | None = None
    leads_to_document: bool = False
    #: Its id, where whoever asks for it waits to hear what became of it.
    message_id: UUID | None = None


@dataclass(frozen=True)
class Composer:
    """Composes messages. `public_url` is the portal's address; `mail_domain` that of Message-ID headers."""

    public_url: str
    mail_domain: str

    @property
    def domain(self) -> str:
        """What #domaine# stands for."""
        return urlsplit(self.public_url).netloc

    def address(self, slug: str, path: str = "") -> str:
        """A page of the portal, in an organisation."""
        return f"{self.public_url}/o/{slug}/{path}"

    async def face(self, unit: "UnitOfWork", envelope: "Envelope") -> Organisation:
        """The unit's organisation. Raises Retry when tenancy has not told of it yet."""
        found = await store.organisation(unit)
        if found is None:
            raise _soon(envelope)
        return found

    async def contact(self, unit: "UnitOfWork", contact_id: UUID, envelope: "Envelope") -> Contact:
        """A contact. Raises Retry when tenancy has not told of it yet."""
        found = await store.contact(unit, contact_id)
        if found is None:
            raise _soon(envelope)
        return found

    async def announce(self, unit: "UnitOfWork", what: Announcement, to: Recipient, *, failed: str = "") -> None:
        """Writes the message and queues it; without a usable address it is kept as failed, with the reason."""
        locale = templates.given_locale([to.locale])
        shipped = texts.shipped(what.kind, locale)
        own = await store.template(unit, what.kind, locale)
        values = templates.values_for(what.kind, {**what.values, "domaine": self.domain})
        subject, body = shipped.subject, shipped.body
        if own is not None and own.customised:
            subject, body = own.subject, own.body
        subject, text = templates.compose(locale, subject, body, values)
        _, because = templates.compose(locale, "", shipped.because, values)
        if not failed and not deliveries.is_address(to.mail):
            failed = NO_ADDRESS
        message_id = what.message_id or deliveries.derived_id(what.event_id, to.key or to.mail)
        message = Message(
            organisation_id=unit.organisation_id,
            id=message_id,
            kind=what.kind,
            state=State.FAILED if failed else State.PENDING,
            locale=locale,
            recipient_name=templates.plain(to.name),
            recipient_mail=to.mail,
            subject=subject,
            text=text,
            link=what.link,
            one_time_link=dict(what.one_time_link) if what.one_time_link else None,
            button=shipped.document_button if what.leads_to_document else shipped.button,
            because=because,
            template_version=own.version if own is not None and own.customised else 0,
            reason=failed,
            contact_id=what.contact_id,
            document_id=what.document_id,
            document_version=what.document_version,
            document_opened_at=what.opened_at,
            message_id=f"<{message_id}@{self.mail_domain}>",
            search_key=search_key(to.name, to.mail, subject),
            created_at=unit.now,
            settled_at=unit.now if failed else None,
        )
        if not await store.insert_message(unit, message):
            return
        unit.record("message.composed", target_kind="message", target_id=message_id, kind=what.kind, reason=failed)
        if failed:
            tell_settled(unit, message, sent=False, reason=failed)
        else:
            unit.emit(events_pb2.MessageQueued(message_id=str(message_id)), aggregate_id=message_id)


def tell_settled(unit: "UnitOfWork", message: Message, *, sent: bool, reason: str) -> None:
    """Tells the others that a message has its final state; and whoever waits for it, of few kinds."""
    told = events_pb2.MessageSettled(
        message_id=str(message.id),
        sent=sent,
        reason=reason,
        contact_id=str(message.contact_id or ""),
        document_id=str(message.document_id or ""),
    )
    unit.emit(told, aggregate_id=message.id, version=1)
    if message.kind in kinds.AWAITED:
        notice = events_pb2.NoticeSettled(message_id=str(message.id), sent=sent)
        unit.emit(notice, aggregate_id=message.id)


def _soon(envelope: "Envelope") -> Retry:
    """Events of two services cross each other by milliseconds; later tries are for a neighbour that is down."""
    return Retry(min(0.05 * 2**envelope.delivered, 10.0))
