"""The hierarchy of members: moves, what they change for whom, and who may make them."""

import asyncio

import pytest
from tenancy_stage import refused
from test_personal_rights import give
from test_profiles import ALL, MINE, profile

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.errors import Kind, ServiceError

ATTACHED, GROUP = tenancy_pb2.SCOPE_ATTACHED, tenancy_pb2.SCOPE_GROUP


async def move(actor, member, superior, **fields):
    version = (await actor.call("GetMember", id=member.membership_id)).version
    told = {"manager_id": superior.membership_id if superior else "", "version": version, **fields}
    return await actor.call("MoveMember", member_id=member.membership_id, **told)


async def hired(stage, admin, name, rights):
    """A colleague who holds these rights, as what differs from their profile."""
    colleague = await stage.colleague(admin, "junior", name)
    await give(admin, colleague.membership_id, {"members.read": ALL, **rights})
    return colleague


@pytest.fixture
async def people(stage, admin):
    """A head who sees what their people see, one of these people, and somebody who belongs to nobody."""
    head = await hired(stage, admin, "Hélène Abgrall", {"contacts.read": ATTACHED})
    low = await hired(stage, admin, "Luc Bihan", {"contacts.read": MINE})
    alone = await hired(stage, admin, "Anaïs Cadiou", {"contacts.read": GROUP})
    await move(admin, low, head)
    return head, low, alone


async def names_seen(actor):
    return {each.name for each in (await actor.call("ListContacts")).contacts}


async def test_who_is_attached_to_somebody_is_seen_by_them(stage, admin, people):
    head, low, alone = people
    await stage.contact(admin, "Menuiserie", main_adviser_id=alone.membership_id)
    assert await names_seen(head) == set()
    moved = await move(admin, alone, low, reason="Réorganisation")
    assert (moved.manager_id, moved.manager_name) == (low.membership_id, "Luc Bihan")
    assert (await head.call("Check", right="contacts.read")).allowed
    grants = await stage.as_service("documents").call(
        "GetGrantSet", membership_id=head.membership_id, organisation_id=str(admin.organisation_id)
    )
    advisers = next(set(each.adviser_ids) for each in grants.rights if each.code == "contacts.read")
    assert advisers == {each.membership_id for each in people}
    assert "member.moved" in await stage.acts(admin)
    assert list((await stage.events(admin, events_pb2.GrantsChanged))[-1].membership_ids) == []


async def test_a_move_is_one_row_whatever_is_below(stage, admin, people):
    head, _low, alone = people
    before = {row["id"]: row["since"] for row in await stage.rows(admin, "SELECT id, since FROM memberships")}
    await move(admin, head, alone)
    after = {row["id"]: row["since"] for row in await stage.rows(admin, "SELECT id, since FROM memberships")}
    assert [str(each) for each in after if after[each] != before[each]] == [head.membership_id]


async def test_nobody_is_above_themself(admin, people):
    head, low, _alone = people
    for superior in (head, low):
        with refused(Kind.INVALID, "hierarchy_cycle"):
            await move(admin, head, superior)
        with refused(Kind.INVALID, "hierarchy_cycle"):
            await admin.call("PreviewMove", member_id=head.membership_id, manager_id=superior.membership_id)


async def test_two_moves_that_would_make_a_circle_together_make_none(stage, admin):
    one, other = [await stage.colleague(admin, "junior", name) for name in ("Un A", "Deux B")]
    outcomes = await asyncio.gather(move(admin, one, other), move(admin, other, one), return_exceptions=True)
    assert [each.reason for each in outcomes if isinstance(each, ServiceError)] == ["hierarchy_cycle"]


async def test_nobody_is_attached_across_firms(stage, provider, admin, people):
    stranger = await stage.firm(provider, "Cabinet Voisin")
    with refused(Kind.NOT_FOUND, "member_not_found"):
        await move(admin, people[0], stranger)
    with refused(Kind.NOT_FOUND, "member_not_found"):
        await admin.call("PreviewMove", member_id=people[0].membership_id, manager_id=stranger.membership_id)


async def test_nobody_is_attached_to_who_was_cut(admin, people):
    head, _low, alone = people
    await admin.call("CutMember", id=alone.membership_id)
    with refused(Kind.PRECONDITION, "not_active"):
        await move(admin, head, alone)


async def test_what_a_move_changes_is_shown_before_it_is_done(stage, admin, people):
    head, low, alone = people
    for name, adviser in (("Abri", alone), ("Bois", alone), ("Cuir", low)):
        await stage.contact(admin, name, main_adviser_id=adviser.membership_id)
    shown = await admin.call("PreviewMove", member_id=alone.membership_id, manager_id=head.membership_id)
    changes = {each.name: (list(each.gained), each.contacts_more, each.contacts_less) for each in shown.changes}
    # The head sees what the newcomer sees; the newcomer, who sees their group, what the other one does.
    assert changes == {"Hélène Abgrall": (["contacts.read"], 2, 0), "Anaïs Cadiou": (["contacts.read"], 1, 0)}
    assert (shown.total, shown.moved, list(shown.beyond)) == (2, 1, [])
    await move(admin, alone, head)
    back = await admin.call("PreviewMove", member_id=alone.membership_id)
    lost = {each.name: (list(each.lost), each.contacts_less) for each in back.changes}
    assert lost == {"Hélène Abgrall": (["contacts.read"], 2), "Anaïs Cadiou": (["contacts.read"], 1)}


async def test_a_contact_that_was_seen_anyway_is_not_counted(stage, admin, people):
    head, _low, alone = people
    record = await stage.contact(admin, "Abri", main_adviser_id=alone.membership_id)
    roles = ((alone, tenancy_pb2.ADVISER_ROLE_MAIN), (head, tenancy_pb2.ADVISER_ROLE_ASSISTANT))
    advisers = [tenancy_pb2.Adviser(membership_id=each.membership_id, role=role) for each, role in roles]
    await admin.call("SetAdvisers", contact_id=record.contact.id, advisers=advisers)
    shown = await admin.call("PreviewMove", member_id=alone.membership_id, manager_id=head.membership_id)
    assert {each.name: each.contacts_more for each in shown.changes} == {"Hélène Abgrall": 0, "Anaïs Cadiou": 0}


async def test_who_sees_less_lets_nobody_see_more_by_a_move(stage, admin, people):
    head, _low, alone = people
    made = await admin.call(
        "SaveProfile",
        profile=profile("Personnel", {"members.read": ALL, "members.manage": ALL, "contacts.read": ATTACHED}),
    )
    clerk = await stage.colleague(admin, "junior", "Chloé Daniel")
    member = await admin.call("GetMember", id=clerk.membership_id)
    await admin.call("UpdateMember", id=member.id, profile_id=made.id, version=member.version)
    await give(admin, alone.membership_id, {"members.read": ALL})
    shown = await clerk.call("PreviewMove", member_id=alone.membership_id, manager_id=head.membership_id)
    assert list(shown.beyond) == ["contacts.read"]
    with refused(Kind.FORBIDDEN, "above_ceiling") as caught:
        await move(clerk, alone, head)
    assert (caught.value.params["right"], caught.value.params["helpers"]) == ("contacts.read", "Anne Kervella")
    # Nor are they lifted themselves; who is theirs to see may be seen by others.
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await move(clerk, head, clerk)
    await move(admin, alone, clerk)
    assert (await move(clerk, alone, head)).manager_id == head.membership_id


async def test_who_read_an_older_member_moves_nobody(admin, people):
    head, _low, alone = people
    old = (await admin.call("GetMember", id=alone.membership_id)).version
    await move(admin, alone, head)
    with refused(Kind.CONFLICT, "stale_version"):
        await move(admin, alone, None, version=old)


async def test_around_a_move_nobody_sees_what_they_see_neither_before_nor_after(stage, admin, people):
    head, low, alone = people
    everybody = [*people, *[await hired(stage, admin, f"Nom {place}", {"contacts.read": GROUP}) for place in range(3)]]
    for each in everybody[3:]:
        await move(admin, each, low)

    async def seen():
        sets = {}
        for each in everybody:
            grants = await stage.as_service("documents").call(
                "GetGrantSet", membership_id=each.membership_id, organisation_id=str(admin.organisation_id)
            )
            reach = next(frozenset(right.adviser_ids) for right in grants.rights if right.code == "contacts.read")
            sets[each.membership_id] = reach
        return sets

    places = [await seen()]
    await move(admin, low, alone)
    places.append(await seen())
    allowed = {each: {place[each] for place in places} for each in places[0]}
    moving = asyncio.create_task(back_and_forth(admin, low, (head, alone)))
    while not moving.done():
        for each, reach in (await seen()).items():
            assert reach in allowed[each]
    await moving


async def back_and_forth(admin, member, superiors):
    for turn in range(10):
        await move(admin, member, superiors[turn % 2])
