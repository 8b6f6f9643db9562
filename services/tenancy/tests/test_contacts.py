"""Contacts: lists under a scope, codes, people, advisers."""

import asyncio

import pytest
from tenancy_stage import refused

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.errors import Kind

CLIENT, EMPLOYEE, SUPPLIER = 1, 2, 3
MAIN, FURTHER, ASSISTANT = 1, 2, 3


@pytest.fixture
async def adviser(stage, admin):
    return await stage.colleague(admin, "adviser", "Marc Tanguy")


async def test_a_contact_takes_the_next_code_of_its_kind(stage, adviser):
    kinds = (CLIENT, CLIENT, EMPLOYEE, SUPPLIER)
    made = [
        await adviser.call("CreateContact", contact=tenancy_pb2.Contact(kind=kind, name=f"K{kind}")) for kind in kinds
    ]
    assert [each.contact.code for each in made] == ["C0001", "C0002", "S0001", "F0001"]


async def test_a_code_that_somebody_typed_is_passed_over(stage, adviser):
    await stage.contact(adviser, code="c0001")
    assert (await stage.contact(adviser)).contact.code == "C0002"


async def test_a_code_belongs_to_one_contact(stage, adviser):
    await stage.contact(adviser, code="LEGOFF")
    with refused(Kind.CONFLICT, "code_taken"):
        await stage.contact(adviser, code="LEGOFF")


async def test_of_two_who_take_one_code_at_one_instant_one_is_told(stage, adviser):
    calls = (stage.contact(adviser, f"Client {number}", code="LEGOFF") for number in range(3))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    failed = [(each.kind, each.reason) for each in answers if isinstance(each, Exception)]
    assert failed == [(Kind.CONFLICT, "code_taken")] * 2


async def test_codes_taken_at_the_same_time_differ(stage, adviser):
    made = await asyncio.gather(*(stage.contact(adviser, f"Client {number}") for number in range(12)))
    assert sorted(each.contact.code for each in made) == [f"C{number:04d}" for number in range(1, 13)]


async def test_whoever_makes_a_contact_is_its_main_adviser(stage, admin, adviser):
    made = await stage.contact(adviser)
    advisers = [(each.membership_id, each.name, each.role) for each in made.contact.advisers]
    assert advisers == [(adviser.membership_id, "Marc Tanguy", MAIN)]
    assert (made.may_edit, made.may_manage_accesses, made.contact.version) == (True, True, 1)
    assert (await stage.events(admin, events_pb2.ContactChanged))[-1].contact == made.contact


async def test_scope_mine_lists_and_opens_nothing_else(stage, admin, adviser):
    mine, other = await stage.contact(adviser, "À moi"), await stage.contact(admin, "À elle")
    listed = await adviser.call("ListContacts")
    assert ([each.id for each in listed.contacts], listed.total) == ([mine.contact.id], 1)
    with refused(Kind.NOT_FOUND, "contact_not_found"):
        await adviser.call("GetContact", id=other.contact.id)
    with refused(Kind.NOT_FOUND, "contact_not_found"):
        await adviser.call("UpdateContact", contact=other.contact)


async def test_who_sees_but_may_not_change_learns_who_can_help(stage, admin):
    junior = await stage.colleague(admin, "junior", "Jeanne Petit")
    made = await stage.contact(admin)
    advisers = [
        tenancy_pb2.Adviser(membership_id=admin.membership_id, role=MAIN),
        tenancy_pb2.Adviser(membership_id=junior.membership_id, role=ASSISTANT),
    ]
    await admin.call("SetAdvisers", contact_id=made.contact.id, advisers=advisers)
    record = await junior.call("GetContact", id=made.contact.id)
    assert (record.may_edit, record.may_manage_accesses) == (False, False)
    with refused(Kind.FORBIDDEN, "right_missing"):
        await junior.call("UpdateContact", contact=record.contact)
    decision = await junior.call("Check", right="contacts.edit", contact_id=made.contact.id)
    assert (decision.allowed, decision.reason, list(decision.granters)) == (False, "right_missing", ["Anne Kervella"])


async def test_nobody_makes_a_contact_that_they_could_not_see(stage, admin, adviser):
    with refused(Kind.FORBIDDEN, "adviser_out_of_reach") as caught:
        await stage.contact(adviser, main_adviser_id=admin.membership_id)
    assert caught.value.params["helpers"] == "Anne Kervella"
    assert (await admin.call("ListContacts")).total == 0


async def test_who_reaches_all_contacts_makes_one_for_a_colleague(stage, admin, adviser):
    made = await stage.contact(admin, main_adviser_id=adviser.membership_id)
    assert [each.membership_id for each in made.contact.advisers] == [adviser.membership_id]


async def test_all_kinds_of_adviser_count_as_mine(stage, admin, adviser):
    made = await stage.contact(admin)
    for role in (FURTHER, ASSISTANT):
        advisers = [
            tenancy_pb2.Adviser(membership_id=admin.membership_id, role=MAIN),
            tenancy_pb2.Adviser(membership_id=adviser.membership_id, role=role),
        ]
        await admin.call("SetAdvisers", contact_id=made.contact.id, advisers=advisers)
        assert (await adviser.call("GetContact", id=made.contact.id)).may_edit


async def test_a_contact_has_exactly_one_main_adviser(stage, admin, adviser):
    made = await stage.contact(admin)
    for roles in ((MAIN, MAIN), (FURTHER, ASSISTANT)):
        people = zip((admin, adviser), roles, strict=True)
        advisers = [tenancy_pb2.Adviser(membership_id=who.membership_id, role=role) for who, role in people]
        with refused(Kind.INVALID, "fields_invalid"):
            await admin.call("SetAdvisers", contact_id=made.contact.id, advisers=advisers)


async def test_nobody_from_elsewhere_advises(stage, provider, admin):
    made, other = await stage.contact(admin), await stage.firm(provider)
    foreign = [tenancy_pb2.Adviser(membership_id=other.membership_id, role=MAIN)]
    with refused(Kind.NOT_FOUND, "member_not_found"):
        await admin.call("SetAdvisers", contact_id=made.contact.id, advisers=foreign)
    portal = await stage.portal(admin, made)
    with refused(Kind.NOT_FOUND, "member_not_found"):
        await admin.call(
            "SetAdvisers",
            contact_id=made.contact.id,
            advisers=[tenancy_pb2.Adviser(membership_id=portal.membership_id, role=MAIN)],
        )


async def test_a_contact_is_found_by_code_name_mail_and_people(stage, admin):
    made = await stage.contact(
        admin, "Boulangerie Élodie", addresses=tenancy_pb2.ContactAddresses(main="pain@elodie.example")
    )
    await stage.contact(admin, "Garage du Port")
    for query in (made.contact.code, "elodie boul", "pain@elodie.example"):
        assert [each.id for each in (await admin.call("ListContacts", query=query)).contacts] == [made.contact.id]
    assert (await admin.call("ListContacts", query="kerautret loic")).total == 2


async def test_a_contact_that_somebody_else_changed_is_not_overwritten(stage, admin):
    made = (await stage.contact(admin)).contact
    made.name = "Menuiserie Kerautret & Fils"
    changed = await admin.call("UpdateContact", contact=made)
    assert (changed.contact.version, changed.contact.name) == (2, made.name)
    with refused(Kind.CONFLICT, "stale_version"):
        await admin.call("UpdateContact", contact=made)


async def test_a_change_keeps_kind_and_code(stage, admin):
    made = (await stage.contact(admin)).contact
    wanted = tenancy_pb2.Contact()
    wanted.CopyFrom(made)
    wanted.kind, wanted.code = SUPPLIER, "OTHER"
    changed = await admin.call("UpdateContact", contact=wanted)
    assert (changed.contact.kind, changed.contact.code) == (CLIENT, made.code)


async def test_a_person_is_made_and_changed(stage, admin):
    made = await stage.contact(admin)
    wanted = tenancy_pb2.Person(given_name="Yann", family_name="Le Bris", mail="yann@kerautret.example")
    record = await admin.call("SavePerson", contact_id=made.contact.id, person=wanted)
    person = record.people[1]
    person.function = "Gérant"
    again = await admin.call("SavePerson", contact_id=made.contact.id, person=person)
    assert [each.function for each in again.people] == ["", "Gérant"]
    assert (await admin.call("ListContacts", query="le bris")).total == 1


async def test_a_person_of_another_contact_is_not_found(stage, admin):
    first, second = await stage.contact(admin), await stage.contact(admin)
    with refused(Kind.NOT_FOUND, "person_not_found"):
        await admin.call("SavePerson", contact_id=first.contact.id, person=second.people[0])


async def test_accesses_that_were_never_used_are_found(stage, admin, adviser):
    used, waiting, other = [await stage.contact(admin, name) for name in ("Utilisé", "Attendu", "Autre")]
    await stage.portal(admin, used)
    for contact in (waiting, other):
        await admin.call("GrantAccess", contact_id=contact.contact.id, person_id=contact.people[0].id)
    listed = await admin.call("ListContacts", unused_access=True, query="attendu")
    assert ([each.id for each in listed.contacts], listed.total) == ([waiting.contact.id], 1)
    assert (await admin.call("ListContacts", unused_access=True)).total == 2
    assert (await adviser.call("ListContacts", unused_access=True)).total == 0


async def test_pages_are_complete_and_without_doubles_while_contacts_arrive(stage, admin):
    names = [f"Client {number}" for number in range(23)]
    for name in names:
        await stage.contact(admin, name)
    seen, token, total = [], "", set()
    while True:
        page = await admin.call("ListContacts", kind=CLIENT, page_size=5, page_token=token)
        seen += [each.name for each in page.contacts]
        total.add(page.total)
        token = page.next_page_token
        if not token:
            break
        await stage.contact(admin, "Aaa, devant")
    assert (seen, total) == (names, {23})


@pytest.mark.parametrize("token", ["x", "AAAA", "W10", "WyJhIiwiYiIsMV0", "é", "WzEsMiwzXQ"])
async def test_a_cursor_of_somebodys_own_making_is_refused(admin, token):
    with refused(Kind.INVALID, "malformed_request"):
        await admin.call("ListContacts", page_token=token)


async def test_a_service_reads_contacts_whatever_the_scope(stage, provider, admin):
    first, second = await stage.contact(admin), await stage.contact(admin, "Garage")
    foreign = await stage.contact(await stage.firm(provider))
    ids = [second.contact.id, foreign.contact.id, first.contact.id]
    answer = await stage.as_service("documents", str(admin.organisation_id)).call("BatchGetContacts", ids=ids)
    assert [each.contact.id for each in answer.contacts] == [second.contact.id, first.contact.id]
    assert answer.contacts[0].people[0].mail == "loic@kerautret.example"
