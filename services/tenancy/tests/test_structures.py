"""Structures: made, renamed, moved, deleted when nothing uses them."""

import asyncio

from tenancy_stage import refused
from test_seats import assign, bought, colleague_in, seats_of, structure

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.errors import Kind, ServiceError


async def tree(actor):
    return {each.name: each for each in (await actor.call("ListStructures")).structures}


async def change(actor, found, **fields):
    told = {"name": found.name, "parent_id": found.parent_id, "version": found.version, **fields}
    return await actor.call("UpdateStructure", id=found.id, **told)


async def test_a_structure_is_renamed_and_moved_with_all_below_it(stage, admin):
    brest = await structure(admin, "Brest")
    await structure(admin, "Le Port", brest)
    west = await structure(admin, "Ouest")
    await change(admin, (await tree(admin))["Brest"], name="Brest-Centre", parent_id=west)
    found = await tree(admin)
    assert [found[name].parent_id for name in ("Ouest", "Brest-Centre", "Le Port")] == ["", west, brest]
    assert "structure.changed" in await stage.acts(admin)
    assert list((await stage.events(admin, events_pb2.GrantsChanged))[-1].membership_ids) == []


async def test_nothing_is_part_of_itself(admin):
    top = await structure(admin, "Haut")
    middle = await structure(admin, "Milieu", top)
    low = await structure(admin, "Bas", middle)
    found = (await tree(admin))["Haut"]
    for parent_id in (top, middle, low):
        with refused(Kind.INVALID, "structure_cycle"):
            await change(admin, found, parent_id=parent_id)


async def test_two_who_move_at_once_make_no_circle(admin):
    names = [f"S{number}" for number in range(6)]
    made = {name: await structure(admin, name) for name in names}
    found = await tree(admin)
    # Each below the next, the last below the first: one of them has to be refused.
    moves = [change(admin, found[name], parent_id=made[names[at - 1]]) for at, name in enumerate(names)]
    outcomes = await asyncio.gather(*moves, return_exceptions=True)
    reasons = [each.reason for each in outcomes if isinstance(each, ServiceError)]
    assert reasons == ["structure_cycle"]
    assert len(await tree(admin)) == len(names)


async def test_who_read_an_older_structure_changes_nothing(admin):
    await structure(admin, "Brest")
    found = (await tree(admin))["Brest"]
    await change(admin, found, name="Brest-Centre")
    with refused(Kind.CONFLICT, "stale_version"):
        await change(admin, found, name="Brest-Nord")


async def test_what_is_used_is_kept_and_says_by_what(stage, provider, admin):
    product = await stage.product(provider, admin)
    brest = await structure(admin, "Brest")
    port = await structure(admin, "Le Port", brest)
    member = await colleague_in(admin, stage, brest)
    await admin.call("SetStructureSeats", product_id=product.id, structure_id=brest, seats=0)
    with refused(Kind.PRECONDITION, "structure_in_use") as caught:
        await admin.call("DeleteStructure", id=brest)
    told = caught.value.params
    assert (told["name"], told["structures"], told["members"], told["products"]) == ("Brest", "1", "1", "1")
    await admin.call("DeleteStructure", id=port)
    await admin.call("SetStructureSeats", product_id=product.id, structure_id=brest)
    await admin.call("WithdrawInvitation", id=member.id)
    await admin.call("DeleteStructure", id=brest)
    assert await tree(admin) == {}
    with refused(Kind.NOT_FOUND, "structure_not_found"):
        await admin.call("DeleteStructure", id=brest)


async def test_nobody_is_invited_into_a_structure_that_is_deleted_meanwhile(stage, admin, monkeypatch):
    brest = await structure(admin, "Brest")
    ensure = stage.identity.EnsurePersonalAccount

    async def deleting(request):
        await admin.call("DeleteStructure", id=brest)
        return await ensure(request)

    monkeypatch.setattr(stage.identity, "EnsurePersonalAccount", deleting)
    with refused(Kind.NOT_FOUND, "structure_not_found"):
        await colleague_in(admin, stage, brest)
    assert len((await admin.call("ListMembers")).members) == 1


async def test_a_move_that_gives_somebody_more_people_takes_the_rights_over_them(stage, admin):
    west = (await structure(admin, "Brest"), await structure(admin, "Ouest"))[1]
    tiered = await stage.colleague(admin, "manager")
    tier = "UPDATE memberships SET tier_id = $2::uuid WHERE id = $1::uuid"
    await stage.rows(admin, tier, tiered.membership_id, west)
    rights = [tenancy_pb2.GrantedRight(code=code, scope=2) for code in ("members.read", "organisation.manage")]
    made = await admin.call("SaveProfile", profile=tenancy_pb2.Profile(name="Secrétariat", rights=rights))
    fields = {"given_name": "A", "family_name": "B", "profile_id": made.id}
    member = await admin.call("InviteMember", mail="secretariat@armor.example", **fields)
    clerk = await stage.arrive(member.account_id, str(admin.organisation_id))
    found = (await tree(clerk))["Brest"]
    with refused(Kind.FORBIDDEN, "above_ceiling") as caught:
        await change(clerk, found, parent_id=west)
    assert caught.value.params["rights"] == "members.invite, products.assign"
    await change(clerk, found, name="Brest-Centre")
    assert (await change(admin, (await tree(admin))["Brest-Centre"], parent_id=west)).parent_id == west


async def test_a_move_takes_no_seat_from_anybody_and_shows_what_is_over(stage, provider, admin):
    product = await stage.product(provider, admin)
    await bought(stage, admin, product, 5)
    brest, west = await structure(admin, "Brest"), await structure(admin, "Ouest")
    await admin.call("SetStructureSeats", product_id=product.id, structure_id=west, seats=1)
    for where in (brest, west):
        member = await colleague_in(admin, stage, where)
        await assign(admin, product, member.id)
    await change(admin, (await tree(admin))["Brest"], parent_id=west)
    found = await seats_of(admin, product)
    assert (found.used, found.over, found.reserved[0].used) == (2, True, 2)
