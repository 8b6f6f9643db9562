"""Writes say which revision of rights they led to; changes of advisers follow each other, and can be asked for."""

import asyncio
from contextlib import contextmanager

import pytest
from tenancy_stage import refused

from parvis.tenancy.v1 import events_pb2, tenancy_pb2, tenancy_pb2_grpc
from parvis_kit.caller import Acting, acting_as
from parvis_kit.errors import Kind, ServiceError

MAIN, ASSISTANT = 1, 3


@contextmanager
def knowing(actor, revision=0):
    """Calls inside are the actor's, who knows of a revision; gives what they know of afterwards."""
    known = {str(actor.organisation_id): revision} if revision else {}
    with acting_as(Acting(token=actor.token, revisions=known)):
        yield known


async def send(actor, method, request):
    service = "ContactService" if "Contact" in method or "Adviser" in method else "MemberService"
    stub = getattr(tenancy_pb2_grpc, f"{service}Stub")(actor.stage.peers("web").channel("tenancy"))
    return await getattr(stub, method)(request)


async def changes(stage, actor, after=0, **fields):
    asked = stage.as_service("documents", str(actor.organisation_id))
    return await asked.call("ListAdviserChanges", after_revision=after, **fields)


async def news(stage, actor):
    return await stage.events(actor, events_pb2.ContactChanged)


async def revision_of(stage, actor):
    asked = stage.as_service("documents", str(actor.organisation_id))
    return await asked.call(
        "GetGrantSet", membership_id=actor.membership_id, organisation_id=str(actor.organisation_id)
    )


async def test_a_write_of_rights_says_its_revision_and_reading_says_nothing(stage, admin):
    contact = tenancy_pb2.Contact(kind=1, name="Boulangerie Le Goff")
    with knowing(admin) as known:
        await send(admin, "ListContacts", tenancy_pb2.ListContactsRequest())
        assert known == {}
        await send(admin, "CreateContact", tenancy_pb2.CreateContactRequest(contact=contact))
    assert known == {str(admin.organisation_id): (await revision_of(stage, admin)).revision}


async def test_whoever_lost_a_right_and_knows_of_it_is_refused_at_once(stage, admin):
    adviser = await stage.colleague(admin, "adviser")
    await stage.contact(adviser)
    with knowing(admin) as known:
        await send(admin, "CutMember", tenancy_pb2.CutMemberRequest(id=adviser.membership_id))
    with knowing(adviser, known[str(admin.organisation_id)]), pytest.raises(ServiceError) as ended:
        await send(adviser, "ListContacts", tenancy_pb2.ListContactsRequest())
    assert ended.value.kind is Kind.UNAUTHENTICATED


async def test_a_revision_of_the_future_is_a_clear_error(stage, admin):
    with knowing(admin, 10_000), refused(Kind.PRECONDITION, "revision_ahead"):
        await send(admin, "ListContacts", tenancy_pb2.ListContactsRequest())


async def test_news_of_advisers_name_the_change_before_and_a_new_name_repeats_the_last(stage, admin):
    first, second = await stage.contact(admin), await stage.contact(admin)
    await stage.colleague(admin, "adviser")  # revisions that change no adviser stand between
    advisers = [tenancy_pb2.Adviser(membership_id=admin.membership_id, role=MAIN)]
    await admin.call("SetAdvisers", contact_id=first.contact.id, advisers=advisers)
    record = await admin.call("GetContact", id=second.contact.id)
    record.contact.name = "Un autre nom"
    await admin.call("UpdateContact", contact=record.contact)
    told = [(each.previous, each.revision) for each in await news(stage, admin)]
    assert told[0][0] == 0
    assert [previous for previous, _ in told[1:3]] == [revision for _, revision in told[:2]]
    assert told[3] == told[1]


async def test_changes_of_advisers_at_the_same_time_make_one_chain(stage, admin):
    made = [await stage.contact(admin, f"Client {number}") for number in range(4)]
    advisers = [tenancy_pb2.Adviser(membership_id=admin.membership_id, role=MAIN)]
    await asyncio.gather(
        *(admin.call("SetAdvisers", contact_id=each.contact.id, advisers=advisers) for each in made * 3)
    )
    links = sorted((each.previous, each.revision) for each in await news(stage, admin))
    assert [previous for previous, _ in links] == [0, *(revision for _, revision in links[:-1])]


async def test_changes_after_a_revision_are_listed_as_they_are_now_and_page_by_page(stage, admin):
    made = [(await stage.contact(admin, f"Client {number}")).contact.id for number in range(5)]
    middle = sorted(each.revision for each in await news(stage, admin))[1]
    advisers = [tenancy_pb2.Adviser(membership_id=admin.membership_id, role=MAIN)]
    await admin.call("SetAdvisers", contact_id=made[0], advisers=advisers)
    seen, token = [], ""
    while True:
        page = await changes(stage, admin, middle, page_size=2, page_token=token)
        seen += [contact.id for contact in page.contacts]
        if not (token := page.next_page_token):
            break
    assert seen == [*made[2:], made[0]]
    assert page.revision == (await revision_of(stage, admin)).advisers_revision


async def test_nothing_is_listed_for_whoever_has_it_all(stage, admin):
    await stage.contact(admin)
    newest = (await revision_of(stage, admin)).advisers_revision
    page = await changes(stage, admin, newest)
    assert (list(page.contacts), page.revision) == ([], newest)


@pytest.mark.parametrize("token", ["nonsense", "MC4wMTkyZTRhMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDAueA"])
async def test_a_page_token_that_is_none_is_refused(stage, admin, token):
    with refused(Kind.INVALID, "malformed_request"):
        await changes(stage, admin, page_token=token)


async def test_a_change_that_is_rolled_back_leaves_no_gap(stage, admin):
    await stage.contact(admin)
    before = (await revision_of(stage, admin)).advisers_revision
    made = await stage.contact(admin)
    with refused(Kind.NOT_FOUND, "member_not_found"):
        stranger = tenancy_pb2.Adviser(membership_id=str(admin.organisation_id), role=ASSISTANT)
        mine = tenancy_pb2.Adviser(membership_id=admin.membership_id, role=MAIN)
        await admin.call("SetAdvisers", contact_id=made.contact.id, advisers=[mine, stranger])
    last = (await news(stage, admin))[-1]
    assert (last.previous, last.revision) == (before, (await revision_of(stage, admin)).advisers_revision)


async def test_an_organisation_that_is_not_there_has_no_advisers(stage):
    asked = stage.as_service("documents", "00000000-0000-0000-0000-000000000000")
    told = await asked.call("ListAdviserChanges", page_size=-1)
    assert (list(told.contacts), told.revision) == ([], 0)
