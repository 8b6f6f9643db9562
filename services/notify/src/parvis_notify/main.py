"""Notify: what happened elsewhere becomes mail, and a history that proves what was sent.

events of the others ──► composing: one message per recipient, in the event's transaction ──► MessageQueued
MessageQueued ─────────► sending: attempt recorded → mail server → result recorded ─────────► MessageSettled
"""

from collections.abc import Sequence
from functools import partial
from urllib.parse import urlsplit

from parvis.documents.v1 import events_pb2 as documents_events
from parvis.identity.v1 import events_pb2 as identity_events
from parvis.identity.v1 import identity_pb2_grpc
from parvis.notify.v1 import events_pb2 as notify_events
from parvis.notify.v1 import notify_pb2
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis_kit.app import Service, run
from parvis_kit.bus import Bus
from parvis_notify import retention
from parvis_notify.account_links import AccountLinkMails
from parvis_notify.erasures import ErasureMails
from parvis_notify.events import Events
from parvis_notify.factors import FactorMails
from parvis_notify.firm_notices import FirmNotices
from parvis_notify.holdings import HOLDINGS
from parvis_notify.requests import RequestMails
from parvis_notify.rpc import MessageRpc, TemplateRpc
from parvis_notify.service import counting, erasing
from parvis_notify.service.composing import Composer
from parvis_notify.service.sending import Sender
from parvis_notify.settings import Settings
from parvis_notify.smtp import MailServer
from parvis_records import CONTRACT as RECORDS
from parvis_records import RecordsRpc, memberships_from
from parvis_records.closing import Closer
from parvis_records.erasure import Listener
from parvis_records.retention import Retention
from parvis_trail import COMMANDS, CONTRACT, TrailRpc


def main(argv: Sequence[str] | None = None) -> None:
    """The service's command line: serve (default), migrate, and the kit's other commands."""
    run(Settings, wire, argv, COMMANDS)


async def wire(settings: Settings) -> Service[Settings]:
    """What notify is made of."""
    service = Service(settings)
    public_url = settings.public_url.rstrip("/")

    service.offer(notify_pb2.DESCRIPTOR.services_by_name["TemplateService"], TemplateRpc(public_url))
    service.offer(notify_pb2.DESCRIPTOR.services_by_name["MessageService"], MessageRpc(public_url))
    service.offer(CONTRACT, TrailRpc())
    service.offer(RECORDS, RecordsRpc(HOLDINGS, memberships_from(service.peers), settings=settings))

    composer = Composer(public_url, settings.mail_domain)
    events = Events(composer, service.database)
    sender = Sender(
        server=MailServer(
            settings.smtp_url.get_secret_value(),
            name=settings.mail_domain,
            connections=settings.smtp_connections,
            command_timeout=settings.smtp_timeout,
        ),
        accounts=identity_pb2_grpc.AccountServiceStub(service.peers.channel("identity")),
        mail_domain=settings.mail_domain,
        public_name=urlsplit(public_url).netloc,
    )
    links = AccountLinkMails(composer, service.database)
    factors, notices = FactorMails(composer, service.database), FirmNotices(composer, service.database)
    service.background(Retention(service.database, retention.terms(settings)).run)
    service.probes.add("mails", partial(counting.look, service.database))
    Listener(service.bus, HOLDINGS, also=erasing.erase_mails)
    erasures = ErasureMails(composer, service.database)
    Closer(service.bus, HOLDINGS, first=("mail_queue",))
    subscribe(service.bus, events, sender, RequestMails(composer), links, factors, erasures, notices)
    return service


def subscribe(
    bus: Bus,
    events: Events,
    sender: Sender,
    requests: RequestMails,
    links: AccountLinkMails,
    factors: FactorMails,
    erasures: ErasureMails,
    notices: FirmNotices,
) -> None:
    """What notify listens to."""
    bus.on(tenancy_events.OrganisationChanged, events.organisation_changed)
    bus.on(tenancy_events.ContactChanged, events.contact_changed)
    bus.on(tenancy_events.MembershipChanged, events.membership_changed)

    bus.on(tenancy_events.MemberInvited, events.member_invited)
    bus.on(tenancy_events.AccessGranted, events.access_granted)
    bus.on(tenancy_events.AccessPasswordReplaced, events.access_password_replaced)
    bus.on(documents_events.DocumentFiled, events.document_filed)
    bus.on(documents_events.DepositReceived, events.deposit_received)
    bus.on(documents_events.DocumentOpened, events.document_opened)
    bus.on_steps(identity_events.PasswordResetRequested, events.password_reset_requested)
    bus.on_steps(identity_events.AccountImported, events.account_imported)
    bus.on_steps(identity_events.AddressChangeRequested, events.address_change_requested)
    bus.on_steps(identity_events.AddressChanged, events.address_changed)
    bus.on(identity_events.ManagedMailCorrected, events.managed_mail_corrected)

    bus.on(identity_events.AccessRequestOpened, requests.opened)
    bus.on(tenancy_events.AccessRequestReceived, requests.received)
    bus.on(tenancy_events.AccessRequestAnswered, requests.answered)

    bus.on_steps(identity_events.AccountLinked, links.linked)
    bus.on_steps(identity_events.AccountUnlinked, links.unlinked)
    bus.on_steps(identity_events.DirectoryLinkChanged, links.directory)
    bus.on_steps(identity_events.FactorsChanged, factors.changed)
    bus.on_steps(identity_events.ErasureChanged, erasures.changed)

    bus.on(tenancy_events.AdministratorsNoticed, notices.noticed)
    bus.on_steps(tenancy_events.OrganisationGone, notices.organisation_gone)
    bus.on(identity_events.DomainProofAsked, notices.domain_proof_asked)

    bus.on_steps(notify_events.MessageQueued, sender.send)
