"""Seats: an assignment never exceeds what is bought, nor what is reserved to a structure."""

import asyncio
import random

import pytest
from tenancy_stage import refused
from test_requests import ask

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.ids import uuid7

MANY, SEATS = 1000, 37
_CROWD = """
INSERT INTO memberships (organisation_id, id, account_id, kind, state, given_name, family_name, mail, locale,
    account_version, linked_version, function, profile_id, profile_name, profile_built_in, identifier, invited_at,
    version, created_at, sort_key, search_key)
SELECT m.organisation_id, gen_random_uuid(), gen_random_uuid(), 1, 2, 'Membre', n::text, '', 'fr', 0, 0, '',
    m.profile_id, m.profile_name, m.profile_built_in, '', now(), 1, now(), n::text, n::text
FROM memberships m, generate_series(1, $2) n WHERE m.id = $1 RETURNING id"""


@pytest.fixture
async def product(stage, provider, admin):
    return await stage.product(provider, admin)


async def bought(stage, actor, product, seats):
    """As many seats as billing says."""
    statement = "UPDATE subscriptions SET seats = $2 WHERE organisation_id = $3 AND product_id::text = $1"
    await stage.rows(actor, statement, product.id, seats, actor.organisation_id)


async def assign(actor, product, member_id, *, assigned=True):
    await actor.call("SetAssignment", product_id=product.id, membership_id=member_id, assigned=assigned)


async def insist(actor, product, member_id):
    """Why a member was not assigned in the end; empty when they were. Whoever is too many at once asks again."""
    while True:
        try:
            await assign(actor, product, member_id)
        except ServiceError as error:
            if error.kind not in {Kind.UNAVAILABLE, Kind.LIMIT}:
                return error.reason
            await asyncio.sleep(0.1)
        else:
            return ""


async def seats_of(actor, product):
    found = (await actor.call("ListAssignments")).products
    return next(each for each in found if each.product_id == product.id)


async def structure(admin, name, parent_id=""):
    return (await admin.call("CreateStructure", name=name, parent_id=parent_id)).id


async def colleague_in(admin, stage, structure_id, **fields):
    profile_id = await stage.profile(admin, "junior")
    mail = f"m{uuid7().hex}@armor.example"
    fields = {"structure_id": structure_id, "given_name": "Marc", "family_name": "Le Goff", **fields}
    return await admin.call("InviteMember", mail=mail, profile_id=profile_id, **fields)


async def test_a_thousand_assignments_at_once_take_the_seats_that_there_are(stage, admin, product):
    await bought(stage, admin, product, SEATS)
    crowd = [str(row["id"]) for row in await stage.rows(admin, _CROWD, admin.membership_id, MANY)]
    reasons = await asyncio.gather(*(insist(admin, product, each) for each in crowd))
    found = await seats_of(admin, product)
    assert (reasons.count(""), reasons.count("seats_exhausted")) == (SEATS, MANY - SEATS)
    assert (found.seats, found.used, len(found.membership_ids), found.over) == (SEATS, SEATS, SEATS, False)


async def test_whatever_takes_seats_at_once_no_limit_is_exceeded(stage, admin, product):
    """Assigned one by one and as a structure, invited with the product, opened again, reserved and bought meanwhile."""
    await bought(stage, admin, product, 9)
    brest = await structure(admin, "Brest")
    await admin.call("SetStructureSeats", product_id=product.id, structure_id=brest, seats=4)
    inside = [await colleague_in(admin, stage, brest) for _ in range(6)]
    outside = [await stage.colleague(admin, "junior") for _ in range(6)]
    for each in outside[:2]:
        await assign(admin, product, each.membership_id)
        await admin.call("CutMember", id=each.membership_id)
    whole = {"product_id": product.id, "structure_id": brest}
    acts = [
        *(assign(admin, product, each.id) for each in inside),
        *(assign(admin, product, each.membership_id) for each in outside[2:]),
        *(admin.call("ReopenMember", id=each.membership_id) for each in outside[:2]),
        *(colleague_in(admin, stage, where, product_ids=[product.id]) for where in ("", brest, "", brest)),
        *(admin.call("SetStructureAssignments", **whole, assigned=True) for _ in range(2)),
        *(admin.call("SetStructureSeats", **whole, seats=seats) for seats in (3, 5, 6)),
    ]
    random.Random(4).shuffle(acts)
    outcomes = await asyncio.gather(*acts, return_exceptions=True)
    reasons = {each.reason for each in outcomes if isinstance(each, Exception)}
    found = await seats_of(admin, product)
    (part,) = found.reserved
    assert reasons <= {"seats_exhausted", "seats_held", "seats_short"}
    assert (found.over, part.used <= part.seats, found.open_used <= found.open_seats) == (False, True, True)
    assert found.used == part.used + found.open_used <= 9


async def test_those_who_hold_a_seat_are_listed_alone(stage, admin, product):
    colleagues = [await stage.colleague(admin, "junior") for _ in range(3)]
    for each in colleagues[:2]:
        await assign(admin, product, each.membership_id)
    await admin.call("CutMember", id=colleagues[0].membership_id)
    found = await admin.call("ListMembers", product_id=product.id)
    assert ([each.id for each in found.members], found.total) == ([colleagues[1].membership_id], 1)
    with refused(Kind.INVALID, "fields_invalid"):
        await admin.call("ListMembers", product_id="nothing")


async def test_seats_are_counted_without_naming_anybody_and_of_one_product(stage, provider, admin, product):
    other = await stage.product(provider, admin)
    await assign(admin, product, admin.membership_id)
    counted = (await admin.call("ListAssignments", only_seats=True, product_id=product.id)).products
    named = (await admin.call("ListAssignments", product_id=other.id)).products
    assert [(each.product_id, each.used, list(each.membership_ids)) for each in (*counted, *named)] == [
        (product.id, 1, []),
        (other.id, 0, []),
    ]


async def test_who_is_refused_a_seat_learns_what_is_missing_and_who_can_help(stage, admin, product):
    await bought(stage, admin, product, 0)
    manager = await stage.colleague(admin, "manager")
    with refused(Kind.PRECONDITION, "seats_exhausted") as caught:
        await assign(manager, product, admin.membership_id)
    told = caught.value.params
    assert (told["product"], told["seats"], told["used"], told["missing"]) == ("Paie Facile", "0", "0", "1")
    assert (told["provider"], told["helpers"]) == ("Éditions Logicielles", "Anne Kervella")


async def test_assigning_twice_takes_one_seat_and_giving_back_frees_it(stage, admin, product):
    await bought(stage, admin, product, 1)
    other = await stage.colleague(admin, "junior")
    await assign(admin, product, other.membership_id)
    await assign(admin, product, other.membership_id)
    with refused(Kind.PRECONDITION, "seats_exhausted"):
        await assign(admin, product, admin.membership_id)
    await assign(admin, product, other.membership_id, assigned=False)
    await assign(admin, product, admin.membership_id)
    assert (await seats_of(admin, product)).used == 1


async def test_an_invitation_comes_with_its_products_or_not_at_all(stage, admin, product):
    await bought(stage, admin, product, 1)
    invited = await colleague_in(admin, stage, "", product_ids=[product.id, product.id])
    before = len((await admin.call("ListMembers")).members), dict(stage.identity.personal)
    with refused(Kind.PRECONDITION, "seats_exhausted"):
        await colleague_in(admin, stage, "", product_ids=[product.id])
    assert before == (len((await admin.call("ListMembers")).members), dict(stage.identity.personal))
    assert list((await seats_of(admin, product)).membership_ids) == [invited.id]
    told = [each.membership_id for each in await stage.events(admin, events_pb2.MemberInvited)]
    assert told == [admin.membership_id, invited.id]
    await admin.call("WithdrawInvitation", id=invited.id)
    assert (await seats_of(admin, product)).used == 0


async def test_who_may_not_assign_invites_without_products(stage, admin, product):
    rights = [tenancy_pb2.GrantedRight(code=code, scope=2) for code in ("members.read", "members.invite")]
    made = await admin.call("SaveProfile", profile=tenancy_pb2.Profile(name="Accueil", rights=rights))
    fields = {"given_name": "A", "family_name": "B", "profile_id": made.id}
    member = await admin.call("InviteMember", mail=f"{uuid7().hex}@armor.example", **fields)
    host = await stage.arrive(member.account_id, str(admin.organisation_id))
    with refused(Kind.FORBIDDEN, "right_missing") as caught:
        await host.call("InviteMember", mail="x@armor.example", product_ids=[product.id], **fields)
    assert caught.value.params["right"] == "products.assign"


async def test_a_product_that_is_not_subscribed_comes_with_no_invitation(stage, provider, admin):
    other = await stage.product(provider)
    with refused(Kind.PRECONDITION, "not_subscribed"):
        await colleague_in(admin, stage, "", product_ids=[other.id])
    with refused(Kind.INVALID, "fields_invalid"):
        await colleague_in(admin, stage, "", product_ids=["nothing"])


async def test_a_cut_access_frees_its_seat_and_takes_it_again(stage, admin, product):
    await bought(stage, admin, product, 1)
    colleague = await stage.colleague(admin, "junior")
    await assign(admin, product, colleague.membership_id)
    await admin.call("CutMember", id=colleague.membership_id)
    free = await seats_of(admin, product)
    back = await admin.call("ReopenMember", id=colleague.membership_id)
    taken = await seats_of(admin, product)
    assert (free.used, list(free.membership_ids)) == (0, [])
    assert (list(back.products_lost), taken.used) == ([], 1)


async def test_whose_seat_somebody_else_has_by_then_comes_back_without_and_is_told(stage, admin, product):
    await bought(stage, admin, product, 1)
    colleague = await stage.colleague(admin, "junior")
    await assign(admin, product, colleague.membership_id)
    await admin.call("CutMember", id=colleague.membership_id)
    await assign(admin, product, admin.membership_id)
    back = await admin.call("ReopenMember", id=colleague.membership_id)
    assert (list(back.products_lost), back.state) == (["Paie Facile"], tenancy_pb2.MEMBERSHIP_STATE_ACTIVE)
    assert list((await seats_of(admin, product)).membership_ids) == [admin.membership_id]
    # Lost for good: the seat that is free later is not taken unseen.
    await assign(admin, product, admin.membership_id, assigned=False)
    assert (await seats_of(admin, product)).used == 0
    assert "product.lost" in await stage.acts(admin)


async def test_fewer_seats_cut_nobody_are_shown_and_stop_the_next(stage, admin, product):
    colleagues = [await stage.colleague(admin, "junior") for _ in range(2)]
    for each in colleagues:
        await assign(admin, product, each.membership_id)
    await bought(stage, admin, product, 1)
    over = await seats_of(admin, product)
    assert (over.seats, over.used, over.over, len(over.membership_ids)) == (1, 2, True, 2)
    for _ in range(2):
        with refused(Kind.PRECONDITION, "seats_exhausted"):
            await assign(admin, product, admin.membership_id)
        await assign(admin, product, colleagues.pop().membership_id, assigned=False)
    await assign(admin, product, admin.membership_id)
    assert not (await seats_of(admin, product)).over


async def test_a_part_is_for_its_structure_and_those_below_and_others_share_the_rest(stage, admin, product):
    await bought(stage, admin, product, 3)
    brest = await structure(admin, "Brest")
    port = await structure(admin, "Le Port", brest)
    answer = await admin.call("SetStructureSeats", product_id=product.id, structure_id=brest, seats=2)
    inside = [await colleague_in(admin, stage, where) for where in (brest, port, port)]
    outside = [await colleague_in(admin, stage, "") for _ in range(2)]
    for each in (*inside[:2], outside[0]):
        await assign(admin, product, each.id)
    for each, who in ((inside[2], "Brest"), (outside[1], "")):
        with refused(Kind.PRECONDITION, "seats_exhausted") as caught:
            await assign(admin, product, each.id)
        assert caught.value.params["structure"] == who
    found = await seats_of(admin, product)
    assert [(each.structure_name, each.seats, each.used) for each in found.reserved] == [("Brest", 2, 2)]
    assert (found.open_seats, found.open_used, answer.open_seats) == (1, 1, 1)


async def test_what_is_reserved_never_exceeds_what_is_bought(stage, admin, product):
    await bought(stage, admin, product, 5)
    brest, nantes = await structure(admin, "Brest"), await structure(admin, "Nantes")
    quay = await structure(admin, "Le Quai", nantes)
    await admin.call("SetStructureSeats", product_id=product.id, structure_id=brest, seats=3)
    with refused(Kind.PRECONDITION, "seats_short") as caught:
        await admin.call("SetStructureSeats", product_id=product.id, structure_id=nantes, seats=3)
    assert (caught.value.params["seats"], caught.value.params["used"]) == ("5", "3")
    await admin.call("SetStructureSeats", product_id=product.id, structure_id=nantes, seats=2)
    with refused(Kind.PRECONDITION, "seats_short"):
        await admin.call("SetStructureSeats", product_id=product.id, structure_id=quay, seats=3)
    await admin.call("SetStructureSeats", product_id=product.id, structure_id=quay, seats=2)
    with refused(Kind.PRECONDITION, "seats_short"):
        await admin.call("SetStructureSeats", product_id=product.id, structure_id=nantes, seats=1)
    released = await admin.call("SetStructureSeats", product_id=product.id, structure_id=brest)
    assert [each.structure_name for each in released.reserved] == ["Le Quai", "Nantes"]
    for wrong in (-1, 2_000_000):
        with refused(Kind.INVALID, "fields_invalid"):
            await admin.call("SetStructureSeats", product_id=product.id, structure_id=brest, seats=wrong)


async def test_a_seat_that_somebody_holds_is_not_reserved_to_others(stage, admin, product):
    await bought(stage, admin, product, 2)
    brest = await structure(admin, "Brest")
    await assign(admin, product, admin.membership_id)
    with refused(Kind.PRECONDITION, "seats_held"):
        await admin.call("SetStructureSeats", product_id=product.id, structure_id=brest, seats=2)
    member = await colleague_in(admin, stage, brest, product_ids=[product.id])
    with refused(Kind.PRECONDITION, "seats_held") as caught:
        await admin.call("SetStructureSeats", product_id=product.id, structure_id=brest, seats=0)
    assert (caught.value.params["seats"], caught.value.params["used"], bool(member.id)) == ("0", "1", True)


async def test_a_structure_is_assigned_a_product_as_a_whole_or_not(stage, admin, product):
    await bought(stage, admin, product, 2)
    brest = await structure(admin, "Brest")
    port = await structure(admin, "Le Port", brest)
    people = [await colleague_in(admin, stage, where) for where in (brest, brest, port)]
    whole = {"product_id": product.id, "structure_id": brest}
    with refused(Kind.PRECONDITION, "seats_exhausted") as caught:
        await admin.call("SetStructureAssignments", **whole, assigned=True)
    assert (caught.value.params["missing"], (await seats_of(admin, product)).used) == ("1", 0)
    await bought(stage, admin, product, 3)
    done = [(await admin.call("SetStructureAssignments", **whole, assigned=True)).changed for _ in range(2)]
    assert done == [3, 0]
    assert set((await seats_of(admin, product)).membership_ids) == {each.id for each in people}
    assert (await admin.call("SetStructureAssignments", **whole, assigned=False)).changed == 3


async def test_who_administers_a_part_gives_seats_there_and_shares_none_out(stage, admin, product):
    brest = await structure(admin, "Brest")
    port = await structure(admin, "Le Port", brest)
    manager = await stage.colleague(admin, "manager")
    tier = "UPDATE memberships SET tier_id = $2::uuid, structure_id = $2::uuid WHERE id = $1::uuid"
    await stage.rows(admin, tier, manager.membership_id, brest)
    inside = await colleague_in(admin, stage, port)
    await assign(manager, product, inside.id)
    whole = {"product_id": product.id, "structure_id": port}
    assert (await manager.call("SetStructureAssignments", **whole, assigned=False)).changed == 1
    outside = await structure(admin, "Nantes")
    refusals = [
        ("SetAssignment", {"product_id": product.id, "membership_id": admin.membership_id, "assigned": True}),
        ("SetStructureAssignments", {"product_id": product.id, "structure_id": outside, "assigned": True}),
        ("SetStructureSeats", {**whole, "seats": 0}),
    ]
    for method, fields in refusals:
        with refused(Kind.FORBIDDEN, "out_of_tier"):
            await manager.call(method, **fields)


async def test_seats_of_a_structure_are_of_a_subscribed_product_and_an_own_structure(stage, provider, admin, product):
    stranger = await stage.firm(provider, "Cabinet Voisin")
    elsewhere = await structure(stranger, "Ailleurs")
    brest, other = await structure(admin, "Brest"), await stage.product(provider)
    for method, more in (("SetStructureSeats", {"seats": 1}), ("SetStructureAssignments", {"assigned": True})):
        with refused(Kind.NOT_FOUND, "structure_not_found"):
            await admin.call(method, product_id=product.id, structure_id=elsewhere, **more)
        with refused(Kind.PRECONDITION, "not_subscribed"):
            await admin.call(method, product_id=other.id, structure_id=brest, **more)


async def test_a_request_is_accepted_with_its_products_or_waits(stage, provider):
    firm = await stage.firm(provider)
    await firm.call("SetRequestsAccepted", accepted=True)
    product = await stage.product(provider, firm)
    await bought(stage, firm, product, 1)
    asked = [await ask(stage, firm) for _ in range(2)]
    fields = {"profile_id": await stage.profile(firm, "junior"), "product_ids": [product.id]}
    member = await firm.call("AcceptRequest", id=asked[0].request_id, **fields)
    with refused(Kind.PRECONDITION, "seats_exhausted"):
        await firm.call("AcceptRequest", id=asked[1].request_id, **fields)
    assert list((await seats_of(firm, product)).membership_ids) == [member.id]
    assert [each.id for each in (await firm.call("ListRequests")).requests] == [asked[1].request_id]
