"""Portal accesses: given, used, cut, reopened, limited."""

import pytest
from tenancy_stage import refused
from test_personal_rights import give
from test_profiles import MINE

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.errors import Kind
from parvis_kit.ids import uuid7

INVITED, ACTIVE, CUT = 1, 2, 3


@pytest.fixture
async def record(stage, admin):
    return await stage.contact(admin)


async def grant(admin, record, person=0, **fields):
    return await admin.call("GrantAccess", contact_id=record.contact.id, person_id=record.people[person].id, **fields)


async def with_second_person(admin, record, mail="yann@kerautret.example"):
    person = tenancy_pb2.Person(given_name="Yann", family_name="Le Bris", mail=mail)
    return await admin.call("SavePerson", contact_id=record.contact.id, person=person)


async def test_the_first_identifier_is_the_code_and_further_ones_have_a_suffix(stage, admin, record):
    record = await with_second_person(admin, record)
    first, second = await grant(admin, record), await grant(admin, record, 1)
    assert (first.identifier, second.identifier, first.state) == (record.contact.code, f"{first.identifier}-2", INVITED)
    event = (await stage.events(admin, events_pb2.AccessGranted))[0]
    assert (event.identifier, event.mail, event.contact_id) == (
        first.identifier,
        "loic@kerautret.example",
        record.contact.id,
    )


async def test_an_identifier_that_the_firm_has_is_passed_over_unless_it_was_asked_for(stage, admin, record):
    other = await stage.contact(admin, "Autre")
    await grant(admin, other, identifier=record.contact.code)
    with refused(Kind.CONFLICT, "identifier_taken"):
        await grant(admin, record, identifier=record.contact.code)
    assert (await grant(admin, record)).identifier == f"{record.contact.code}-2"


async def test_nobody_has_two_accesses_to_one_contact(admin, record):
    await grant(admin, record)
    with refused(Kind.PRECONDITION, "already_has_access"):
        await grant(admin, record)


async def test_an_access_needs_an_address(admin, record):
    record = await with_second_person(admin, record, mail="")
    with refused(Kind.PRECONDITION, "person_has_no_mail"):
        await grant(admin, record, 1)


async def test_who_manages_no_accesses_gives_none(stage, admin, record):
    colleague = await stage.colleague(admin, "back_office")
    with refused(Kind.FORBIDDEN, "right_missing"):
        await grant(colleague, record)


async def test_an_access_out_of_scope_does_not_exist(stage, admin, record):
    access = await grant(admin, record)
    adviser = await stage.colleague(admin, "adviser")
    with refused(Kind.NOT_FOUND, "contact_not_found"):
        await grant(adviser, record)
    for method in (
        "ResendAccess",
        "CutAccess",
        "ReopenAccess",
        "SetAccessFolders",
        "CorrectAccessMail",
        "IssueAccessPassword",
    ):
        with refused(Kind.NOT_FOUND, "access_not_found"):
            await adviser.call(method, membership_id=access.membership_id)


async def test_nobody_opens_by_an_access_what_they_do_not_see_themselves(stage, admin):
    clerk = await stage.colleague(admin, "adviser")
    await give(admin, clerk.membership_id, dict.fromkeys(("contacts.read", "contacts.edit", "accesses.manage"), MINE))
    record = await with_second_person(admin, await stage.contact(admin, main_adviser_id=clerk.membership_id))
    access = await grant(admin, record)
    told = {"membership_id": access.membership_id}
    opening = [
        ("GrantAccess", {"contact_id": record.contact.id, "person_id": record.people[1].id}),
        ("ResendAccess", told),
        ("IssueAccessPassword", told),
        ("CorrectAccessMail", {**told, "mail": "clerk@armor.example"}),
        ("SetAccessFolders", told),
    ]
    for method, fields in opening:
        with refused(Kind.FORBIDDEN, "above_ceiling") as caught:
            await clerk.call(method, **fields)
        assert caught.value.params["rights"] == "documents.file, documents.read, invoices.read"
    assert (await clerk.call("CutAccess", **told)).state == CUT
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await clerk.call("ReopenAccess", **told)


async def test_a_contacts_person_sees_their_contact_and_themself_only(stage, admin, record):
    record = await with_second_person(admin, record)
    await stage.contact(admin, "Autre")
    portal = await stage.portal(admin, record)
    listed = await portal.call("ListContacts")
    own = await portal.call("GetContact", id=record.contact.id)
    assert [each.id for each in listed.contacts] == [record.contact.id]
    assert [each.given_name for each in own.people] == ["Loïc"]
    assert (own.may_edit, own.may_manage_accesses) == (False, False)
    frame = (await portal.call("GetHome")).frame
    assert (list(frame.rights), list(frame.membership.contact_ids)) == ([], [record.contact.id])


async def test_a_cut_access_is_over_and_a_reopened_one_is_not(stage, admin, record):
    portal = await stage.portal(admin, record)
    assert (await admin.call("CutAccess", membership_id=portal.membership_id)).state == CUT
    assert (await stage.events(admin, events_pb2.MembershipCut))[-1].membership_id == portal.membership_id
    with refused(Kind.NOT_FOUND, "no_membership"):
        await stage.arrive(portal.account_id, str(admin.organisation_id))
    assert (await admin.call("ReopenAccess", membership_id=portal.membership_id)).state == ACTIVE


async def test_an_access_that_was_never_used_waits_again_when_reopened(stage, admin, record):
    access = await grant(admin, record)
    await admin.call("CutAccess", membership_id=access.membership_id)
    assert access.account_id in stage.identity.revoked
    assert (await admin.call("ReopenAccess", membership_id=access.membership_id)).state == INVITED


async def test_the_mail_is_sent_again_while_nobody_came(stage, admin, record):
    access = await grant(admin, record)
    await admin.call("ResendAccess", membership_id=access.membership_id)
    links = {each.link_id for each in await stage.events(admin, events_pb2.AccessGranted)}
    assert len(links) == 2
    await stage.arrive(access.account_id, str(admin.organisation_id))
    with refused(Kind.PRECONDITION, "already_active"):
        await admin.call("ResendAccess", membership_id=access.membership_id)


async def test_an_access_is_limited_to_folders(stage, admin, record):
    portal, folders = await stage.portal(admin, record), [str(uuid7()), str(uuid7())]
    asked = {"membership_id": portal.membership_id, "organisation_id": str(admin.organisation_id)}
    documents = stage.as_service("documents")
    open_to_all = await documents.call("GetGrantSet", **asked)
    await admin.call("SetAccessFolders", membership_id=portal.membership_id, folder_template_ids=folders)
    limited = await documents.call("GetGrantSet", **asked)
    assert [list(each.contacts[0].folder_template_ids) for each in (open_to_all, limited)] == [[], folders]
    assert limited.revision > open_to_all.revision


async def test_the_home_counts_accesses_that_nobody_used(stage, admin, record):
    await grant(admin, record)
    assert (await admin.call("GetHome")).pending_accesses == 1
    adviser = await stage.colleague(admin, "adviser")
    assert (await adviser.call("GetHome")).pending_accesses == 0
    assert (await admin.call("ListContacts")).contacts[0].accesses == 1


async def test_a_corrected_address_keeps_the_identifier_and_the_mail_goes_there_again(stage, admin, record):
    access = await grant(admin, record)
    corrected = await admin.call("CorrectAccessMail", membership_id=access.membership_id, mail="loic@neuve.example")
    found = await admin.call("GetContact", id=record.contact.id)
    assert corrected.identifier == access.identifier
    assert found.people[0].mail == "loic@neuve.example"
    assert (access.account_id, "loic@neuve.example") in stage.identity.corrected
    assert [each.mail for each in await stage.events(admin, events_pb2.AccessGranted)][-1] == "loic@neuve.example"


async def test_an_address_is_corrected_by_another_address_only(admin, record):
    access = await grant(admin, record)
    for wrong in ("", "loic", "loic@"):
        with refused(Kind.INVALID, "fields_invalid"):
            await admin.call("CorrectAccessMail", membership_id=access.membership_id, mail=wrong)


async def test_who_has_no_address_is_given_a_password_on_paper(stage, admin, record):
    record = await with_second_person(admin, record, mail="")
    access = await grant(admin, record, 1, without_mail=True)
    issued = await admin.call("IssueAccessPassword", membership_id=access.membership_id)
    assert issued.password
    assert access.account_id in stage.identity.issued
    assert await stage.events(admin, events_pb2.AccessGranted) == []
    with refused(Kind.PRECONDITION, "person_has_no_mail"):
        await admin.call("ResendAccess", membership_id=access.membership_id)


@pytest.mark.parametrize("used", [True, False])
async def test_who_had_chosen_a_password_is_told_that_it_was_replaced(stage, admin, record, monkeypatch, used):
    access = await grant(admin, record)
    monkeypatch.setattr(stage.identity, "used", used)
    await admin.call("IssueAccessPassword", membership_id=access.membership_id)
    told = await stage.events(admin, events_pb2.AccessPasswordReplaced)
    assert [(each.membership_id, each.contact_id, bool(each.mail)) for each in told] == (
        [(access.membership_id, record.contact.id, True)] if used else []
    )


async def test_an_access_that_is_cut_gets_no_password(admin, record):
    access = await grant(admin, record)
    await admin.call("CutAccess", membership_id=access.membership_id)
    with refused(Kind.PRECONDITION, "access_cut"):
        await admin.call("IssueAccessPassword", membership_id=access.membership_id)
