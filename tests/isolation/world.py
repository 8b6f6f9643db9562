"""Real identifiers of the firm: of the demonstration, and fresh things where a call uses them up."""

import asyncio
import json
import secrets
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import asyncpg
from callers import Caller
from forging import read
from google.protobuf.message import Message
from people import FIRM, Cast

from parvis.billing.v1 import billing_pb2
from parvis.documents.v1 import documents_pb2
from parvis.identity.v1 import domains_pb2, identity_pb2, providers_pb2
from parvis.notify.v1 import notify_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis.trail.v1 import trail_pb2
from parvis_kit.errors import ServiceError
from parvis_kit.ids import uuid7

_ASK = """
INSERT INTO access_requests (organisation_id, id, account_id, state, mail, given_name, family_name, locale, message,
                             reason, asked_at, expires_at)
VALUES ($1, $2, $3, 1, $4, 'Iso', 'Lation', 'fr', '', '', now(), now() + interval '1 day')"""
#: It is not proven, and stays.
LASTING_DOMAIN = "lasting.isolation.example"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


@dataclass(slots=True)
class World:
    """See the module. All of it is the firm's; what is about a contact is about the one that `client` acts for."""

    cast: Cast
    #: Tenancy's database, as its superuser: requests are put there, since pages take but a few from one address.
    tenancy: asyncpg.Connection
    contact: tenancy_pb2.Contact = field(default_factory=tenancy_pb2.Contact)
    #: A contact that another client acts for.
    other_contact: tenancy_pb2.Contact = field(default_factory=tenancy_pb2.Contact)
    person_id: str = ""
    #: A member of the staff who is nobody's caller here.
    member: tenancy_pb2.Member = field(default_factory=tenancy_pb2.Member)
    #: A managed account of the firm.
    client_account_id: str = ""
    structure_id: str = ""
    product_id: str = ""
    product_client_id: str = ""
    template: documents_pb2.FolderTemplate = field(default_factory=documents_pb2.FolderTemplate)
    document: documents_pb2.Document = field(default_factory=documents_pb2.Document)
    invoice: billing_pb2.Invoice = field(default_factory=billing_pb2.Invoice)
    message_id: str = ""
    #: Of pages: a request for an account, the client's access, an upload that waits for its parts, one that has them,
    #: a draft.
    access_id: str = ""
    request_id: str = ""
    upload_id: str = ""
    sent_id: str = ""
    draft_id: str = ""
    #: A directory of the firm, which a test of its own sends to.
    provider_id: str = ""
    domain_id: str = ""
    #: An act of the firm, of tenancy.
    entry_id: str = ""
    #: Of the provider.
    import_id: str = ""
    #: All that were started here.
    uploads: list[documents_pb2.Upload] = field(default_factory=list)

    async def open(self) -> None:
        """Finds what the demonstration made."""
        self.contact = await self.cast.contact_of("client")
        self.other_contact = await self.cast.contact_of("other-client")
        record = await self.call("ContactService.GetContact", tenancy_pb2.GetContactRequest(id=self.contact.id))
        person = next(each for each in record.people if each.access.state == tenancy_pb2.MEMBERSHIP_STATE_ACTIVE)
        self.person_id, self.client_account_id = person.id, person.access.account_id
        members = await self.call("MemberService.ListMembers", tenancy_pb2.ListMembersRequest(query="Tanguy"))
        self.member = members.members[0]
        structures = await self.call("OrganisationService.ListStructures", tenancy_pb2.ListStructuresRequest())
        self.structure_id = structures.structures[0].id
        assigned = await self.call("ProductService.ListAssignments", tenancy_pb2.ListAssignmentsRequest())
        self.product_client_id = json.loads(self.cast.context.product_file.read_text())["client_id"]
        self.product_id = next(each for each in assigned.products if each.product_name == "Patrimonia").product_id
        request = documents_pb2.ListDocumentsRequest(contact_id=self.contact.id)
        documents = await self.call("DocumentService.ListDocuments", request, by="client")
        self.document = next(each for each in documents.documents if each.shared and not each.deposit)
        self.template = await self.deposit_template()
        invoices = billing_pb2.ListInvoicesRequest(contact_id=self.contact.id)
        listed = await self.call("InvoiceService.ListInvoices", invoices, by="client")
        self.invoice = listed.invoices[0]
        messages = await self.call("MessageService.ListMessages", notify_pb2.ListMessagesRequest())
        self.message_id = messages.messages[0].id

    async def open_pages(self) -> None:
        """Makes what only pages show."""
        self.request_id = await self.access_request()
        self.access_id = (await self.cast.member("client")).membership_id
        self.upload_id = (await self.upload()).id
        self.sent_id = (await self.sent_upload()).id
        self.draft_id = (await self.draft()).id
        self.provider_id = (await self.directory()).id
        self.domain_id = (await self.mail_domain()).id
        acts = await self.call("TrailService.ListEntries of tenancy", trail_pb2.ListEntriesRequest(page_size=1))
        self.entry_id = acts.entries[0].id
        wanted = identity_pb2.StartImportRequest(name="iso.csv", size=5)
        self.import_id = (await self.call("ImportService.StartImport", wanted, by="provider")).id

    async def call(self, method: str, request: Message, *, by: str = "administrator", through: str = "web") -> Message:
        """As who may."""
        return await self.cast.wires.call(await self.cast.caller(by, through), method, request)

    async def session_id(self) -> str:
        """The administrator's session."""
        return read((await self.cast.caller("administrator")).token)["sid"]

    async def fresh_session_id(self) -> str:
        """A session of the administrator on another device."""
        member = await self.cast.sign_in_again("administrator")
        return read(await member.token(self.cast.wires))["sid"]

    async def mail_domain(self) -> domains_pb2.Domain:
        """A mail domain of the firm that is not proven, and stays."""
        found = await self.call("DomainService.ListDomains", domains_pb2.ListDomainsRequest())
        for each in found.domains:
            if each.name == LASTING_DOMAIN:
                return each
        return await self.call("DomainService.AddDomain", domains_pb2.AddDomainRequest(name=LASTING_DOMAIN))

    async def directory(self) -> providers_pb2.SsoProvider:
        """A directory of the firm that can be tested: the portal itself is one, to which the firm might connect."""
        found = await self.call("ProviderService.ListProviders", providers_pb2.ListProvidersRequest())
        for each in found.providers:
            if each.issuer:
                return each
        request = providers_pb2.CreateProviderRequest(
            kind=providers_pb2.PROVIDER_KIND_OIDC, template="oidc", name="Isolation"
        )
        made = await self.call("ProviderService.CreateProvider", request)
        change = providers_pb2.UpdateProviderRequest(
            id=made.id, version=made.version, issuer=self.cast.portal.url, client_id="isolation"
        )
        return await self.call("ProviderService.UpdateProvider", change)

    async def deposit_template(self) -> documents_pb2.FolderTemplate:
        """A folder that clients may deposit into."""
        request = documents_pb2.ListFoldersRequest(contact_id=self.contact.id)
        folders = await self.call("FolderService.ListFolders", request, by="client")
        return next(each.template for each in folders.folders if each.template.deposits)

    async def fresh_contact(self) -> tenancy_pb2.ContactRecord:
        """A client of the firm with one person, whom nobody but the administrator advises."""
        contact = tenancy_pb2.Contact(
            kind=tenancy_pb2.CONTACT_KIND_CLIENT,
            name=f"Isolation {secrets.token_hex(4)}",
            addresses=tenancy_pb2.ContactAddresses(main="iso@isolation.example"),
        )
        person = tenancy_pb2.Person(given_name="Iso", family_name="Lation", mail="iso@isolation.example")
        request = tenancy_pb2.CreateContactRequest(contact=contact, people=[person])
        return await self.call("ContactService.CreateContact", request)

    async def access_request(self, account_id: str = "") -> str:
        """An open request for an account in the firm, of somebody new or of who is named."""
        firm, request_id = uuid.UUID(self.cast.firm), uuid7()
        mail = f"iso-{secrets.token_hex(4)}@isolation.example"
        if not account_id:
            made = identity_pb2.EnsurePersonalAccountRequest(mail=mail, given_name="Iso", family_name="Lation")
            account_id = (await self.call("AccountService.EnsurePersonalAccount", made, through="tenancy")).id
        account = uuid.UUID(account_id)
        await self.tenancy.execute("UPDATE access_requests SET state = 4 WHERE account_id = $1 AND state = 1", account)
        await self.tenancy.execute(_ASK, firm, request_id, account, mail)
        return str(request_id)

    async def active_member(self, profile_id: str = "") -> tenancy_pb2.Member:
        """A colleague who has arrived: identity asks for their membership when they sign in."""
        invited = await self.cast.invite(profile_id or (await self.cast.profiles())["junior"].id)
        request = tenancy_pb2.ResolveMembershipRequest(
            account_id=invited.account_id, organisation_id=self.cast.organisations[FIRM]
        )
        await self.cast.wires.call(Caller("identity"), "RightsService.ResolveMembership", request)
        return await self.call("MemberService.GetMember", tenancy_pb2.GetMemberRequest(id=invited.id))

    async def mapping(self) -> tenancy_pb2.DirectoryMapping:
        """What the firm's directory gives, as of the version that is in force."""
        found = await self.call("DirectoryService.GetDirectoryMapping", tenancy_pb2.GetDirectoryMappingRequest())
        junior = (await self.cast.profiles())["junior"].id
        given = tenancy_pb2.DirectoryRule(value="Isolation", profile_id=junior, structure_id=self.structure_id)
        return tenancy_pb2.DirectoryMapping(rules=[given], version=found.version)

    async def directory_member(self) -> tenancy_pb2.Member:
        """A colleague who came from the firm's directory."""
        found = await self.call("DirectoryService.GetDirectoryMapping", tenancy_pb2.GetDirectoryMappingRequest())
        if "Isolation" not in [each.value for each in found.rules]:
            saved = tenancy_pb2.SaveDirectoryMappingRequest(mapping=await self.mapping())
            await self.call("DirectoryService.SaveDirectoryMapping", saved)
        person = identity_pb2.DirectoryPerson(
            account_id=str(uuid7()),
            version=1,
            family_name="Lation",
            groups=["Isolation"],
            groups_said=True,
            active=True,
        )
        request = tenancy_pb2.SettlePersonRequest(organisation_id=self.cast.firm, person=person)
        settled = await self.cast.wires.call(Caller("identity"), "DirectoryService.SettlePerson", request)
        return await self.call("MemberService.GetMember", tenancy_pb2.GetMemberRequest(id=settled.membership_id))

    async def fresh_template(self) -> documents_pb2.FolderTemplate:
        """A folder template of the firm's own."""
        wanted = documents_pb2.FolderTemplate(
            audience=tenancy_pb2.CONTACT_KIND_SUPPLIER, name=f"Isolation {secrets.token_hex(4)}"
        )
        request = documents_pb2.SaveFolderTemplateRequest(template=wanted)
        return await self.call("FolderService.SaveFolderTemplate", request)

    def upload_request(self) -> documents_pb2.StartUploadRequest:
        """A file for the contact."""
        return documents_pb2.StartUploadRequest(
            contact_id=self.contact.id,
            folder_template_id=self.template.id,
            name=f"Isolation {secrets.token_hex(4)}.pdf",
            size=len(PDF),
            media_type="application/pdf",
        )

    async def upload(self) -> documents_pb2.Upload:
        """An upload whose parts wait to be sent."""
        upload = await self.call("UploadService.StartUpload", self.upload_request())
        self.uploads.append(upload)
        return upload

    async def sent_upload(self) -> documents_pb2.Upload:
        """An upload whose parts are sent."""
        upload = await self.upload()
        (await self.cast.portal._http.put(upload.parts[0].url, content=PDF)).raise_for_status()
        return upload

    async def give_up(self, answer: object, *, by: str = "administrator") -> None:
        """Ends the upload that an answer is about, if it is about one: nobody may have many under way."""
        if isinstance(answer, documents_pb2.Upload | documents_pb2.FormUpload):
            with suppress(ServiceError):  # it is complete
                request = documents_pb2.AbortUploadRequest(id=answer.id)
                await self.call("UploadService.AbortUpload", request, by=by)

    async def filed_document(self) -> str:
        """A document that was just filed for the contact; its identifier."""
        upload = await self.sent_upload()
        upload = await self.call("UploadService.CompleteUpload", documents_pb2.CompleteUploadRequest(id=upload.id))
        async for _ in patiently():
            upload = await self.call("UploadService.GetUpload", documents_pb2.GetUploadRequest(id=upload.id))
            if upload.state != documents_pb2.UPLOAD_STATE_VERIFYING:
                break
        return upload.document_id

    async def fresh_structure(self) -> tenancy_pb2.Structure:
        """A structure of the firm that nobody is in."""
        request = tenancy_pb2.CreateStructureRequest(name=f"Isolation {secrets.token_hex(4)}")
        return await self.call("OrganisationService.CreateStructure", request)

    async def registered_product(self) -> tenancy_pb2.RegisteredProduct:
        """A product of the provider that nobody has yet."""
        address = f"https://{secrets.token_hex(4)}.example"
        request = tenancy_pb2.RegisterProductRequest(
            name="Isolation", launch_url=address, redirect_uris=[f"{address}/callback"]
        )
        return await self.call("ProductService.RegisterProduct", request, by="provider")

    async def declared_right(self) -> dict[str, str]:
        """A right that a product of nobody declares: what its address is made of."""
        made = await self.registered_product()
        code = f"i{secrets.token_hex(6)}.read"
        right = tenancy_pb2.DeclaredRight(code=code, name_fr="Isolation", name_en="Isolation", tab="Isolation")
        request = tenancy_pb2.SaveProductRightsRequest(product_id=made.id, rights=[right], version=1)
        await self.call("ProductService.SaveProductRights", request, by="provider")
        return {"id": made.id, "code": code}

    async def trial_state(self, page: str) -> str:
        """The `state` of a try-out of the demonstration's product that the provider's administrator began."""
        request = tenancy_pb2.StartProductTrialRequest(id=self.product_id, return_path=page)
        begun = await self.call("ProductService.StartProductTrial", request, by="provider")
        return parse_qs(urlsplit(begun.authorization_url).query)["state"][0]

    def draft_request(self) -> billing_pb2.SaveDraftRequest:
        """A draft invoice for the contact."""
        draft = billing_pb2.Invoice(contact_id=self.contact.id, payment_days=30, supply_date="2026-11-02")
        draft.lines.add(description="Isolation", quantity="1", unit="u", unit_price="10.00", vat_rate="20")
        return billing_pb2.SaveDraftRequest(invoice=draft)

    async def draft(self) -> billing_pb2.Invoice:
        """A draft of the contact."""
        return await self.call("InvoiceService.SaveDraft", self.draft_request())


async def patiently(seconds: float = 20.0) -> AsyncIterator[None]:
    """Turns until something has happened, or it takes too long."""
    give_up = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < give_up:
        yield
        await asyncio.sleep(0.03)
    raise TimeoutError


Make = Callable[[World], Awaitable[Message]]
