"""What the tests of documents play with: the service wired to real servers, a firm, and those who call."""

import hashlib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest

from parvis.documents.v1 import documents_pb2 as pb
from parvis_advisers import AdviserIndex
from parvis_advisers.testing import PlayedTenancy
from parvis_documents.events import subscribe
from parvis_documents.rpc import DocumentRpc, FolderRpc, UploadRpc
from parvis_documents.service.contacts import Contacts, project
from parvis_documents.service.sweeping import Sweep
from parvis_documents.service.uploads import Desk
from parvis_documents.settings import Settings
from parvis_kit.bus import Bus
from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError
from parvis_kit.grants import ALL, GrantSet
from parvis_kit.ids import uuid7
from parvis_kit.outbox import Relay
from parvis_kit.server import is_in_steps
from parvis_kit.testing import eventually, make_caller, running

ME = Caller("documents")
PORTAL = "http://localhost:8600"
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< >>\n%%EOF\n"
RIGHTS = ("documents.read", "documents.file", "folders.configure")


class Tenancy:
    """Tenancy's side of BatchGetContacts and ListAdviserChanges."""

    def __init__(self) -> None:
        self.contacts = {}
        self.played = PlayedTenancy()

    async def __call__(self, organisation_id, contact_ids):
        return [self.contacts[each] for each in contact_ids if each in self.contacts]

    async def changes(self, asked):
        return await self.played.changes(asked)


class Someone:
    """A caller: `someone.StartUpload(contact_id=…)` is the RPC in their name, in one unit of work."""

    def __init__(self, suite, caller, grants, organisation_id) -> None:
        self.suite = suite
        self.caller = caller
        self.grants = grants
        self.organisation_id = organisation_id

    @asynccontextmanager
    async def begin(self):
        """One transaction in their name."""
        async with self.suite.database.begin(self.caller, organisation_id=self.organisation_id) as unit:
            if self.grants is not None:
                unit.grants = self.grants
            yield unit

    def __getattr__(self, method):
        async def call(**fields):
            implementation = next(rpc for rpc in self.suite.rpcs if hasattr(rpc, method))
            asked = "".join(pb.DESCRIPTOR.services_by_name[service].methods_by_name[method].input_type.name
                            for service in ("FolderService", "DocumentService", "UploadService")
                            if method in pb.DESCRIPTOR.services_by_name[service].methods_by_name)  # fmt: skip
            method_ = getattr(implementation, method)
            request = getattr(pb, asked)(**fields)
            if is_in_steps(method_):
                return await method_(self.begin, request)
            async with self.begin() as unit:
                return await method_(unit, request)

        return call


class Suite:
    """Documents at work: its database, bus, relay and store, as its main module wires them."""

    def __init__(self, database, broker, objects, store_settings) -> None:
        self.database = database
        self.objects = objects
        self.tenancy = Tenancy()
        known = Contacts(self.tenancy)
        self.settings = Settings(
            database_url=database.url.url, nats_url="nats://unused", http_listen="127.0.0.1:0", public_url=PORTAL,
            tls_ca="-", tls_certificate="-", tls_key="-", store=store_settings,
        )  # fmt: skip
        self.desk = Desk(self.settings, objects, known)
        self.rpcs = (FolderRpc(known), DocumentRpc(objects), UploadRpc(self.desk))
        self.bus = Bus(broker, database, consumer="documents", back_off=(0.1, 0.1, 0.1))
        self.index = AdviserIndex(database, self.tenancy.changes, project)
        subscribe(self.bus, database, objects, self.index)
        self.relay = Relay(database.url, broker, source="documents")

    @asynccontextmanager
    async def running(self):
        async with running(self.bus.consume, self.relay.run):
            yield self

    def sweep(self, lifetime):
        return Sweep(self.database, self.objects, service="documents", lifetime=lifetime)

    async def tell(self, organisation_id, event, *, aggregate_id=None, version=0):
        async with self.database.begin(ME, organisation_id=organisation_id) as unit:
            return unit.emit(event, aggregate_id=aggregate_id or uuid7(), version=version)

    async def rows(self, organisation_id, query, *arguments):
        async with self.database.begin(ME, organisation_id=organisation_id) as unit:
            return await unit.fetch(query, *arguments)

    async def eventually(self, organisation_id, query, *arguments):
        """Rows of a query, once there are any."""
        return await eventually(lambda: self.rows(organisation_id, query, *arguments))

    async def told(self, organisation_id, event_class):
        """The events of a class that left in the name of an organisation."""
        query = "SELECT payload FROM outbox WHERE subject = $1 AND organisation_id = $2 ORDER BY id"
        rows = await self.rows(organisation_id, query, event_class.DESCRIPTOR.full_name, organisation_id)
        return [event_class.FromString(row["payload"]) for row in rows]


@dataclass
class Firm:
    """An organisation with two clients, an employee, and those who call."""

    suite: Suite
    id: UUID
    #: built_in → template id, of clients.
    folders: dict[str, UUID]
    #: Its adviser is `adviser`.
    client: UUID
    other_client: UUID
    employee: UUID
    #: Sees everything.
    manager: Someone
    #: Sees `client` only.
    adviser: Someone
    #: A portal access of `client`.
    portal: Someone
    billing: Someone

    def staff(self, advisers=ALL, rights=RIGHTS, membership_id=None):
        membership_id = membership_id or uuid7()
        grants = GrantSet(membership_id, self.id, "staff", 1, dict.fromkeys(rights, advisers))
        return Someone(self.suite, make_caller(self.id, membership_id=membership_id), grants, self.id)

    def access(self, contacts_):
        membership_id = uuid7()
        grants = GrantSet(membership_id, self.id, "portal", 1, {}, contacts_)
        caller = make_caller(self.id, membership_id=membership_id, kind="portal")
        return Someone(self.suite, caller, grants, self.id)

    async def file(self, someone=None, name="Facture F2026-00042.pdf", data=PDF, folder="invoices", **fields):
        """Uploads a file from end to end; the upload once it is filed or refused."""
        someone = someone or self.manager
        place = {"contact_id": str(self.client), "folder_template_id": str(self.folders[folder])}
        upload = await someone.StartUpload(name=name, size=len(data), **{**place, **fields})
        await send(upload, data)
        await someone.CompleteUpload(id=upload.id)
        return await self.decided(someone, upload.id)

    async def decided(self, someone, upload_id):

        async def decided():
            upload = await someone.GetUpload(id=upload_id)
            return upload if upload.state != pb.UPLOAD_STATE_VERIFYING else None

        return await eventually(decided)

    async def filed(self, **fields):
        """A document, filed from end to end."""
        upload = await self.file(**fields)
        assert upload.state == pb.UPLOAD_STATE_FILED, upload.reason
        return upload.document_id


async def refusal(call):
    """The error that a call ends with."""
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value


async def send(upload, data, numbers=None):
    """Sends the parts of an upload as a browser would; all that are not there, or those named."""
    async with httpx.AsyncClient(timeout=30) as client:
        start = 0
        for part in upload.parts:
            if not part.sent and (numbers is None or part.number in numbers):
                answer = await client.put(part.url, content=data[start : start + part.size])
                assert answer.status_code == 200, answer.text
            start += part.size


def digest(data):
    return hashlib.sha256(data).hexdigest()
