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
