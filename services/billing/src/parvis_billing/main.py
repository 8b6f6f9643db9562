"""Billing: what customers bought; drafts, closed invoices with gapless numbers, and their PDF in the client's folder.

SaveDraft → CloseInvoice ──► InvoiceClosed ──► filing: PDF set, uploaded to documents ──► InvoiceFiled
"""

from collections.abc import Sequence
from uuid import UUID

import httpx

from parvis.billing.v1 import billing_pb2
from parvis.documents.v1 import documents_pb2_grpc
from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_advisers import AdviserIndex
from parvis_billing import events, retention
from parvis_billing.holdings import HOLDINGS
from parvis_billing.rpc import EntitlementRpc, InvoiceRpc
from parvis_billing.service.entitlements import FetchProducts
from parvis_billing.service.filing import Filer
from parvis_billing.service.records import FetchContact, FetchOrganisation, Records, project_customer
from parvis_billing.settings import Settings
from parvis_billing.typesetter import Typesetter
from parvis_kit.app import Service, run
from parvis_kit.caller import acting_for
from parvis_kit.client import Peers
from parvis_kit.errors import precondition
from parvis_records import CONTRACT as RECORDS
from parvis_records import RecordsRpc, memberships_from
from parvis_records.closing import Closer
from parvis_records.erasure import Listener
from parvis_records.retention import Retention
from parvis_trail import COMMANDS, CONTRACT, TrailRpc
from parvis_watch.believed import Believed
from parvis_watch.vouching import authority_of


def main(argv: Sequence[str] | None = None) -> None:
    """The service's command line: serve (default), migrate, and the kit's other commands."""
    run(Settings, wire, argv, COMMANDS)


async def wire(settings: Settings) -> Service[Settings]:
    """What billing is made of."""
    service = Service(settings)
    records = Records(ask_for_contact(service.peers), ask_for_organisation(service.peers))
    typesetter = Typesetter(settings.typesetters)
    service.offer(billing_pb2.DESCRIPTOR.services_by_name["InvoiceService"], InvoiceRpc(records, typesetter))
    service.offer(
        billing_pb2.DESCRIPTOR.services_by_name["EntitlementService"], EntitlementRpc(ask_for_products(service.peers))
    )
    service.offer(CONTRACT, TrailRpc())
    service.offer(RECORDS, RecordsRpc(HOLDINGS, memberships_from(service.peers), settings=settings))

    documents = service.peers.channel("documents")
    believed = Believed(authority_of(settings.store_internal_url, settings.store_ca, settings.tls_ca))
    filer = Filer(
        typesetter=typesetter,
        uploads=documents_pb2_grpc.UploadServiceStub(documents),
        documents=documents_pb2_grpc.DocumentServiceStub(documents),
        # The store's address says where it is: no proxy of the environment is asked.
        http=lambda: httpx.AsyncClient(timeout=30, trust_env=False, verify=believed.now()),
        store=settings.store_internal_url,
    )
    rights = tenancy_pb2_grpc.RightsServiceStub(service.peers.channel("tenancy"))
    index = AdviserIndex(service.database, rights.ListAdviserChanges, project_customer)
    service.grpc.ready = index.ready
    Listener(service.bus, HOLDINGS)
    Closer(service.bus, HOLDINGS, acts="target_kind = 'invoice'")
    events.subscribe(service.bus, filer, index)
    service.background(Retention(service.database, retention.terms(settings)).run)
    return service


def ask_for_contact(peers: Peers) -> FetchContact:
    """Asks tenancy for a contact whose news has not arrived yet."""

    async def fetch(organisation_id: UUID, contact_id: UUID) -> tenancy_pb2.Contact | None:
        stub = tenancy_pb2_grpc.ContactServiceStub(peers.channel("tenancy"))
        with acting_for(organisation_id):
            found = await stub.BatchGetContacts(tenancy_pb2.BatchGetContactsRequest(ids=[str(contact_id)]))
        return found.contacts[0].contact if found.contacts else None

    return fetch


def ask_for_organisation(peers: Peers) -> FetchOrganisation:
    """Asks tenancy for the record of an organisation whose news has not arrived yet."""

    async def fetch(organisation_id: UUID) -> tenancy_pb2.Organisation:
        stub = tenancy_pb2_grpc.OrganisationServiceStub(peers.channel("tenancy"))
        with acting_for(organisation_id):
            return await stub.GetOrganisation(tenancy_pb2.GetOrganisationRequest())

    return fetch


def ask_for_products(peers: Peers) -> FetchProducts:
    """Asks tenancy, in the caller's name, for the products that a customer of theirs can have."""

    async def fetch(customer_id: UUID) -> frozenset[UUID]:
        stub = tenancy_pb2_grpc.ProductServiceStub(peers.channel("tenancy"))
        found = await stub.ListSubscriptions(tenancy_pb2.ListSubscriptionsRequest(organisation_id=str(customer_id)))
        if found.HasField("closes_at"):
            raise precondition("customer_closing")
        return frozenset(UUID(each.product_id) for each in found.subscriptions)

    return fetch
