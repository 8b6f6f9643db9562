"""ContactService."""

from dataclasses import dataclass

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.ids import parse, parse_optional
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.rpc import identifiers
from parvis_tenancy.service import accesses, contact_erasing, contacts
from parvis_tenancy.service.accounts import Identity


@dataclass(frozen=True, slots=True)
class ContactRpc:
    """Answers `parvis.tenancy.v1.ContactService`."""

    identity: Identity

    async def ListContacts(
        self, unit: UnitOfWork, request: tenancy_pb2.ListContactsRequest
    ) -> tenancy_pb2.ListContactsResponse:
        return await contacts.page(unit, request)

    async def GetContact(self, unit: UnitOfWork, request: tenancy_pb2.GetContactRequest) -> tenancy_pb2.ContactRecord:
        return await contacts.record(unit, parse(request.id))

    async def CreateContact(
        self, unit: UnitOfWork, request: tenancy_pb2.CreateContactRequest
    ) -> tenancy_pb2.ContactRecord:
        adviser = parse_optional(request.main_adviser_id, "main_adviser_id")
        return await contacts.create(unit, request.contact, adviser, request.people)

    async def UpdateContact(
        self, unit: UnitOfWork, request: tenancy_pb2.UpdateContactRequest
    ) -> tenancy_pb2.ContactRecord:
        return await contacts.update(unit, parse(request.contact.id, "contact.id"), request.contact)

    async def SavePerson(self, unit: UnitOfWork, request: tenancy_pb2.SavePersonRequest) -> tenancy_pb2.ContactRecord:
        person_id = parse_optional(request.person.id, "person.id")
        return await contacts.save_person(unit, parse(request.contact_id, "contact_id"), person_id, request.person)

    async def SetAdvisers(self, unit: UnitOfWork, request: tenancy_pb2.SetAdvisersRequest) -> tenancy_pb2.ContactRecord:
        advisers = [(parse(each.membership_id, "advisers"), int(each.role)) for each in request.advisers]
        return await contacts.set_advisers(unit, parse(request.contact_id, "contact_id"), advisers)

    async def EraseContact(
        self, unit: UnitOfWork, request: tenancy_pb2.EraseContactRequest
    ) -> tenancy_pb2.EraseContactResponse:
        await contact_erasing.erase(unit, self.identity, parse(request.id))
        return tenancy_pb2.EraseContactResponse()

    async def GrantAccess(self, unit: UnitOfWork, request: tenancy_pb2.GrantAccessRequest) -> tenancy_pb2.Access:
        return await accesses.grant(
            unit,
            self.identity,
            request,
            contact_id=parse(request.contact_id, "contact_id"),
            person_id=parse(request.person_id, "person_id"),
            folders=identifiers("folder_template_ids", request.folder_template_ids),
        )

    async def ResendAccess(self, unit: UnitOfWork, request: tenancy_pb2.ResendAccessRequest) -> tenancy_pb2.Access:
        return await accesses.resend(unit, self.identity, parse(request.membership_id, "membership_id"))

    async def CutAccess(self, unit: UnitOfWork, request: tenancy_pb2.CutAccessRequest) -> tenancy_pb2.Access:
        return await accesses.cut(unit, self.identity, parse(request.membership_id, "membership_id"))

    async def ReopenAccess(self, unit: UnitOfWork, request: tenancy_pb2.ReopenAccessRequest) -> tenancy_pb2.Access:
        return await accesses.reopen(unit, parse(request.membership_id, "membership_id"))

    async def IssueAccessPassword(
        self, unit: UnitOfWork, request: tenancy_pb2.IssueAccessPasswordRequest
    ) -> identity_pb2.ProvisionalPassword:
        return await accesses.issue_password(unit, self.identity, parse(request.membership_id, "membership_id"))

    async def CorrectAccessMail(
        self, unit: UnitOfWork, request: tenancy_pb2.CorrectAccessMailRequest
    ) -> tenancy_pb2.Access:
        membership_id = parse(request.membership_id, "membership_id")
        return await accesses.correct_mail(unit, self.identity, membership_id, request.mail)

    async def SetAccessFolders(
        self, unit: UnitOfWork, request: tenancy_pb2.SetAccessFoldersRequest
    ) -> tenancy_pb2.Access:
        folders = identifiers("folder_template_ids", request.folder_template_ids)
        return await accesses.set_folders(unit, parse(request.membership_id, "membership_id"), folders)

    async def BatchGetContacts(
        self, unit: UnitOfWork, request: tenancy_pb2.BatchGetContactsRequest
    ) -> tenancy_pb2.BatchGetContactsResponse:
        found = await contacts.batch(unit, identifiers("ids", request.ids))
        return tenancy_pb2.BatchGetContactsResponse(contacts=found)
