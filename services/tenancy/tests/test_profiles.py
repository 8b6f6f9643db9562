"""Profiles, and the ceiling: nobody grants what they do not hold, by any path."""

import asyncio

import pytest
from tenancy_stage import refused

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.errors import Kind

ALL, MINE = tenancy_pb2.SCOPE_ALL, tenancy_pb2.SCOPE_MINE


def profile(name, rights, **fields):
    granted = [tenancy_pb2.GrantedRight(code=code, scope=scope) for code, scope in rights.items()]
    return tenancy_pb2.Profile(name=name, rights=granted, **fields)


@pytest.fixture
async def deputy(stage, admin):
    """Somebody who administers people, and reads their own contacts: no more."""
    rights = {"members.read": ALL, "members.invite": ALL, "members.manage": ALL, "profiles.manage": ALL}
    made = await admin.call("SaveProfile", profile=profile("Adjoint", {**rights, "contacts.read": MINE}))
    member = await admin.call(
        "InviteMember", mail=f"{made.id}@armor.example", given_name="Ida", family_name="Roux", profile_id=made.id
    )
    return await stage.arrive(member.account_id, str(admin.organisation_id))


async def test_a_profile_holds_what_was_saved(admin):
    made = await admin.call("SaveProfile", profile=profile("Paie", {"contacts.read": MINE, "members.read": ALL}))
    listed = next(each for each in (await admin.call("ListProfiles")).profiles if each.id == made.id)
    assert {right.code: right.scope for right in listed.rights} == {"contacts.read": MINE, "members.read": ALL}
    assert (listed.version, listed.built_in, listed.members) == (1, "", 0)


async def test_names_of_profiles_differ_by_more_than_accents(admin):
    await admin.call("SaveProfile", profile=profile("Réviseur", {}))
    with refused(Kind.CONFLICT, "name_taken"):
        await admin.call("SaveProfile", profile=profile("REVISEUR", {}))


async def test_a_profile_is_not_renamed_to_a_name_that_another_has(admin):
    await admin.call("SaveProfile", profile=profile("Réviseur", {}))
    made = await admin.call("SaveProfile", profile=profile("Paie", {}))
    with refused(Kind.CONFLICT, "name_taken"):
        await admin.call("SaveProfile", profile=profile("Reviseur", {}, id=made.id, version=made.version))


async def test_of_two_who_take_one_name_for_a_profile_at_one_instant_one_is_told(admin):
    made = [await admin.call("SaveProfile", profile=profile(name, {})) for name in ("Un", "Deux")]
    calls = [admin.call("SaveProfile", profile=profile("Neuf", {})) for _ in range(2)]
    calls += [admin.call("SaveProfile", profile=profile("Neuf", {}, id=each.id, version=1)) for each in made]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    failed = [(each.kind, each.reason) for each in answers if isinstance(each, Exception)]
    assert failed == [(Kind.CONFLICT, "name_taken")] * 3


@pytest.mark.parametrize(
    ("rights", "reason"),
    [
        ({"contacts.fly": ALL}, "unknown"),
        ({"organisations.manage": ALL}, "unknown"),
        ({"members.read": MINE}, "has_no_scope"),
        ({"contacts.read": 0}, "scope_missing"),
    ],
)
async def test_a_right_that_cannot_stand_is_named(admin, rights, reason):
    with refused(Kind.INVALID, "fields_invalid") as caught:
        await admin.call("SaveProfile", profile=profile("Faux", rights))
    assert [(each.field, each.reason) for each in caught.value.violations] == [("rights", reason)]


async def test_the_administrator_profile_never_changes(stage, admin):
    built_in = await stage.profile(admin, "administrator")
    with refused(Kind.PRECONDITION, "built_in"):
        await admin.call("SaveProfile", profile=profile("Chef", {}, id=built_in, version=1))


async def test_a_renamed_starter_profile_becomes_the_firms_own(stage, admin):
    colleague = await stage.colleague(admin, "adviser")
    starter = next(each for each in (await admin.call("ListProfiles")).profiles if each.built_in == "adviser")
    starter.name = "Gestionnaire"
    await admin.call("SaveProfile", profile=starter)
    membership = (await colleague.call("GetFrame")).membership
    assert (membership.profile_name, membership.profile_built_in) == ("Gestionnaire", "")


async def test_two_who_change_a_profile_at_once_see_each_other(admin):
    made = await admin.call("SaveProfile", profile=profile("Saisie", {}))
    await admin.call("SaveProfile", profile=made)
    with refused(Kind.CONFLICT, "stale_version"):
        await admin.call("SaveProfile", profile=made)


async def test_a_changed_profile_changes_what_its_holders_may_do(stage, admin, deputy):
    frame = await deputy.call("GetFrame")
    own = next(each for each in (await admin.call("ListProfiles")).profiles if each.name == "Adjoint")
    own.rights.append(tenancy_pb2.GrantedRight(code="invoices.read", scope=ALL))
    await admin.call("SaveProfile", profile=own)
    assert (await deputy.call("Check", right="invoices.read")).allowed
    changed = (await stage.events(admin, events_pb2.GrantsChanged))[-1]
    assert (list(changed.membership_ids), changed.revision > frame.revision) == ([], True)


@pytest.mark.parametrize("rights", [{"invoices.close": ALL}, {"contacts.read": ALL}])
async def test_nobody_makes_a_profile_above_themselves(deputy, rights):
    with refused(Kind.FORBIDDEN, "above_ceiling") as caught:
        await deputy.call("SaveProfile", profile=profile("Plus haut", rights))
    assert (caught.value.params["right"], caught.value.params["helpers"]) == (next(iter(rights)), "Anne Kervella")


async def test_nobody_widens_their_own_profile(deputy):
    own = next(each for each in (await deputy.call("ListProfiles")).profiles if each.name == "Adjoint")
    next(each for each in own.rights if each.code == "contacts.read").scope = ALL
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await deputy.call("SaveProfile", profile=own)


async def test_nobody_takes_away_what_they_could_not_give(deputy):
    manager = next(each for each in (await deputy.call("ListProfiles")).profiles if each.built_in == "manager")
    del manager.rights[:]
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await deputy.call("SaveProfile", profile=manager)


async def test_nobody_invites_above_themselves(stage, deputy):
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await stage.invite(deputy, "manager")


async def test_nobody_moves_themselves_up(stage, deputy):
    me = await deputy.call("GetMember", id=deputy.membership_id)
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await deputy.call(
            "UpdateMember", id=me.id, profile_id=await stage.profile(deputy, "administrator"), version=me.version
        )


@pytest.mark.parametrize("method", ["CutMember", "ReopenMember"])
async def test_nobody_acts_on_who_is_above_them(stage, admin, deputy, method):
    above = await stage.colleague(admin, "administrator")
    if method == "ReopenMember":
        await admin.call("CutMember", id=above.membership_id)
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await deputy.call(method, id=above.membership_id)


async def test_the_grid_shows_the_rights_of_a_customer(admin, provider):
    firm, own = [{each.code for each in (await who.call("ListRights")).rights} for who in (admin, provider)]
    assert own - firm == {"organisations.manage", "products.manage"}


async def test_a_right_that_an_organisation_has_not_is_given_by_nobody_there(stage, admin, provider):
    await stage.colleague(admin, "administrator", "Zoé Le Bris")
    junior = await stage.colleague(provider, "junior")
    here = await admin.call("Check", right="organisations.manage")
    at_the_provider = await junior.call("Check", right="organisations.manage")
    assert (here.allowed, list(here.granters)) == (False, [])
    assert at_the_provider.granters


async def invited(admin, made, count=1):
    fields = {"given_name": "Ida", "profile_id": made.id}
    return [
        await admin.call("InviteMember", mail=f"{place}.{made.id}@armor.example", family_name=f"R{place}", **fields)
        for place in range(count)
    ]


async def test_a_copy_grants_what_the_original_does(stage, admin):
    made = await admin.call("SaveProfile", profile=profile("Paie", {"contacts.read": MINE, "members.read": ALL}))
    copy = await admin.call("DuplicateProfile", id=made.id, name="Paie (bis)")
    assert (list(copy.rights), copy.name, copy.members) == (list(made.rights), "Paie (bis)", 0)
    everything = await admin.call("DuplicateProfile", id=await stage.profile(admin, "administrator"), name="Tout")
    assert (len(everything.rights), everything.built_in) == (len((await admin.call("ListRights")).rights), "")
    with refused(Kind.CONFLICT, "name_taken"):
        await admin.call("DuplicateProfile", id=made.id, name="PAIE")


async def test_nobody_copies_a_profile_above_themselves(stage, deputy):
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await deputy.call("DuplicateProfile", id=await stage.profile(deputy, "manager"), name="Presque")


async def test_a_profile_that_is_used_is_deleted_with_a_replacement_only(stage, admin):
    made = await admin.call("SaveProfile", profile=profile("Paie", {"members.read": ALL}))
    people = await invited(admin, made, 6)
    with refused(Kind.PRECONDITION, "profile_in_use") as caught:
        await admin.call("DeleteProfile", id=made.id, version=made.version)
    told = caught.value.params
    assert (told["name"], told["members"]) == ("Paie", "6")
    assert told["names"] == "Ida R0, Ida R1, Ida R2, Ida R3, Ida R4"
    heir = await stage.profile(admin, "junior")
    answer = await admin.call("DeleteProfile", id=made.id, version=made.version, replacement_id=heir)
    assert answer.moved == 6
    assert {(await admin.call("GetMember", id=each.id)).profile_id for each in people} == {heir}
    assert made.id not in {each.id for each in (await admin.call("ListProfiles")).profiles}
    assert list((await stage.events(admin, events_pb2.GrantsChanged))[-1].membership_ids) == []
    assert "profile.deleted" in await stage.acts(admin)


async def test_a_profile_of_withdrawn_invitations_is_deleted(admin):
    made = await admin.call("SaveProfile", profile=profile("Paie", {"members.read": ALL}))
    (member,) = await invited(admin, made)
    await admin.call("WithdrawInvitation", id=member.id)
    assert (await admin.call("DeleteProfile", id=made.id, version=made.version)).moved == 0


async def test_the_administrator_profile_is_not_deleted_nor_an_older_version(stage, admin):
    with refused(Kind.PRECONDITION, "built_in"):
        await admin.call("DeleteProfile", id=await stage.profile(admin, "administrator"), version=1)
    made = await admin.call("SaveProfile", profile=profile("Paie", {"members.read": ALL}))
    await admin.call("SaveProfile", profile=made)
    with refused(Kind.CONFLICT, "stale_version"):
        await admin.call("DeleteProfile", id=made.id, version=made.version)


async def test_a_replacement_is_another_profile_that_can_be_given(admin):
    made = await admin.call("SaveProfile", profile=profile("Paie", {"members.read": ALL}))
    old = await admin.call("SaveProfile", profile=profile("Ancien", {"members.read": ALL}, inactive=True))
    await invited(admin, made)
    told = {"id": made.id, "version": made.version}
    with refused(Kind.PRECONDITION, "profile_inactive"):
        await admin.call("DeleteProfile", **told, replacement_id=old.id)
    with refused(Kind.INVALID, "fields_invalid"):
        await admin.call("DeleteProfile", **told, replacement_id=made.id)


async def test_nobody_deletes_a_profile_above_themselves_nor_lifts_others_by_it(stage, admin, deputy):
    manager = next(each for each in (await admin.call("ListProfiles")).profiles if each.built_in == "manager")
    made = await admin.call("SaveProfile", profile=profile("Paie", {"members.read": ALL}))
    await invited(admin, made)
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await deputy.call("DeleteProfile", id=manager.id, version=manager.version)
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await deputy.call("DeleteProfile", id=made.id, version=made.version, replacement_id=manager.id)


async def test_a_profile_that_is_deleted_while_it_is_given_is_given_to_nobody(admin):
    made = await admin.call("SaveProfile", profile=profile("Paie", {"members.read": ALL}))
    fields = {"given_name": "Ida", "family_name": "Roux", "profile_id": made.id}
    calls = [admin.call("InviteMember", mail=f"{place}@armor.example", **fields) for place in range(3)]
    outcomes = await asyncio.gather(
        *calls, admin.call("DeleteProfile", id=made.id, version=made.version), return_exceptions=True
    )
    *invitations, deleted = outcomes
    refusals = {each.reason for each in outcomes if isinstance(each, Exception)}
    if isinstance(deleted, Exception):
        assert refusals == {"profile_in_use"}
    else:
        assert refusals == {"profile_not_found"}
        assert all(isinstance(each, Exception) for each in invitations)


async def test_of_two_who_save_one_profile_at_once_one_is_told(admin):
    made = await admin.call("SaveProfile", profile=profile("Paie", {"members.read": ALL}))
    wanted = [profile("Paie", {code: ALL}, id=made.id, version=1) for code in ("members.read", "notifications.read")]
    outcomes = await asyncio.gather(
        *(admin.call("SaveProfile", profile=each) for each in wanted), return_exceptions=True
    )
    (error,) = [each for each in outcomes if isinstance(each, Exception)]
    assert (error.reason, error.params["version"]) == ("stale_version", "2")


async def test_nobody_renames_or_ends_a_profile_above_them(deputy):
    manager = next(each for each in (await deputy.call("ListProfiles")).profiles if each.built_in == "manager")
    manager.name = "Chef"
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await deputy.call("SaveProfile", profile=manager)
    manager.name, manager.inactive = "Manager", True
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await deputy.call("SaveProfile", profile=manager)
