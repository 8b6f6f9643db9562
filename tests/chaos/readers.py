"""Members whose rights change while parts of the suite stand still, and what each service answers them."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from parvis.billing.v1 import billing_pb2, billing_pb2_grpc
from parvis.documents.v1 import documents_pb2, documents_pb2_grpc
from parvis.notify.v1 import notify_pb2, notify_pb2_grpc
from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.ids import uuid7
from parvis_kit.testing import eventually
from parvis_local.demo.portal import Person, Portal

ALLOWED, REFUSED, UNAVAILABLE = "allowed", "refused", "unavailable"
PARTS = ("tenancy", "documents", "notify", "billing")
#: Right → scope; those over contacts reach what the member advises.
READS = {
    "contacts.read": tenancy_pb2.SCOPE_MINE,
    "documents.read": tenancy_pb2.SCOPE_MINE,
    "invoices.read": tenancy_pb2.SCOPE_MINE,
    "notifications.read": tenancy_pb2.SCOPE_ALL,
}
#: Seconds that an answer may take: a part that stands still is not waited for longer.
ANSWER = 5.0
#: Seconds after which a change is certainly in force: the longest lease, and what a loaded machine adds.
LONG = 120.0


@dataclass
class Firm:
    """The demonstration firm: its administrator changes rights."""

    portal: Portal
    administrator: Person
    id: str

    def stub(self, kind, part):
        return kind(self.portal.peers.channel(part))

    @property
    def members(self):
        return self.stub(tenancy_pb2_grpc.MemberServiceStub, "tenancy")

    @property
    def contacts(self):
        return self.stub(tenancy_pb2_grpc.ContactServiceStub, "tenancy")

    async def save(self, profile, codes):
        """Gives a profile these rights; answers with it, and with the revision that it led to."""
        seen = {}
        wanted = tenancy_pb2.Profile(
            id=profile.id,
            name=profile.name,
            version=profile.version,
            rights=[tenancy_pb2.GrantedRight(code=code, scope=scope) for code, scope in codes.items()],
        )
        async with self.administrator.acting_for(self.id, revisions=seen):
            return await self.members.SaveProfile(tenancy_pb2.SaveProfileRequest(profile=wanted)), seen

    async def profile(self, codes):
        made, _ = await self.save(tenancy_pb2.Profile(name=f"Chaos {uuid7()}"), codes)
        return made

    async def reader(self, profile):
        """A new member with that profile, who has come."""
        mail = f"reader-{uuid7()}@chaos.example"
        async with self.administrator.acting_for(self.id):
            member = await self.members.InviteMember(
                tenancy_pb2.InviteMemberRequest(
                    mail=mail, given_name="Rose", family_name="Abel", profile_id=profile.id, locale="fr"
                )
            )
        return Reader(self, await self.portal.activated(mail), member.id)


@dataclass
class Reader:
    """A member. `seen`: the revisions that they carry; none for whoever waits for news."""

    firm: Firm
    person: Person
    membership_id: str
    answers: dict[str, list[str]] = field(default_factory=dict)

    async def ask(self, part, seen=None):
        """What a service answers: allowed, refused, or unavailable."""
        nothing = str(uuid7())
        stub = self.firm.stub
        questions = {
            "tenancy": lambda: self.firm.contacts.GetContact(tenancy_pb2.GetContactRequest(id=nothing), timeout=ANSWER),
            "documents": lambda: stub(documents_pb2_grpc.DocumentServiceStub, part).GetDocument(
                documents_pb2.GetDocumentRequest(id=nothing), timeout=ANSWER
            ),
            "notify": lambda: stub(notify_pb2_grpc.MessageServiceStub, part).GetMessage(
                notify_pb2.GetMessageRequest(id=nothing), timeout=ANSWER
            ),
            "billing": lambda: stub(billing_pb2_grpc.InvoiceServiceStub, part).GetInvoice(
                billing_pb2.GetInvoiceRequest(id=nothing), timeout=ANSWER
            ),
        }
        return await self.answer(part, questions[part], seen)

    async def advised(self, part, contact_id, seen=None):
        """Whether a service shows what the contact has."""
        if part == "documents":
            folders = self.firm.stub(documents_pb2_grpc.FolderServiceStub, part)
            request = documents_pb2.ListFoldersRequest(contact_id=contact_id)
            return await self.answer(
                part, lambda: folders.ListFolders(request, timeout=ANSWER), seen, unseen=Kind.NOT_FOUND
            )
        invoices = self.firm.stub(billing_pb2_grpc.InvoiceServiceStub, part)

        async def listed():
            request = billing_pb2.ListInvoicesRequest(contact_id=contact_id)
            if not (await invoices.ListInvoices(request, timeout=ANSWER)).invoices:
                raise ServiceError(Kind.NOT_FOUND, "not_listed")

        return await self.answer(part, listed, seen, unseen=Kind.NOT_FOUND)

    async def answer(self, part, question, seen, unseen=Kind.FORBIDDEN):
        try:
            async with self.person.acting_for(self.firm.id, revisions=None if seen is None else dict(seen)):
                await question()
            found = ALLOWED
        except ServiceError as error:
            if error.kind is Kind.UNAVAILABLE:
                found = UNAVAILABLE
            elif error.kind is unseen:
                found = REFUSED
            elif error.kind is Kind.NOT_FOUND:
                found = ALLOWED
            else:
                raise
        self.answers.setdefault(part, []).append(found)
        return found

    async def everywhere(self, seen=None):
        """The answer of each part, asked at once."""
        return dict(zip(PARTS, await asyncio.gather(*(self.ask(part, seen) for part in PARTS)), strict=True))

    async def until(self, wanted, parts=PARTS):
        """Asks until each part answers so, without carrying anything."""

        async def one(part):
            async def answered():
                return await self.ask(part) == wanted

            await eventually(answered, within=LONG)

        await asyncio.gather(*map(one, parts))

    def never_again_after(self, gone, part):
        """Whether `gone` was answered no more once something else had been, since `forget`."""
        answers = self.answers.get(part, [])
        first_other = next((place for place, each in enumerate(answers) if each != gone), len(answers))
        return gone not in answers[first_other:]

    def forget(self):
        self.answers.clear()

    @property
    def counted(self):
        return {part: Counter(found) for part, found in self.answers.items()}
