"""The example of five profiles in one team, made through the interfaces that pages use: who holds what, and over whom.

    manager ── adviser, junior, back office        administrator, and a client of nobody in the team, apart

Each right of the grid has a call that needs it, and the pages that the gateway opens with it.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from google.protobuf.message import Message
from people import Cast, Member
from world import World

from parvis.billing.v1 import billing_pb2
from parvis.documents.v1 import documents_pb2
from parvis.identity.v1 import identity_pb2
from parvis.notify.v1 import notify_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis.trail.v1 import trail_pb2
from parvis_kit.errors import Kind, ServiceError

MINE, ATTACHED = tenancy_pb2.SCOPE_MINE, tenancy_pb2.SCOPE_ATTACHED
GROUP, ALL = tenancy_pb2.SCOPE_GROUP, tenancy_pb2.SCOPE_ALL

#: The grid, by what a right can be limited to.
SCOPED = (
    "contacts.read", "contacts.edit", "accesses.manage", "accesses.view_as", "documents.read", "documents.file",
    "invoices.read", "invoices.edit", "invoices.close", "portfolios.read", "portfolios.propose",
)  # fmt: skip
PLAIN = (
    "members.read", "members.invite", "members.manage", "members.view_as", "profiles.manage", "products.assign",
    "folders.configure", "notifications.read", "notifications.configure", "organisation.manage", "sign_in.manage",
    "audit.view", "models.publish",
)  # fmt: skip
RIGHTS = (*SCOPED, *PLAIN)

#: Profile → its rights over clients, how far they reach, and its other rights. The administrator's is built in.
EXAMPLE = {
    "manager": (
        [code for code in SCOPED if code != "accesses.view_as"],
        ATTACHED,
        ["members.read", "members.invite", "products.assign", "folders.configure", "notifications.read",
         "notifications.configure", "models.publish"],
    ),
    "adviser": (
        [code for code in SCOPED if code != "accesses.view_as"], GROUP, ["members.read", "notifications.read"],
    ),
    "junior": (
        ["contacts.read", "documents.read", "documents.file", "invoices.read", "portfolios.read"], MINE,
        ["members.read"],
    ),
    "back_office": (
        ["contacts.read", "contacts.edit", "documents.read", "documents.file", "invoices.read", "invoices.edit"], GROUP,
        ["members.read", "notifications.read"],
    ),
}  # fmt: skip
PROFILES = ("administrator", *EXAMPLE)
#: Whose clients each scope reaches, seen from each place in the team. "apart" is nobody's in it.
CLIENTS = ("manager", "adviser", "junior", "apart")
REACHED = {
    "administrator": set(CLIENTS),
    "manager": {"manager", "adviser", "junior"},
    "adviser": {"adviser", "junior"},
    "junior": {"junior"},
    "back_office": {"adviser", "junior"},
}


def holds(profile: str, right: str) -> bool:
    """What the table says."""
    if profile == "administrator":
        return True
    over_clients, _, others = EXAMPLE[profile]
    return right in over_clients or right in others


def reaches(profile: str, right: str, client: str) -> bool:
    """What the table says of a right and one of the clients."""
    return holds(profile, right) and client in REACHED[profile]


@dataclass(slots=True)
class Client:
    """A client of somebody, with a portal access that waits for its person, and a draft invoice."""

    id: str
    access_id: str
    draft: billing_pb2.Invoice
    record: tenancy_pb2.Contact


@dataclass(slots=True)
class Team:
    """Everybody of the example by profile, and the clients by whose they are."""

    cast: Cast
    world: World
    people: dict[str, Member] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)

    async def open(self) -> None:
        """Makes everything, as the administrator of the firm."""
        self.people["administrator"] = await self.cast.member("administrator")
        for name, (over_clients, scope, others) in EXAMPLE.items():
            await self.cast._hire(f"five-{name}", dict.fromkeys(over_clients, scope) | dict.fromkeys(others, ALL))
            self.people[name] = await self.cast.member(f"five-{name}")
        for name in ("adviser", "junior", "back_office"):
            await self._attach(self.people[name].membership_id)
        for name in CLIENTS:
            adviser = self.people["administrator" if name == "apart" else name]
            self.clients[name] = await self._client(adviser.membership_id)

    async def _attach(self, membership_id: str) -> None:
        member = await self.world.call("MemberService.GetMember", tenancy_pb2.GetMemberRequest(id=membership_id))
        request = tenancy_pb2.MoveMemberRequest(
            member_id=membership_id, manager_id=self.people["manager"].membership_id, version=member.version
        )
        await self.world.call("MemberService.MoveMember", request)

    async def _client(self, adviser_id: str) -> Client:
        contact = tenancy_pb2.Contact(
            kind=tenancy_pb2.CONTACT_KIND_CLIENT,
            name=f"Exemple {secrets.token_hex(4)}",
            addresses=tenancy_pb2.ContactAddresses(main="five@isolation.example"),
        )
        person = tenancy_pb2.Person(given_name="Cinq", family_name="Profils", mail="five@isolation.example")
        request = tenancy_pb2.CreateContactRequest(contact=contact, main_adviser_id=adviser_id, people=[person])
        record = await self.world.call("ContactService.CreateContact", request)
        access = await self.world.call(
            "ContactService.GrantAccess",
            tenancy_pb2.GrantAccessRequest(
                contact_id=record.contact.id, person_id=record.people[0].id, without_mail=True
            ),
        )
        draft = self.world.draft_request()
        draft.invoice.contact_id = record.contact.id
        saved = await self.world.call("InvoiceService.SaveDraft", draft)
        return Client(record.contact.id, access.membership_id, saved, record.contact)

    async def may(self, profile: str, right: str, client: str) -> bool:
        """Whether somebody gets through with a call that needs a right. What is said against the request itself (a
        version of before, an empty name) is said to those who may.
        """
        method, request = await CALLS[right](self, self.clients[client])
        caller = await self.cast.caller(self._name(profile))
        try:
            answer = await self.cast.wires.call(caller, method, request)
        except ServiceError as error:
            if error.kind in {Kind.CONFLICT, Kind.PRECONDITION, Kind.INVALID}:
                return True
            if error.kind in {Kind.FORBIDDEN, Kind.NOT_FOUND}:
                return False
            raise
        await self.world.give_up(answer, by=self._name(profile))
        return True

    def _name(self, profile: str) -> str:
        return profile if profile == "administrator" else f"five-{profile}"


Call = Callable[[Team, Client], Awaitable[tuple[str, Message]]]


def _reads(method: str, request: type[Message], name: str = "") -> Call:
    async def make(_: Team, client: Client) -> tuple[str, Message]:
        return method, request(**({name: client.id} if name else {}))

    return make


async def _edit_contact(_: Team, client: Client) -> tuple[str, Message]:
    stale = tenancy_pb2.Contact(id=client.id, name=client.record.name, kind=client.record.kind, version=99)
    return "ContactService.UpdateContact", tenancy_pb2.UpdateContactRequest(contact=stale)


async def _manage_access(_: Team, client: Client) -> tuple[str, Message]:
    return "ContactService.SetAccessFolders", tenancy_pb2.SetAccessFoldersRequest(membership_id=client.access_id)


async def _view_client(_: Team, client: Client) -> tuple[str, Message]:
    request = identity_pb2.StartViewingRequest(membership_id=client.access_id, reason="five profiles")
    return "ViewingService.StartViewing", request


async def _view_colleague(team: Team, _: Client) -> tuple[str, Message]:
    request = identity_pb2.StartViewingRequest(membership_id=team.world.member.id, reason="five profiles")
    return "ViewingService.StartViewing", request


async def _file(team: Team, client: Client) -> tuple[str, Message]:
    request = team.world.upload_request()
    request.contact_id = client.id
    return "UploadService.StartUpload", request


async def _read_invoice(_: Team, client: Client) -> tuple[str, Message]:
    return "InvoiceService.GetInvoice", billing_pb2.GetInvoiceRequest(id=client.draft.id)


async def _edit_invoice(_: Team, client: Client) -> tuple[str, Message]:
    stale = billing_pb2.Invoice()
    stale.CopyFrom(client.draft)
    stale.version = 99
    return "InvoiceService.SaveDraft", billing_pb2.SaveDraftRequest(invoice=stale)


async def _close_invoice(_: Team, client: Client) -> tuple[str, Message]:
    return "InvoiceService.CloseInvoice", billing_pb2.CloseInvoiceRequest(id=client.draft.id, version=99)


async def _manage_member(team: Team, _: Client) -> tuple[str, Message]:
    member = team.world.member
    request = tenancy_pb2.UpdateMemberRequest(id=member.id, profile_id=member.profile_id, version=99)
    return "MemberService.UpdateMember", request


async def _assign(team: Team, _: Client) -> tuple[str, Message]:
    invited = await team.cast.invite(team.world.member.profile_id)
    return "ProductService.SetAssignment", tenancy_pb2.SetAssignmentRequest(
        product_id=team.world.product_id, membership_id=invited.id
    )


async def _organisation(_: Team, __: Client) -> tuple[str, Message]:
    request = tenancy_pb2.UpdateOrganisationRequest(organisation=tenancy_pb2.Organisation(name="", version=99))
    return "OrganisationService.UpdateOrganisation", request


CALLS: dict[str, Call] = {
    "contacts.read": _reads("ContactService.GetContact", tenancy_pb2.GetContactRequest, "id"),
    "contacts.edit": _edit_contact,
    "accesses.manage": _manage_access,
    "accesses.view_as": _view_client,
    "documents.read": _reads("FolderService.ListFolders", documents_pb2.ListFoldersRequest, "contact_id"),
    "documents.file": _file,
    "invoices.read": _read_invoice,
    "invoices.edit": _edit_invoice,
    "invoices.close": _close_invoice,
    "members.read": _reads("MemberService.ListMembers", tenancy_pb2.ListMembersRequest),
    "members.invite": _reads("RequestService.ListRequests", tenancy_pb2.ListRequestsRequest),
    "members.manage": _manage_member,
    "members.view_as": _view_colleague,
    "profiles.manage": _reads("MemberService.SaveProfile", tenancy_pb2.SaveProfileRequest),
    "products.assign": _assign,
    "folders.configure": _reads("FolderService.SaveFolderTemplate", documents_pb2.SaveFolderTemplateRequest),
    "notifications.read": _reads("MessageService.ListMessages", notify_pb2.ListMessagesRequest),
    "notifications.configure": _reads("TemplateService.SaveTemplate", notify_pb2.SaveTemplateRequest),
    "organisation.manage": _organisation,
    "audit.view": _reads("TrailService.ListEntries of notify", trail_pb2.ListEntriesRequest),
    "sign_in.manage": _reads("DirectoryService.GetDirectoryMapping", tenancy_pb2.GetDirectoryMappingRequest),
}
