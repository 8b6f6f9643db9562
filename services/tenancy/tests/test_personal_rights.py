"""Rights of one member, kept as what differs from their profile; rights that carry each other."""

import pytest
from tenancy_stage import refused
from test_profiles import ALL, MINE, deputy, profile

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.errors import Kind

__all__ = ["deputy"]
GONE = tenancy_pb2.SCOPE_UNSPECIFIED


def granted(rights):
    return [tenancy_pb2.GrantedRight(code=code, scope=scope) for code, scope in rights.items()]


def otherwise(member):
    return {each.code: each.scope for each in member.personal}


async def rights_of(admin, built_in):
    found = next(each for each in (await admin.call("ListProfiles")).profiles if each.built_in == built_in)
    return {right.code: right.scope for right in found.rights}


async def give(actor, member_id, rights, **fields):
    version = (await actor.call("GetMember", id=member_id)).version
    told = {"version": version, "rights": granted(rights), **fields}
    return await actor.call("SetPersonalRights", member_id=member_id, **told)


@pytest.fixture
async def junior(stage, admin):
    return await stage.colleague(admin, "junior")


async def test_what_differs_from_the_profile_is_kept_shown_and_in_force(stage, admin, junior):
    wanted = {**await rights_of(admin, "junior"), "contacts.read": ALL, "notifications.read": ALL}
    del wanted["documents.file"]
    member = await give(admin, junior.membership_id, wanted, reason="Remplacement")
    assert otherwise(member) == {"contacts.read": ALL, "notifications.read": ALL, "documents.file": GONE}
    assert (await junior.call("Check", right="notifications.read")).allowed
    assert not (await junior.call("Check", right="documents.file")).allowed
    assert "member.rights_set" in await stage.acts(admin)
    assert list((await stage.events(admin, events_pb2.GrantsChanged))[-1].membership_ids) == [junior.membership_id]
    changes = await stage.rows(admin, "SELECT act, reason FROM rights_changes ORDER BY revision DESC LIMIT 1")
    assert (changes[0]["act"], changes[0]["reason"]) == ("member.rights_set", "Remplacement")


async def test_the_profiles_own_rights_leave_nothing(stage, admin, junior):
    own = await rights_of(admin, "junior")
    await give(admin, junior.membership_id, {**own, "contacts.read": ALL})
    member = await give(admin, junior.membership_id, own)
    assert otherwise(member) == {}
    kept = "SELECT 1 FROM personal_rights WHERE organisation_id = $1"
    assert await stage.rows(admin, kept, admin.organisation_id) == []


async def test_a_right_that_is_granted_brings_what_it_requires_and_says_so(admin, junior):
    member = await give(admin, junior.membership_id, {"invoices.close": MINE, "members.read": ALL})
    carried = {(each.code, each.scope, each.because) for each in member.carried}
    # Invoices are closed by who edits, reads, and sees the contact; closing was asked for, so nothing of it goes.
    assert ("invoices.edit", MINE, "invoices.close") in carried
    assert {each.code for each in member.carried} == {"invoices.edit", "invoices.read", "contacts.read"}
    assert otherwise(member)["documents.read"] == GONE


async def test_a_right_that_is_withdrawn_takes_along_what_requires_it(admin):
    made = await admin.call("SaveProfile", profile=profile("Paie", {"contacts.read": ALL, "invoices.read": ALL}))
    del made.rights[0]
    saved = await admin.call("SaveProfile", profile=made)
    assert [(each.code, each.scope, each.because) for each in saved.carried] == [
        ("invoices.read", GONE, "contacts.read")
    ]
    assert list(saved.rights) == []


async def test_what_differs_stays_when_the_profile_of_a_member_changes(stage, admin, junior):
    own = await rights_of(admin, "junior")
    await give(admin, junior.membership_id, {**own, "notifications.read": ALL, "contacts.edit": MINE})
    member = await admin.call("GetMember", id=junior.membership_id)
    plain = await admin.call("SaveProfile", profile=profile("Accueil", {"members.read": ALL}))
    moved = await admin.call("UpdateMember", id=member.id, profile_id=plain.id, version=member.version)
    # Nobody edits contacts without seeing them: what cannot stand in the new profile went, and the answer says so.
    assert otherwise(moved) == {"notifications.read": ALL}
    assert [(each.code, each.because) for each in moved.carried] == [("contacts.edit", "contacts.read")]


async def test_who_becomes_administrator_has_nothing_otherwise(stage, admin, junior):
    await give(admin, junior.membership_id, {})
    member = await admin.call("GetMember", id=junior.membership_id)
    top = await stage.profile(admin, "administrator")
    moved = await admin.call("UpdateMember", id=member.id, profile_id=top, version=member.version)
    assert otherwise(moved) == {}
    with refused(Kind.PRECONDITION, "built_in"):
        await give(admin, junior.membership_id, {})


async def test_a_profile_that_is_narrowed_takes_along_what_its_holders_have_otherwise(admin):
    made = await admin.call("SaveProfile", profile=profile("Paie", {"contacts.read": ALL, "members.read": ALL}))
    fields = {"given_name": "A", "family_name": "B", "profile_id": made.id}
    member = await admin.call("InviteMember", mail="paie@armor.example", **fields)
    await give(admin, member.id, {"contacts.read": ALL, "members.read": ALL, "contacts.edit": ALL})
    made.rights[0].scope = MINE
    await admin.call("SaveProfile", profile=made)
    assert otherwise(await admin.call("GetMember", id=member.id)) == {"contacts.edit": MINE}


async def test_nobody_gives_one_member_more_than_they_hold(stage, admin, deputy):
    member = await stage.invite(admin, "junior")
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await give(deputy, member.id, {"members.read": ALL, "invoices.close": ALL})


async def test_nobody_raises_themselves(deputy):
    own = {"members.read": ALL, "members.invite": ALL, "members.manage": ALL, "profiles.manage": ALL}
    with refused(Kind.FORBIDDEN, "above_ceiling") as caught:
        await give(deputy, deputy.membership_id, {**own, "contacts.read": ALL})
    assert (caught.value.params["right"], caught.value.params["helpers"]) == ("contacts.read", "Anne Kervella")


async def test_who_changed_somebody_since_is_not_overwritten(admin, junior):
    member = await admin.call("GetMember", id=junior.membership_id)
    await give(admin, junior.membership_id, {})
    with refused(Kind.CONFLICT, "stale_version"):
        await give(admin, junior.membership_id, {}, version=member.version)


async def test_a_right_that_cannot_stand_is_named(admin, junior):
    with refused(Kind.INVALID, "fields_invalid") as caught:
        await give(admin, junior.membership_id, {"members.read": MINE})
    assert [(each.field, each.reason) for each in caught.value.violations] == [("rights", "has_no_scope")]


async def test_a_profile_that_is_not_valid_any_more_is_given_to_nobody_else(stage, admin):
    made = await admin.call("SaveProfile", profile=profile("Ancien", {"members.read": ALL}))
    fields = {"given_name": "A", "family_name": "B", "profile_id": made.id}
    member = await admin.call("InviteMember", mail="ancien@armor.example", **fields)
    made.inactive = True
    assert (await admin.call("SaveProfile", profile=made)).inactive
    with refused(Kind.PRECONDITION, "profile_inactive"):
        await admin.call("InviteMember", mail="nouveau@armor.example", **fields)
    other = await stage.invite(admin, "junior")
    with refused(Kind.PRECONDITION, "profile_inactive"):
        await admin.call("UpdateMember", id=other.id, profile_id=made.id, version=other.version)
    told = {"function": "Accueil", "version": member.version}
    kept = await admin.call("UpdateMember", id=member.id, profile_id=made.id, **told)
    assert (kept.profile_id, kept.function) == (made.id, "Accueil")
