"""Questions about rights: answers, reasons, explanations that replay, lists, and the past."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tenancy_stage import refused

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind


def about(member, right, kind="", what=""):
    resource = tenancy_pb2.ResourceRef(type=kind, id=what)
    return tenancy_pb2.Question(membership_id=member, right=right, resource=resource)


async def explained(actor, *asked):
    return await actor.call("Explain", question=about(*asked))


@pytest.fixture
async def adviser(stage, admin):
    return await stage.colleague(admin, "adviser")


@pytest.fixture
async def junior(stage, admin):
    return await stage.colleague(admin, "junior", "Iris Morvan")


@pytest.fixture
async def contact(stage, admin, adviser):
    return (await stage.contact(admin, main_adviser_id=adviser.membership_id)).contact


async def test_answers_come_in_the_order_of_the_questions(admin, adviser, junior, contact):
    asked = [
        about(adviser.membership_id, "contacts.read", "contact", contact.id),
        about(junior.membership_id, "contacts.read", "contact", contact.id),
        about(junior.membership_id, "contacts.edit"),
    ]
    answer = await admin.call("BatchCheck", questions=asked)
    assert [(each.allowed, each.reason) for each in answer.decisions] == [
        (True, ""),
        (False, "out_of_scope"),
        (False, "right_missing"),
    ]
    assert answer.revision >= (await admin.call("GetFrame")).revision


async def test_a_yes_is_explained_by_the_facts_it_rests_on(admin, adviser, contact):
    answer = await explained(admin, adviser.membership_id, "contacts.read", "contact", contact.id)
    assert [(each.kind, each.subject_id, each.object_id) for each in answer.chain] == [
        ("active", adviser.membership_id, ""),
        ("profile", adviser.membership_id, answer.chain[1].object_id),
        ("advises", adviser.membership_id, contact.id),
    ]
    assert (answer.chain[1].object_name, answer.chain[2].object_name) == ("Conseiller", contact.name)


async def test_a_no_says_the_smallest_change_first_and_who_can_make_it(admin, junior, contact):
    answer = await explained(admin, junior.membership_id, "contacts.read", "contact", contact.id)
    kinds = [[change.kind for change in each.changes] for each in answer.remedies]
    assert (answer.reason, kinds[0], ["grant"] in kinds) == ("out_of_scope", ["advise"], True)
    assert answer.remedies[0].changes[0].by_caller
    missing = await explained(admin, junior.membership_id, "contacts.edit", "contact", contact.id)
    assert [change.kind for change in missing.remedies[0].changes] == ["advise", "grant"]
    assert missing.remedies[0].changes[1].scope == tenancy_pb2.SCOPE_MINE


async def test_a_right_that_the_organisation_has_not_needs_no_change_that_helps(admin):
    answer = await explained(admin, admin.membership_id, "organisations.manage")
    assert (answer.allowed, answer.reason, len(answer.remedies)) == (False, "right_missing", 0)


async def test_lists_turn_the_question_round(stage, admin, adviser, junior, contact):
    listed = await admin.call("ListObjects", membership_id=adviser.membership_id, right="contacts.read", type="contact")
    assert list(listed.ids) == [contact.id]
    own = (await junior.call("ListObjects", right="contacts.read", type="contact")).ids
    assert not own
    resource = tenancy_pb2.ResourceRef(type="contact", id=contact.id)
    who = await admin.call("ListSubjects", right="contacts.read", resource=resource)
    assert {each.membership_id for each in who.subjects} == {admin.membership_id, adviser.membership_id}


async def test_a_right_without_scope_lists_no_more_contacts_than_one_sees(adviser, junior, contact):
    """Whether members.read is held depends on no contact: it opens none."""
    assert list((await adviser.call("ListObjects", right="members.read", type="contact")).ids) == [contact.id]
    assert not (await junior.call("ListObjects", right="members.read", type="contact")).ids


async def test_pages_of_subjects_follow_each_other(stage, admin, adviser, junior):
    found, token = [], ""
    while True:
        page = await admin.call("ListSubjects", right="members.read", page_size=1, page_token=token)
        found += [each.membership_id for each in page.subjects]
        token = page.next_page_token
        if not token:
            break
    assert sorted(found) == sorted([admin.membership_id, adviser.membership_id, junior.membership_id])


async def test_the_past_is_told_as_it_was(stage, admin, adviser, junior, contact):
    before = datetime.now(UTC)
    profile = await stage.profile(admin, "adviser")
    me = await admin.call("GetMember", id=junior.membership_id)
    await admin.call("UpdateMember", id=me.id, profile_id=profile, version=me.version)
    advisers = [tenancy_pb2.Adviser(membership_id=junior.membership_id, role=1)]
    await admin.call("SetAdvisers", contact_id=contact.id, advisers=advisers)

    asked = [
        about(junior.membership_id, "contacts.edit", "contact", contact.id),
        about(adviser.membership_id, "contacts.edit", "contact", contact.id),
    ]
    now = await admin.call("BatchCheck", questions=asked)
    then = await admin.call("BatchCheck", questions=asked, at=before)
    assert [each.allowed for each in now.decisions] == [True, False]
    assert [(each.allowed, each.reason) for each in then.decisions] == [(False, "right_missing"), (True, "")]
    held = await admin.call("GetRightsAt", membership_id=junior.membership_id, at=before)
    assert "contacts.edit" not in {each.code for each in held.rights}
    assert "contacts.edit" in {
        each.code for each in (await admin.call("GetRightsAt", membership_id=junior.membership_id)).rights
    }


async def test_nothing_is_known_before_the_organisation_was_there(admin):
    with refused(Kind.NOT_FOUND, "no_rights_then"):
        await admin.call("BatchCheck", questions=[about("", "contacts.read")], at=datetime(2001, 1, 1, tzinfo=UTC))
    with refused(Kind.INVALID, "moment_in_the_future"):
        await admin.call("BatchCheck", at=datetime.now(UTC) + timedelta(hours=1))


@pytest.mark.parametrize("at", [{"nanos": -1}, {"seconds": 2**63 - 1}, {"seconds": -62_135_596_801}])
@pytest.mark.parametrize("method", ["BatchCheck", "Explain", "GetRightsAt"])
async def test_a_moment_of_no_calendar_is_refused(admin, method, at):
    with refused(Kind.INVALID, "fields_invalid"):
        await admin.call(method, at=Timestamp(**at))


async def test_a_watch_tells_who_changed_what(stage, admin):
    start = (await admin.call("GetFrame")).revision
    assert not (await admin.call("Watch", after_revision=start)).changes
    await admin.call("SaveProfile", profile=tenancy_pb2.Profile(name="Paie"))
    told = await admin.call("Watch", after_revision=start, wait_seconds=5)
    assert [(each.act, each.membership_id) for each in told.changes] == [("profile.made", admin.membership_id)]
    assert told.revision == told.changes[-1].revision > start


async def test_about_others_only_those_may_ask_who_see_the_members(stage, admin, adviser):
    nothing = await admin.call("SaveProfile", profile=tenancy_pb2.Profile(name="Stagiaire"))
    member = await admin.call(
        "InviteMember", mail="ida@armor.example", given_name="Ida", family_name="Roux", profile_id=nothing.id
    )
    ida = await stage.arrive(member.account_id, str(admin.organisation_id))
    for method, fields in {
        "BatchCheck": {"questions": [about(adviser.membership_id, "contacts.read")]},
        "Explain": {"question": about(adviser.membership_id, "contacts.read")},
        "ListObjects": {"membership_id": adviser.membership_id, "right": "contacts.read", "type": "contact"},
        "ListSubjects": {"right": "contacts.read"},
    }.items():
        with refused(Kind.FORBIDDEN, "right_missing"):
            await ida.call(method, **fields)
    assert not (await ida.call("BatchCheck", questions=[about("", "contacts.read")])).decisions[0].allowed


async def test_a_contact_that_one_may_not_see_is_not_found(junior, contact):
    for method, fields in {
        "BatchCheck": {"questions": [about("", "contacts.read", "contact", contact.id)]},
        "Explain": {"question": about("", "contacts.read", "contact", contact.id)},
        "ListSubjects": {
            "right": "contacts.read", "resource": tenancy_pb2.ResourceRef(type="contact", id=contact.id),
        },
    }.items():  # fmt: skip
        with refused(Kind.NOT_FOUND, "contact_not_found"):
            await junior.call(method, **fields)


@pytest.mark.parametrize(
    ("question", "kind", "reason"),
    [
        (about("", "contacts.fly"), Kind.INVALID, "right_unknown"),
        (about("", "contacts.read", "planet", str(UUID(int=1))), Kind.INVALID, "type_unknown"),
        (about("", "contacts.read", "contact"), Kind.INVALID, "resource_missing"),
        (about(str(UUID(int=1)), "contacts.read"), Kind.NOT_FOUND, "membership_not_found"),
        (about("", "members.manage", "member", str(UUID(int=1))), Kind.NOT_FOUND, "member_not_found"),
        (about("", "contacts.read", "contact", str(UUID(int=1))), Kind.NOT_FOUND, "contact_not_found"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(admin, question, kind, reason):
    with refused(kind, reason):
        await admin.call("Explain", question=question)


async def test_whom_a_client_acts_for_is_told_to_those_who_see_all_clients(stage, admin, adviser):
    portal = await stage.portal(admin, await stage.contact(admin, name="Menuiserie Keravel"))
    assert (await admin.call("GetRightsAt", membership_id=portal.membership_id)).grants.contacts
    with refused(Kind.FORBIDDEN, "out_of_scope"):
        await adviser.call("GetRightsAt", membership_id=portal.membership_id)
