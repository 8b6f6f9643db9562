"""Requests of tenancy about contacts and their portal accesses."""

import secrets

from cases import OWN, Refused, case
from world import World

from parvis.tenancy.v1 import tenancy_pb2 as pb
from parvis_kit.errors import Kind

#: Nobody makes what they could not see: a colleague's contact is made by those whose scope reaches it.
FOR_A_COLLEAGUE = Refused((Kind.FORBIDDEN,), ("adviser_out_of_reach",))


@case("ContactService.ListContacts", others=OWN, differs={"out-of-scope": OWN, "other-client": OWN})
async def list_contacts(_: World) -> pb.ListContactsRequest:
    return pb.ListContactsRequest(page_size=200)


@case("ContactService.GetContact")
async def get_contact(world: World) -> pb.GetContactRequest:
    return pb.GetContactRequest(id=world.contact.id)


@case("ContactService.CreateContact", differs={"out-of-scope": FOR_A_COLLEAGUE, "reader": FOR_A_COLLEAGUE})
async def create_contact(world: World) -> pb.CreateContactRequest:
    contact = pb.Contact(
        kind=pb.CONTACT_KIND_CLIENT, name=f"Isolation {secrets.token_hex(4)}",
        addresses=pb.ContactAddresses(main="iso@isolation.example"),
    )  # fmt: skip
    return pb.CreateContactRequest(contact=contact, main_adviser_id=world.member.id)


@case("ContactService.UpdateContact")
async def update_contact(world: World) -> pb.UpdateContactRequest:
    record = await world.fresh_contact()
    record.contact.telephone = "01 02 03 04 05"
    return pb.UpdateContactRequest(contact=record.contact)


@case("ContactService.SavePerson")
async def save_person(world: World) -> pb.SavePersonRequest:
    record = await world.fresh_contact()
    record.people[0].function = "Gérante"
    return pb.SavePersonRequest(contact_id=record.contact.id, person=record.people[0])


@case("ContactService.SetAdvisers")
async def set_advisers(world: World) -> pb.SetAdvisersRequest:
    record = await world.fresh_contact()
    adviser = pb.Adviser(membership_id=world.member.id, role=pb.ADVISER_ROLE_MAIN)
    return pb.SetAdvisersRequest(contact_id=record.contact.id, advisers=[adviser])


@case("ContactService.EraseContact", fresh=True)
async def erase_contact(world: World) -> pb.EraseContactRequest:
    return pb.EraseContactRequest(id=(await world.fresh_contact()).contact.id)


@case("ContactService.GrantAccess")
async def grant_access(world: World) -> pb.GrantAccessRequest:
    record = await world.fresh_contact()
    return pb.GrantAccessRequest(contact_id=record.contact.id, person_id=record.people[0].id)


async def _access(world: World) -> str:
    record = await world.fresh_contact()
    access, _ = await world.cast.grant_access(record.contact.id)
    return access.membership_id


@case("ContactService.ResendAccess")
async def resend_access(world: World) -> pb.ResendAccessRequest:
    return pb.ResendAccessRequest(membership_id=await _access(world))


@case("ContactService.CutAccess")
async def cut_access(world: World) -> pb.CutAccessRequest:
    return pb.CutAccessRequest(membership_id=await _access(world))


@case("ContactService.ReopenAccess")
async def reopen_access(world: World) -> pb.ReopenAccessRequest:
    membership_id = await _access(world)
    await world.call("ContactService.CutAccess", pb.CutAccessRequest(membership_id=membership_id))
    return pb.ReopenAccessRequest(membership_id=membership_id)


@case("ContactService.CorrectAccessMail")
async def correct_access_mail(world: World) -> pb.CorrectAccessMailRequest:
    return pb.CorrectAccessMailRequest(membership_id=await _access(world), mail="iso-2@isolation.example")


@case("ContactService.IssueAccessPassword")
async def issue_access_password(world: World) -> pb.IssueAccessPasswordRequest:
    return pb.IssueAccessPasswordRequest(membership_id=await _access(world))


@case("ContactService.SetAccessFolders")
async def set_access_folders(world: World) -> pb.SetAccessFoldersRequest:
    return pb.SetAccessFoldersRequest(membership_id=await _access(world), folder_template_ids=[world.template.id])


@case(
    "ContactService.BatchGetContacts",
    through=("documents", "billing"),
    by="service",
    differs={"own-name-other-firm": OWN},
)
async def batch_get_contacts(world: World) -> pb.BatchGetContactsRequest:
    return pb.BatchGetContactsRequest(ids=[world.contact.id])
