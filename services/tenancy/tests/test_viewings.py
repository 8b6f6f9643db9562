"""Who may see the portal as somebody else: with the right, over what they see anyway, never across firms."""

from uuid import UUID

import pytest
from tenancy_stage import refused

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.errors import Kind
from parvis_tenancy.domain.decisions import CompiledRight
from parvis_tenancy.service.viewings import above

ALL, MINE = tenancy_pb2.SCOPE_ALL, tenancy_pb2.SCOPE_MINE
SHOWN = ("contacts.read", "documents.read", "invoices.read")


@pytest.fixture
async def client(stage, admin):
    return await stage.portal(admin, await stage.contact(admin))


async def viewed(stage, viewer, subject):
    """What identity is told when somebody wants to view."""
    return await stage.as_service("identity").call(
        "ResolveViewing",
        account_id=viewer.account_id,
        organisation_id=str(viewer.organisation_id),
        membership_id=subject.membership_id,
    )


async def hired(stage, admin, rights):
    """A colleague who holds exactly these rights, as a profile may that was saved before rights carried each other."""
    granted = [tenancy_pb2.GrantedRight(code=code, scope=scope) for code, scope in rights.items()]
    profile = await admin.call("SaveProfile", profile=tenancy_pb2.Profile(name=str(rights)[:60], rights=granted))
    carried = "DELETE FROM profile_rights WHERE profile_id = $1::uuid AND code <> ALL($2)"
    await stage.rows(admin, carried, profile.id, list(rights))
    colleague = await stage.colleague(admin, "junior")
    member = await admin.call("GetMember", id=colleague.membership_id)
    await admin.call("UpdateMember", id=member.id, profile_id=profile.id, version=member.version)
    return colleague


async def test_an_administrator_sees_the_portal_as_a_client(stage, admin, client):
    found = await viewed(stage, admin, client)
    assert (found.account_id, found.name, found.viewer_name) == (client.account_id, "Loïc Kerautret", "Anne Kervella")
    assert found.viewer_membership_id == admin.membership_id


async def test_an_administrator_sees_the_portal_as_a_colleague(stage, admin):
    colleague = await stage.colleague(admin, "adviser")
    assert (await viewed(stage, admin, colleague)).account_id == colleague.account_id


@pytest.mark.parametrize("missing", ["accesses.view_as", "documents.read", "invoices.read"])
async def test_who_may_not_see_all_that_a_client_sees_does_not_view_as_them(stage, admin, client, missing):
    rights = dict.fromkeys({"accesses.view_as", *SHOWN} - {missing}, ALL)
    colleague = await hired(stage, admin, rights)
    with refused(Kind.FORBIDDEN, "right_missing") as refusal:
        await viewed(stage, colleague, client)
    assert refusal.value.params["right"] == missing


async def test_a_client_of_another_adviser_is_out_of_reach(stage, admin, client):
    colleague = await hired(stage, admin, dict.fromkeys(SHOWN, ALL) | {"accesses.view_as": MINE})
    with refused(Kind.FORBIDDEN, "out_of_scope"):
        await viewed(stage, colleague, client)


async def test_whoever_loses_a_client_is_asked_about_again(stage, admin, client):
    record = (await admin.call("ListContacts")).contacts[0]
    other = await stage.colleague(admin, "adviser", "Paul Petit")
    before = len(await stage.events(admin, events_pb2.GrantsChanged))
    for whom in ([admin, other], [other]):
        roles = (tenancy_pb2.ADVISER_ROLE_MAIN, tenancy_pb2.ADVISER_ROLE_FURTHER)
        advisers = [
            tenancy_pb2.Adviser(membership_id=each.membership_id, role=role)
            for each, role in zip(whom, roles, strict=False)
        ]
        await admin.call("SetAdvisers", contact_id=record.id, advisers=advisers)
    told = (await stage.events(admin, events_pb2.GrantsChanged))[before:]
    assert [list(each.membership_ids) for each in told] == [[client.membership_id]]


async def test_a_client_that_one_may_not_know_of_is_not_there(stage, admin, client):
    colleague = await hired(stage, admin, dict.fromkeys(("accesses.view_as", *SHOWN), MINE))
    with refused(Kind.NOT_FOUND, "membership_not_found"):
        await viewed(stage, colleague, client)


async def test_nobody_views_as_who_holds_more(stage, admin):
    colleague = await hired(stage, admin, {"members.view_as": ALL, "members.read": ALL})
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await viewed(stage, colleague, admin)


async def test_the_same_rights_over_other_clients_are_more(stage, admin):
    rights = {"members.view_as": ALL, "contacts.read": MINE}
    one, other = await hired(stage, admin, rights), await hired(stage, admin, rights | {"members.read": ALL})
    with refused(Kind.FORBIDDEN, "above_ceiling") as refusal:
        await viewed(stage, other, one)
    assert refusal.value.params["right"] == "contacts.read"


def test_reaching_everything_covers_reaching_some():
    some = CompiledRight("contacts.read", frozenset())
    everything = CompiledRight("contacts.read", None)
    assert above([everything], [some]) == ()
    assert above([some], [everything]) == ("contacts.read",)


async def test_nobody_of_another_firm_is_viewed(stage, provider, admin, client):
    stranger = await stage.firm(provider, "Valmer")
    with refused(Kind.NOT_FOUND, "membership_not_found"):
        await viewed(stage, stranger, client)


async def test_a_client_views_as_nobody(stage, admin, client):
    with refused(Kind.NOT_FOUND, "no_membership"):
        await viewed(stage, client, admin)


async def test_nobody_views_as_themself(stage, admin):
    with refused(Kind.PRECONDITION, "viewing_oneself"):
        await viewed(stage, admin, admin)


async def test_who_holds_more_is_above_the_viewer_when_they_are_not_in_use_too(stage, admin):
    colleague = await hired(stage, admin, {"members.view_as": ALL, "members.read": ALL})
    other = await stage.colleague(admin, "administrator", "Paul Petit")
    await admin.call("CutMember", id=other.membership_id)
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await viewed(stage, colleague, other)


async def test_an_access_that_was_cut_is_not_viewed(stage, admin, client):
    await admin.call("CutAccess", membership_id=client.membership_id)
    with refused(Kind.PRECONDITION, "access_not_in_use"):
        await viewed(stage, admin, client)


async def test_an_invitation_is_not_accepted_by_looking(stage, admin):
    invited = await stage.invite(admin, "adviser")
    with refused(Kind.PRECONDITION, "access_not_in_use"):
        await stage.as_service("identity").call(
            "ResolveViewing",
            account_id=admin.account_id,
            organisation_id=str(admin.organisation_id),
            membership_id=invited.id,
        )
    assert (await admin.call("GetMember", id=invited.id)).state == tenancy_pb2.MEMBERSHIP_STATE_INVITED


async def test_a_product_has_no_address_for_who_only_looks(stage, provider, admin):
    product = await stage.product(provider, admin)
    await admin.call("SetAssignment", product_id=product.id, membership_id=admin.membership_id, assigned=True)
    token = stage.token(
        sub=admin.account_id, org=str(admin.organisation_id), mbr=admin.membership_id, mkind="staff",
        act={"sub": admin.account_id},
    )  # fmt: skip
    looking = type(admin)(stage, "web", token, admin.organisation_id, admin.membership_id, admin.account_id)
    own, seen = await admin.call("ListMyProducts"), await looking.call("ListMyProducts")
    assert (own.products[0].launch_url, seen.products[0].launch_url) == ("https://paie.example/", "")


async def test_who_administers_a_part_views_as_nobody_elsewhere(stage, admin):
    west = (await admin.call("CreateStructure", name="Ouest")).id
    viewer, inside, outside = [await stage.colleague(admin, each) for each in ("administrator", "junior", "junior")]
    for each in (viewer, inside):
        member = await admin.call("GetMember", id=each.membership_id)
        told = {"profile_id": member.profile_id, "structure_id": west, "version": member.version}
        member = await admin.call("UpdateMember", id=member.id, **told)
    version = (await admin.call("GetMember", id=viewer.membership_id)).version
    await admin.call("SetMemberLimits", member_id=viewer.membership_id, tier_id=west, version=version)
    assert (await viewed(stage, viewer, inside)).account_id == inside.account_id
    with refused(Kind.FORBIDDEN, "out_of_tier") as caught:
        await viewed(stage, viewer, outside)
    assert (caught.value.params["structure"], caught.value.params["helpers"]) == ("Ouest", "Anne Kervella")


def test_who_administers_everything_is_not_viewed_by_who_administers_a_part():
    part, everything = [CompiledRight("members.manage", None, each) for each in (frozenset({UUID(int=1)}), None)]
    assert above([part], [everything]) == ("members.manage",)
    assert above([everything], [part]) == above([part], [part]) == ()
