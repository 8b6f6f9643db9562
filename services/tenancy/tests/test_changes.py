"""The history of rights: who changed them when, and why."""

import pytest
from tenancy_stage import refused
from test_delegations import lend
from test_personal_rights import give
from test_profiles import ALL, profile

from parvis_kit.errors import Kind


async def acts(actor, **fields):
    return [each.act for each in (await actor.call("ListRightsChanges", **fields)).changes]


async def test_every_change_says_who_did_it_and_why(stage, admin):
    member = await stage.colleague(admin, "junior")
    await give(admin, member.membership_id, {"members.read": ALL}, reason="Stage d'été")
    await admin.call("CutMember", id=member.membership_id, reason="Fin du stage")
    found = (await admin.call("ListRightsChanges", page_size=2)).changes
    assert [(each.act, each.name, each.reason) for each in found] == [
        ("member.cut", "Anne Kervella", "Fin du stage"),
        ("member.rights_set", "Anne Kervella", "Stage d'été"),
    ]
    assert found[0].membership_id == admin.membership_id
    assert found[0].revision > found[1].revision
    assert found[0].at.ToDatetime() > found[1].at.ToDatetime()


async def test_pages_follow_each_other_without_gap(stage, admin):
    for _ in range(3):
        await stage.invite(admin, "junior")
    first = await admin.call("ListRightsChanges", page_size=2)
    rest = await admin.call("ListRightsChanges", page_size=200, page_token=first.next_page_token)
    revisions = [each.revision for each in (*first.changes, *rest.changes)]
    assert revisions == sorted(revisions, reverse=True)
    assert (len(set(revisions)), rest.next_page_token) == (first.total, "")


async def test_the_history_of_a_member_holds_what_changed_what_they_may_do(stage, admin):
    made = await admin.call("SaveProfile", profile=profile("Paie", {"members.read": ALL}))
    fields = {"given_name": "Ida", "family_name": "Roux", "profile_id": made.id}
    member = await admin.call("InviteMember", mail="paie@armor.example", **fields)
    other = await stage.colleague(admin, "junior")
    made.rights[0].code = "notifications.read"
    await admin.call("SaveProfile", profile=made)
    await give(admin, member.id, {"members.read": ALL})
    await give(admin, other.membership_id, {"members.read": ALL})
    await admin.call("MoveMember", member_id=member.id, manager_id=other.membership_id, version=2)
    assert await acts(admin, member_id=member.id) == [
        "member.moved",
        "member.rights_set",
        "profile.changed",
        "member.invited",
    ]
    assert "profile.changed" not in await acts(admin, member_id=other.membership_id)


async def test_delegations_are_in_the_history_of_both(stage, admin):
    adviser, deputy = [await stage.colleague(admin, "adviser", name) for name in ("Ana Ruiz", "Paul Petit")]
    await lend(adviser, deputy, reason="Congés")
    for each in (adviser, deputy):
        (change, *_) = (await admin.call("ListRightsChanges", member_id=each.membership_id)).changes
        assert (change.act, change.name, change.reason) == ("delegation.made", "Ana Ruiz", "Congés")


@pytest.mark.parametrize("token", ["x", "MS4wMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMC5h"])
async def test_a_token_that_is_none_is_refused(admin, token):
    with refused(Kind.INVALID, "malformed_request"):
        await admin.call("ListRightsChanges", page_token=token)


async def test_the_history_is_for_those_who_administer_people(stage, admin):
    adviser = await stage.colleague(admin, "adviser")
    with refused(Kind.FORBIDDEN, "right_missing"):
        await adviser.call("ListRightsChanges")
