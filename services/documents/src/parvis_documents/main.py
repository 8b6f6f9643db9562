"""Documents: folders of contacts, the documents in them, and the way of their bytes to and from the object store.

Reads top to bottom: settings → object store, what tenancy is asked → the three contracts → the consumers, with the
index of advisers that they keep → the sweep.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from parvis.documents.v1 import documents_pb2
from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_advisers import AdviserIndex
from parvis_documents import events, retention
from parvis_documents.holdings import HOLDINGS
from parvis_documents.objects import ObjectStore
from parvis_documents.rpc import DocumentRpc, FolderRpc, UploadRpc
from parvis_documents.service.contacts import Contacts, FetchContacts, project
from parvis_documents.service.counting import StoreProbe
from parvis_documents.service.erasing import files_first
from parvis_documents.service.exporting import Versions
from parvis_documents.service.firms_gone import FilesGone
from parvis_documents.service.sweeping import Sweep
from parvis_documents.service.uploads import Desk
from parvis_documents.settings import Settings
from parvis_kit.app import Service, run
from parvis_kit.caller import acting_for
from parvis_kit.client import Peers
from parvis_records import CONTRACT as RECORDS
from parvis_records import RecordsRpc, memberships_from
from parvis_records.closing import Closer
from parvis_records.erasure import Listener
from parvis_records.retention import Retention
from parvis_trail import COMMANDS, CONTRACT, TrailRpc


async def wire(settings: Settings) -> Service[Settings]:
    """The service, ready to serve."""
    service = Service(settings)
    objects = ObjectStore(settings.store, authority=settings.tls_ca, readers=settings.verifications)
    service.probes.add("store", StoreProbe(objects).look)
    contacts = Contacts(ask_tenancy(service.peers))

    contracts = documents_pb2.DESCRIPTOR.services_by_name
    service.offer(contracts["FolderService"], FolderRpc(contacts))
    service.offer(contracts["DocumentService"], DocumentRpc(objects))
    service.offer(contracts["UploadService"], UploadRpc(Desk(settings, objects, contacts)))
    service.offer(CONTRACT, TrailRpc())
    service.offer(
        RECORDS, RecordsRpc(HOLDINGS, memberships_from(service.peers), files=Versions(objects), settings=settings)
    )

    rights = tenancy_pb2_grpc.RightsServiceStub(service.peers.channel("tenancy"))
    index = AdviserIndex(service.database, rights.ListAdviserChanges, project)
    service.grpc.ready = index.ready
    Listener(service.bus, HOLDINGS, first=files_first(objects))
    Closer(service.bus, HOLDINGS, before=FilesGone(objects))
    events.subscribe(service.bus, service.database, objects, index)

    lifetime = timedelta(seconds=settings.upload_lifetime)
    sweep = Sweep(service.database, objects, service=settings.service, lifetime=lifetime)
    service.background(sweep.run)
    service.background(Retention(service.database, retention.terms(settings)).run)
    return service


def ask_tenancy(peers: Peers) -> FetchContacts:
    """Asks tenancy for contacts whose news has not arrived yet."""

    async def fetch(organisation_id: UUID, contact_ids: Sequence[UUID]) -> Sequence[tenancy_pb2.Contact]:
        stub = tenancy_pb2_grpc.ContactServiceStub(peers.channel("tenancy"))
        with acting_for(organisation_id):
            found = await stub.BatchGetContacts(
                tenancy_pb2.BatchGetContactsRequest(ids=[str(each) for each in contact_ids])
            )
        return [record.contact for record in found.contacts]

    return fetch


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m parvis_documents [migrate] [--role all|api|worker]`."""
    run(Settings, wire, argv, COMMANDS)
