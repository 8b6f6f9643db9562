"""A person at work while parts of the suite die: tries again as somebody would, and never makes anything twice."""

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TypeVar

import httpx

from parvis.billing.v1 import billing_pb2, billing_pb2_grpc
from parvis.documents.v1 import documents_pb2, documents_pb2_grpc
from parvis.notify.v1 import notify_pb2_grpc
from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_kit.errors import Kind, ServiceError
from parvis_local.demo.portal import Person, Portal

Answer = TypeVar("Answer")

#: Seconds after which somebody gives up: every part is back long before.
PATIENCE = 90.0


@dataclass
class Story:
    """What one run makes: names that nobody else has, and what came back."""

    name: str
    content: bytes = field(repr=False)
    contact_id: str = ""
    document_id: str = ""
    invoice_id: str = ""
    number: str = ""
    deposit_id: str = ""
    message_ids: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    @property
    def mail(self) -> str:
        return f"{self.name}@chaos.example"

    @property
    def person_mail(self) -> str:
        return f"person-{self.name}@chaos.example"


class Driver:
    """Steps 3 and 4 of the main job, for the administrator of a firm."""

    def __init__(
        self,
        portal: Portal,
        administrator: Person,
        organisation_id: str,
        *,
        passing: Collection[Kind] = (Kind.UNAVAILABLE,),
        patience: float = PATIENCE,
    ) -> None:
        """`passing`: what is tried again, for `patience` seconds."""
        self._passing, self._patience = passing, patience
        #: What came instead of answers lately, for whoever looks at a failure.
        self.told: deque[str] = deque(maxlen=40)
        self._person = administrator
        self._organisation_id = organisation_id
        self._http = httpx.AsyncClient(timeout=10, trust_env=False)
        channel = portal.peers.channel
        self.contacts = tenancy_pb2_grpc.ContactServiceStub(channel("tenancy"))
        self.folders = documents_pb2_grpc.FolderServiceStub(channel("documents"))
        self.documents = documents_pb2_grpc.DocumentServiceStub(channel("documents"))
        self.uploads = documents_pb2_grpc.UploadServiceStub(channel("documents"))
        self.invoices = billing_pb2_grpc.InvoiceServiceStub(channel("billing"))
        self.messages = notify_pb2_grpc.MessageServiceStub(channel("notify"))

    async def close(self) -> None:
        await self._http.aclose()

    def acting(self) -> AbstractAsyncContextManager[None]:
        """Calls inside the block are the administrator's, for the firm."""
        return self._person.acting_for(self._organisation_id)

    async def work(self, story: Story) -> None:
        """The whole story: client with a portal access, document, invoice closed and filed."""
        contact = await self._contact(story)
        story.contact_id = contact.contact.id
        await self._access(story, contact)
        story.document_id = await self._document(story)
        await self._invoice(story)

    async def insist(self, act: Callable[[], Awaitable[Answer]], *, done: tuple[str, ...] = ()) -> Answer | None:
        """Does `act` until it works. None when it is refused because it was done before (`done` names the reasons)."""
        give_up = asyncio.get_running_loop().time() + self._patience
        while True:
            try:
                async with self.acting():
                    return await act()
            except ServiceError as error:
                self.told.append(f"{time.strftime('%H:%M:%S')} {error}")
                if error.reason in done:
                    return None
                if error.kind not in self._passing or asyncio.get_running_loop().time() > give_up:
                    raise
            except httpx.HTTPStatusError as error:
                if error.response.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    raise
            except httpx.TransportError as error:
                self.told.append(f"{time.strftime('%H:%M:%S')} {error!r}")
                if asyncio.get_running_loop().time() > give_up:
                    raise
            await asyncio.sleep(0.1)

    async def _contact(self, story: Story) -> tenancy_pb2.ContactRecord:
        async def make() -> tenancy_pb2.ContactRecord:
            query = tenancy_pb2.ListContactsRequest(kind=tenancy_pb2.CONTACT_KIND_CLIENT, query=story.name)
            for known in (await self.contacts.ListContacts(query)).contacts:
                return await self.contacts.GetContact(tenancy_pb2.GetContactRequest(id=known.id))
            contact = tenancy_pb2.Contact(
                kind=tenancy_pb2.CONTACT_KIND_CLIENT,
                name=story.name,
                addresses=tenancy_pb2.ContactAddresses(main=story.mail),
                siren="999000201",
                address=tenancy_pb2.PostalAddress(lines=["1 rue"], postal_code="44000", city="Nantes", country="FR"),
                locale="fr",
            )
            people = [
                tenancy_pb2.Person(given_name="Ève", family_name="Abel", mail=story.person_mail),
                tenancy_pb2.Person(given_name="Léo", family_name="Abel", mail=f"second-{story.person_mail}"),
            ]
            return await self.contacts.CreateContact(tenancy_pb2.CreateContactRequest(contact=contact, people=people))

        return await self._must(make)

    async def _access(self, story: Story, contact: tenancy_pb2.ContactRecord) -> None:
        person = next(person for person in contact.people if person.mail == story.person_mail)
        request = tenancy_pb2.GrantAccessRequest(contact_id=contact.contact.id, person_id=person.id)
        await self.insist(lambda: self.contacts.GrantAccess(request), done=("already_has_access",))

    async def _document(self, story: Story) -> str:
        async def folder() -> str:
            request = documents_pb2.ListFoldersRequest(contact_id=story.contact_id)
            listed = await self.folders.ListFolders(request)
            folders = {each.template.built_in: each.template.id for each in listed.folders}
            if "contracts" not in folders:
                raise ServiceError(Kind.UNAVAILABLE, "folders_not_yet")
            return folders["contracts"]

        start = documents_pb2.StartUploadRequest(
            contact_id=story.contact_id,
            folder_template_id=await self._must(_until_found(folder)),
            name=f"{story.name}.pdf",
            size=len(story.content),
            media_type="application/pdf",
            sha256=hashlib.sha256(story.content).hexdigest(),
        )
        upload = await self._must(lambda: self.uploads.StartUpload(start))
        await self.insist(lambda: self._send(upload.id, story.content))
        complete = documents_pb2.CompleteUploadRequest(id=upload.id)
        upload = await self._must(lambda: self.uploads.CompleteUpload(complete))

        async def filed() -> documents_pb2.Upload:
            found = await self.uploads.GetUpload(documents_pb2.GetUploadRequest(id=upload.id))
            if found.state == documents_pb2.UPLOAD_STATE_VERIFYING:
                raise ServiceError(Kind.UNAVAILABLE, "verifying")
            return found

        found = await self._must(filed)
        if found.state != documents_pb2.UPLOAD_STATE_FILED:
            story.refusals.append(found.reason)
        return found.document_id

    async def _send(self, upload_id: str, content: bytes) -> None:
        """Sends what the store does not have, at fresh addresses, as the page does when one answer was no."""
        upload = await self.uploads.SignParts(documents_pb2.SignPartsRequest(id=upload_id))
        for part in upload.parts:
            if not part.sent:
                begin = (part.number - 1) * upload.part_size
                answer = await self._http.put(part.url, content=content[begin : begin + part.size])
                if answer.is_error:
                    raise ServiceError(Kind.UNAVAILABLE, "part_not_taken", status=str(answer.status_code))

    async def fetch(self, address: str) -> httpx.Response:
        """What an address answers; tried again while nobody is there."""
        return await self._must(lambda: self.get(address))

    async def get(self, address: str) -> httpx.Response:
        """What an address answers now. Raises UNAVAILABLE with what it says instead."""
        answer = await self._http.get(address)
        if answer.is_error:
            raise ServiceError(Kind.UNAVAILABLE, "no_answer", status=str(answer.status_code), said=answer.text[:300])
        return answer

    async def _invoice(self, story: Story) -> None:
        async def draft() -> billing_pb2.Invoice:
            listed = await self.invoices.ListInvoices(billing_pb2.ListInvoicesRequest(contact_id=story.contact_id))
            if listed.invoices:
                return listed.invoices[0]
            invoice = billing_pb2.Invoice(contact_id=story.contact_id, payment_days=30, currency="EUR")
            invoice.supply_date = "2026-11-01"
            invoice.lines.add(description="Conseil", quantity="1", unit="h", unit_price="100", vat_rate="20")
            return await self.invoices.SaveDraft(billing_pb2.SaveDraftRequest(invoice=invoice))

        made = await self._must(_until_found(draft))
        story.invoice_id = made.id
        close = billing_pb2.CloseInvoiceRequest(id=made.id, version=made.version)
        await self.insist(lambda: self.invoices.CloseInvoice(close), done=("invoice_closed",))

        async def filed() -> billing_pb2.Invoice:
            found = await self.invoices.GetInvoice(billing_pb2.GetInvoiceRequest(id=made.id))
            if found.state != billing_pb2.INVOICE_STATE_FILED:
                raise ServiceError(Kind.UNAVAILABLE, "not_filed_yet")
            return found

        story.number = (await self._must(filed)).number

    async def _must(self, act: Callable[[], Awaitable[Answer]]) -> Answer:
        answer = await self.insist(act)
        assert answer is not None
        return answer


def _until_found(act: Callable[[], Awaitable[Answer]]) -> Callable[[], Awaitable[Answer]]:
    """What an event has not told the other service yet is not found there: somebody would look again in a moment."""

    async def again() -> Answer:
        try:
            return await act()
        except ServiceError as error:
            if error.kind is Kind.NOT_FOUND:
                raise ServiceError(Kind.UNAVAILABLE, "not_known_yet") from error
            raise

    return again
