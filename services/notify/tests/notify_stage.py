"""Notify on real PostgreSQL and NATS, with a real SMTP server that does as it is told. Only identity is played."""

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from uuid import UUID

from parvis.documents.v1 import documents_pb2, events_pb2
from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis_kit.bus import Bus
from parvis_kit.caller import Caller
from parvis_kit.ids import uuid7
from parvis_kit.outbox import Relay
from parvis_kit.testing import eventually, running
from parvis_notify.account_links import AccountLinkMails
from parvis_notify.erasures import ErasureMails
from parvis_notify.events import Events
from parvis_notify.factors import FactorMails
from parvis_notify.firm_notices import FirmNotices
from parvis_notify.main import subscribe
from parvis_notify.requests import RequestMails
from parvis_notify.service.composing import Composer
from parvis_notify.service.sending import Sender
from parvis_notify.smtp import MailServer

ME = Caller("notify")
PORTAL = "https://portail.exemple.fr"


@dataclass
class Mailbox:
    """What the SMTP server has accepted, and how it answers: `refusals` by recipient, used up one by one."""

    mails: list = field(default_factory=list)
    refusals: dict[str, list[str]] = field(default_factory=dict)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if answers := self.refusals.get(address):
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 2.0.0 queued"

    def to(self, address):
        return [mail for mail in self.mails if mail["To"].addresses[0].addr_spec == address]


class Identity:
    """Identity's side of MintLink: the same link_id gives the same address, a withdrawn one is refused."""

    def __init__(self) -> None:
        self.asked = []
        self.errors = {}

    async def MintLink(self, request):
        self.asked.append(request)
        if error := self.errors.get(request.link_id):
            raise error
        return identity_pb2.Link(url=f"{PORTAL}/activate/secret-{request.link_id}")


class Suite:
    """Notify at work: its database, bus and relay, as its main module wires them."""

    def __init__(self, database, broker, smtp, identity) -> None:
        self.database = database
        self.server = MailServer(f"smtp://127.0.0.1:{smtp.port}", name="exemple.fr", connections=4, command_timeout=5)
        self.bus = Bus(broker, database, consumer="notify")
        composer = Composer(PORTAL, "exemple.fr")
        subscribe(
            self.bus,
            Events(composer, database),
            Sender(self.server, identity, "exemple.fr", "portail.exemple.fr"),
            RequestMails(composer),
            AccountLinkMails(composer, database),
            FactorMails(composer, database),
            ErasureMails(composer, database),
            FirmNotices(composer, database),
        )
        self.relay = Relay(database.url, broker, source="notify")

    @asynccontextmanager
    async def running(self):
        async with running(self.bus.consume, self.relay.run):
            yield self
        await self.server.close()

    async def tell(self, organisation_id, event, *, aggregate_id=None, version=0):
        async with self.database.begin(ME, organisation_id=organisation_id) as unit:
            return unit.emit(event, aggregate_id=aggregate_id or uuid7(), version=version)

    async def rows(self, organisation_id, query, *arguments):
        async with self.database.begin(ME, organisation_id=organisation_id) as unit:
            return await unit.fetch(query, *arguments)

    async def message_to(self, organisation_id, mail, *states):
        """The one message to this address, once it has one of the states."""
        states = states or ("sent", "failed", "cancelled")
        query = "SELECT * FROM messages WHERE recipient_mail = $1 AND state = ANY($2)"
        return (await self.until(organisation_id, query, mail, list(states)))[0]

    async def heard(self, organisation_id, table, row_id):
        """Waits until a projection has this row."""
        await self.until(organisation_id, f"SELECT 1 FROM {table} WHERE id = $1", row_id)  # noqa: S608

    async def face(self, firm):
        """Waits until the firm is known."""
        await self.until(firm.id, "SELECT 1 FROM organisations")

    async def until(self, organisation_id, query, *arguments):
        """Rows of a query, once there are any."""
        return await eventually(lambda: self.rows(organisation_id, query, *arguments))


@dataclass(frozen=True)
class Firm:
    """An organisation that notify knows."""

    id: UUID
    slug: str


def mail() -> str:
    """An address that no other test uses."""
    return f"p{uuid7().hex}@client.example"


def filed(contact, name="Facture F2026-00042.pdf", **folder):
    """DocumentFiled into a shared folder that announces what reaches it."""
    settings = {"name": "Factures", "portal": True, "notification": True, **folder}
    document = documents_pb2.Document(id=str(uuid7()), contact_id=contact.id, name=name, filed_by="Marc Tanguy")
    return events_pb2.DocumentFiled(document=document, folder=documents_pb2.FolderTemplate(**settings))


def invited(**fields):
    """MemberInvited with a one-time link."""
    values = {
        "membership_id": str(uuid7()),
        "account_id": str(uuid7()),
        "mail": mail(),
        "given_name": "Claire",
        "family_name": "Le Goff",
        "locale": "fr",
        "organisation_name": "Cabinet Armor",
        "organisation_slug": "armor",
        "inviter_name": "Marc Tanguy",
        "profile_name": "Conseiller",
        "link_id": str(uuid7()),
    }
    return tenancy_events.MemberInvited(**{**values, **fields})
