"""Billing on real PostgreSQL and NATS. Documents is played, with its promise: one reference, one document."""

import asyncio
import hashlib
from contextlib import asynccontextmanager
from uuid import UUID

import httpx

from parvis.billing.v1 import billing_pb2 as pb
from parvis.documents.v1 import documents_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_advisers import AdviserIndex
from parvis_advisers.testing import PlayedTenancy
from parvis_billing import events
from parvis_billing.rpc import InvoiceRpc
from parvis_billing.service.filing import Filer
from parvis_billing.service.records import Records, project_customer, project_folder, project_seller
from parvis_billing.typesetter import Typesetter
from parvis_kit.bus import Bus
from parvis_kit.caller import Caller
from parvis_kit.errors import unavailable
from parvis_kit.grants import ALL, GrantSet
from parvis_kit.ids import uuid7
from parvis_kit.outbox import Relay
from parvis_kit.testing import make_caller, running

ME = Caller("billing")
RIGHTS = ("invoices.read", "invoices.edit", "invoices.close")
PART = 16_000


class Documents:
    """UploadService and DocumentService of documents, and the store.

    `failures`: steps that fail the next time. `refusals`: references whose next upload is refused once it is complete;
    the one after it is a new one, as documents promises.
    """

    def __init__(self) -> None:
        self.uploads = {}
        self.documents = {}
        self.failures = []
        self.refusals = []
        self.steps = []
        self.folder = uuid7()

    def _step(self, name):
        self.steps.append(name)
        if name in self.failures:
            self.failures.remove(name)
            raise unavailable("documents_down")

    async def StartUpload(self, request):
        self._step("start")
        upload = self.uploads.setdefault(request.external_reference, {"request": request, "parts": {}, "id": uuid7()})
        return self._message(upload)

    async def CompleteUpload(self, request):
        self._step("complete")
        upload = self._find(request.id)
        upload["bytes"] = b"".join(upload["parts"][number] for number in sorted(upload["parts"]))
        return self._message(upload)

    async def GetUpload(self, request):
        self._step("get")
        upload = self._find(request.id)
        if upload["request"].external_reference in self.refusals:
            self.refusals.remove(upload["request"].external_reference)
            del self.uploads[upload["request"].external_reference]
            refused = documents_pb2.UPLOAD_STATE_REFUSED
            return documents_pb2.Upload(id=request.id, state=refused, reason="checksum_differs")
        assert hashlib.sha256(upload["bytes"]).hexdigest() == upload["request"].sha256
        self.documents.setdefault(upload["request"].external_reference, uuid7())
        return self._message(upload)

    async def BatchGetDocuments(self, request):
        self._step("batch")
        found = [documents_pb2.Document(id=each, folder_template_id=str(self.folder)) for each in request.ids]
        return documents_pb2.BatchGetDocumentsResponse(documents=found)

    def client(self):
        return httpx.AsyncClient(transport=httpx.MockTransport(self._store))

    def _store(self, request):
        self._step("put")
        _, reference, number = request.url.path.split("/")
        self.uploads[reference]["parts"][int(number)] = request.content
        return httpx.Response(200)

    def _find(self, upload_id):
        return next(each for each in self.uploads.values() if str(each["id"]) == upload_id)

    def _message(self, upload):
        request = upload["request"]
        reference = request.external_reference
        if reference in self.documents:
            state, parts = documents_pb2.UPLOAD_STATE_FILED, []
        elif "bytes" in upload:
            state, parts = documents_pb2.UPLOAD_STATE_VERIFYING, []
        else:
            state = documents_pb2.UPLOAD_STATE_SENDING
            parts = [
                documents_pb2.Part(
                    number=place + 1,
                    size=min(PART, request.size - start),
                    url=f"http://store.example/{reference}/{place + 1}",
                    sent=place + 1 in upload["parts"],
                )
                for place, start in enumerate(range(0, request.size, PART))
            ]
        return documents_pb2.Upload(
            id=str(upload["id"]), state=state, part_size=PART, parts=parts, size=request.size,
            document_id=str(self.documents.get(reference, "")),
        )  # fmt: skip


class Tenancy:
    """What tenancy answers to whoever asks about news that is late."""

    def __init__(self) -> None:
        self.contacts = {}
        self.organisations = {}
        self.played = PlayedTenancy()

    async def contact(self, organisation_id, contact_id):
        return self.contacts.get(contact_id)

    async def organisation(self, organisation_id):
        return self.organisations.get(organisation_id, tenancy_pb2.Organisation())

    async def changes(self, asked):
        return await self.played.changes(asked)


class Suite:
    """Billing at work."""

    def __init__(self, database, broker, documents) -> None:
        self.database = database
        self.documents = documents
        self.tenancy = Tenancy()
        self.records = Records(self.tenancy.contact, self.tenancy.organisation)
        self.typesetter = Typesetter(2)
        self.rpc = InvoiceRpc(self.records, self.typesetter)
        self.bus = Bus(broker, database, consumer="billing", back_off=(0.1,) * 5)
        self.index = AdviserIndex(database, self.tenancy.changes, project_customer)
        events.subscribe(self.bus, Filer(self.typesetter, documents, documents, documents.client), self.index)
        self.relay = Relay(database.url, broker, source="billing")

    @asynccontextmanager
    async def running(self):
        async with running(self.bus.consume, self.relay.run):
            yield self

    @asynccontextmanager
    async def unit(self, organisation_id):
        async with self.database.begin(ME, organisation_id=organisation_id) as unit:
            yield unit

    async def rows(self, organisation_id, query, *arguments):
        async with self.unit(organisation_id) as unit:
            return await unit.fetch(query, *arguments)

    async def firm(self, **changes):
        """An organisation with everything that an invoice needs."""
        organisation = tenancy_pb2.Organisation(
            id=str(uuid7()), slug="armor", name="Armor", legal_name="Cabinet Armor Conseil", legal_form="SAS",
            capital="10 000 €", siren="404833048", registry="RCS Nantes", vat_number="FR83404833048",
            address=address("12 quai de la Fosse", "44000", "Nantes"), mail="accueil@armor.example",
            accent="#8a1c4a", time_zone="Europe/Paris", iban="FR7630006000011234567890189", version=1,
        )  # fmt: skip
        organisation.MergeFrom(tenancy_pb2.Organisation(**changes))
        for name in (name for name, value in changes.items() if value == ""):
            organisation.ClearField(name)
        async with self.unit(UUID(organisation.id)) as unit:
            await project_seller(unit, organisation, 1)
            await project_folder(unit, self.folder(), 1)
        return UUID(organisation.id)

    def folder(self, **changes):
        """The folder that documents files invoices in."""
        return documents_pb2.FolderTemplate(**{
            "id": str(self.documents.folder), "audience": tenancy_pb2.CONTACT_KIND_CLIENT, "built_in": "invoices",
            "portal": True, **changes,
        })  # fmt: skip

    async def tell(self, firm, event, *, aggregate_id, version):
        """An event of another service, through the stream."""
        async with self.unit(firm) as unit:
            return unit.emit(event, aggregate_id=aggregate_id, version=version)

    async def client(self, firm, *, advisers=(), **changes):
        """A client of the firm."""
        contact = tenancy_pb2.Contact(
            id=str(uuid7()), kind=tenancy_pb2.CONTACT_KIND_CLIENT, name="Menuiserie Kerautret", siren="552100554",
            address=address("3 rue des Charpentiers", "29000", "Quimper"), version=1,
            advisers=[tenancy_pb2.Adviser(membership_id=str(each)) for each in advisers],
        )  # fmt: skip
        for name, value in changes.items():
            contact.ClearField(name)
            contact.MergeFrom(tenancy_pb2.Contact(**{name: value}))
        async with self.unit(firm) as unit:
            await project_customer(unit, contact)
        return UUID(contact.id)

    async def call(self, method, firm, request, *, scope=ALL, rights=RIGHTS, portal=None):
        """Calls an RPC as a member: `scope` of each right, or the contacts of a portal access."""
        caller = make_caller(firm, kind="staff" if portal is None else "portal")
        async with self.database.begin(caller) as unit:
            unit.grants = GrantSet(
                caller.membership_id, firm, caller.kind, 1, dict.fromkeys(rights, scope) if portal is None else {},
                portal_contacts=portal or {},
            )  # fmt: skip
            return await getattr(self.rpc, method)(unit, request)

    async def draft(self, firm, client, *lines, **changes):
        """A draft with these lines."""
        request = pb.SaveDraftRequest(
            invoice=pb.Invoice(contact_id=str(client), lines=lines or [line()], **{"payment_days": 30, **changes})
        )
        return await self.call("SaveDraft", firm, request)

    async def close(self, firm, draft, **access):
        request = pb.CloseInvoiceRequest(id=draft.id, version=draft.version)
        return await self.call("CloseInvoice", firm, request, **access)

    async def closed(self, firm, client, *lines, **changes):
        """A closed invoice."""
        return await self.close(firm, await self.draft(firm, client, *lines, **changes))

    async def filed(self, firm, invoice_id):
        """An invoice once its PDF is filed."""
        async with asyncio.timeout(30):
            while True:
                found = await self.call("GetInvoice", firm, pb.GetInvoiceRequest(id=invoice_id))
                if found.state == pb.INVOICE_STATE_FILED:
                    return found
                await asyncio.sleep(0.05)


def address(line, postal_code, city):
    return tenancy_pb2.PostalAddress(lines=[line], postal_code=postal_code, city=city, country="FR")


def line(description="Tenue comptable", quantity="1", unit_price="480", vat_rate="20", unit="forfait"):
    return pb.Line(description=description, quantity=quantity, unit=unit, unit_price=unit_price, vat_rate=vat_rate)
