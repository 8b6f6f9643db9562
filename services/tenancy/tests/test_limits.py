"""What limits one member: their part of the organisation, their accesses, their absence; administrators of a part."""

from datetime import UTC, datetime, timedelta

import pytest
from tenancy_stage import refused
from test_personal_rights import give
from test_profiles import ALL, profile
from test_seats import structure

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind


async def limit(actor, member_id, **fields):
    member = await actor.call("GetMember", id=member_id)
    told = {"version": member.version, "tier_id": member.tier_id, "is_adviser": member.is_adviser, **fields}
    return await actor.call("SetMemberLimits", member_id=member_id, **told)


async def place(admin, member_id, structure_id):
    member = await admin.call("GetMember", id=member_id)
    told = {"profile_id": member.profile_id, "structure_id": structure_id, "version": member.version}
    return await admin.call("UpdateMember", id=member_id, **told)


@pytest.fixture
async def parts(admin):
    """A part of the organisation, a part of that part, and another one."""
    west = await structure(admin, "Ouest")
    return west, await structure(admin, "Brest", west), await structure(admin, "Est")


@pytest.fixture
async def tiered(stage, admin, parts):
    """An administrator of one part."""
    colleague = await stage.colleague(admin, "administrator", "Tanguy Morvan")
    await place(admin, colleague.membership_id, parts[0])
    await limit(admin, colleague.membership_id, tier_id=parts[0])
    return colleague


async def test_limits_are_kept_and_shown(stage, admin, parts):
    member = await stage.invite(admin, "adviser")
    start = datetime(2027, 3, 1, 8, tzinfo=UTC)
    dates = {"absent_from": start, "absent_until": start + timedelta(days=10)}
    found = await limit(admin, member.id, tier_id=parts[1], access_quota=0, is_adviser=False, **dates)
    assert (found.tier_name, found.access_quota, found.is_adviser) == ("Brest", 0, False)
    assert found.absent_until.ToDatetime(UTC) == dates["absent_until"]
    assert "member.limited" in await stage.acts(admin)
    free = await limit(admin, member.id, tier_id="", is_adviser=True)
    assert (free.tier_id, free.HasField("access_quota"), free.HasField("absent_from")) == ("", False, False)


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"access_quota": -1}, "access_quota", "out_of_range"),
        ({"absent_until": datetime(2027, 1, 1, tzinfo=UTC)}, "absent_from", "required"),
        (
            {"absent_from": datetime(2027, 1, 2, tzinfo=UTC), "absent_until": datetime(2027, 1, 1, tzinfo=UTC)},
            "absent_until",
            "ends_before_start",
        ),
    ],
)
async def test_limits_that_make_no_sense_are_named(stage, admin, fields, field, reason):
    member = await stage.invite(admin, "adviser")
    with refused(Kind.INVALID, "fields_invalid") as caught:
        await limit(admin, member.id, **fields)
    assert [(each.field, each.reason) for each in caught.value.violations] == [(field, reason)]


async def test_the_last_who_administers_everything_is_not_limited_to_a_part(stage, admin, parts):
    with refused(Kind.PRECONDITION, "last_administrator"):
        await limit(admin, admin.membership_id, tier_id=parts[0])
    # An administrator of a part is none who could take over.
    other = await stage.colleague(admin, "administrator")
    await limit(admin, other.membership_id, tier_id=parts[0])
    with refused(Kind.PRECONDITION, "last_administrator"):
        await admin.call("CutMember", id=admin.membership_id)
    await admin.call("CutMember", id=other.membership_id)


async def test_an_administrator_of_a_part_acts_on_nobody_elsewhere(stage, admin, parts, tiered):
    inside, outside = [await stage.colleague(admin, "junior", name) for name in ("Ida Dedans", "Odile Dehors")]
    await place(admin, inside.membership_id, parts[1])
    await place(admin, outside.membership_id, parts[2])
    await tiered.call("CutMember", id=inside.membership_id)
    await tiered.call("ReopenMember", id=inside.membership_id)
    with refused(Kind.FORBIDDEN, "out_of_tier") as caught:
        await tiered.call("CutMember", id=outside.membership_id)
    told = caught.value.params
    assert (told["right"], told["structure"], told["helpers"]) == ("members.manage", "Ouest", "Anne Kervella")
    member = await tiered.call("GetMember", id=outside.membership_id)
    with refused(Kind.FORBIDDEN, "out_of_tier"):
        await tiered.call("UpdateMember", id=member.id, profile_id=member.profile_id, version=member.version)
    with refused(Kind.FORBIDDEN, "out_of_tier"):
        await give(tiered, outside.membership_id, {})
    with refused(Kind.FORBIDDEN, "out_of_tier"):
        await limit(tiered, outside.membership_id)
    with refused(Kind.FORBIDDEN, "out_of_tier"):
        await tiered.call("MoveMember", member_id=member.id, manager_id=inside.membership_id, version=member.version)


async def test_nobody_is_moved_out_of_the_part_that_somebody_administers(stage, admin, parts, tiered):
    inside = await stage.colleague(admin, "junior")
    member = await place(admin, inside.membership_id, parts[1])
    told = {"profile_id": member.profile_id, "structure_id": parts[2], "version": member.version}
    with refused(Kind.FORBIDDEN, "out_of_tier"):
        await tiered.call("UpdateMember", id=member.id, **told)


async def test_products_are_assigned_in_the_part_that_somebody_administers(stage, provider, admin, parts, tiered):
    product = await stage.product(provider, admin)
    inside, outside = await stage.invite(admin, "junior"), await stage.invite(admin, "junior")
    await place(admin, inside.id, parts[1])
    await tiered.call("SetAssignment", product_id=product.id, membership_id=inside.id, assigned=True)
    with refused(Kind.FORBIDDEN, "out_of_tier"):
        await tiered.call("SetAssignment", product_id=product.id, membership_id=outside.id, assigned=True)
    for method in ("SetStructureAssignments", "SetStructureSeats"):
        with refused(Kind.FORBIDDEN, "out_of_tier"):
            await tiered.call(method, product_id=product.id, structure_id=parts[2])


async def test_who_is_invited_by_an_administrator_of_a_part_administers_no_more(stage, admin, parts, tiered):
    member = await stage.invite(tiered, "manager")
    assert (member.structure_id, member.tier_id) == (parts[0], parts[0])
    profile_id = await stage.profile(admin, "junior")
    with refused(Kind.FORBIDDEN, "out_of_tier"):
        await tiered.call(
            "InviteMember", mail="e@armor.example", given_name="E", family_name="F", profile_id=profile_id,
            structure_id=parts[2],
        )  # fmt: skip
    assert (await stage.invite(admin, "junior")).tier_id == ""


async def test_nobody_lets_somebody_administer_more_than_they_do(stage, admin, parts, tiered):
    member = await stage.invite(tiered, "manager")
    for tier_id in ("", parts[2]):
        with refused(Kind.FORBIDDEN, "out_of_tier"):
            await limit(tiered, member.id, tier_id=tier_id)
    assert (await limit(tiered, member.id, tier_id=parts[1])).tier_name == "Brest"
    assert (await limit(tiered, member.id, tier_id=parts[0])).tier_name == "Ouest"


async def test_an_administrator_of_a_part_acts_on_nobody_who_administers_more(stage, admin, parts, tiered):
    above = await stage.invite(admin, "manager")
    await place(admin, above.id, parts[0])
    with refused(Kind.FORBIDDEN, "above_ceiling") as caught:
        await tiered.call("WithdrawInvitation", id=above.id)
    assert caught.value.params["rights"] == "members.invite, products.assign"


async def test_nobody_is_made_to_administer_everything_by_who_administers_a_part(stage, admin, parts, tiered):
    inside = await stage.invite(admin, "junior")
    member = await place(admin, inside.id, parts[1])
    manager = await stage.profile(admin, "manager")
    told = {"structure_id": parts[1], "version": member.version}
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await tiered.call("UpdateMember", id=member.id, profile_id=manager, **told)
    limited = await limit(tiered, member.id, tier_id=parts[1])
    told["version"] = limited.version
    assert (await tiered.call("UpdateMember", id=member.id, profile_id=manager, **told)).profile_id == manager


async def test_whoever_may_grant_so_many_accesses_lets_nobody_grant_more(stage, admin):
    rights = {"members.read": ALL, "members.manage": ALL}
    made = await admin.call("SaveProfile", profile=profile("Personnel", rights))
    clerk = await stage.colleague(admin, "junior", "Chloé Daniel")
    member = await admin.call("GetMember", id=clerk.membership_id)
    await admin.call("UpdateMember", id=member.id, profile_id=made.id, version=member.version)
    await limit(admin, clerk.membership_id, access_quota=5)
    other = await admin.call(
        "InviteMember", mail="o@armor.example", given_name="O", family_name="P", profile_id=made.id
    )
    await limit(admin, other.id, access_quota=1)
    assert (await limit(clerk, other.id, access_quota=5)).access_quota == 5
    for member_id in (other.id, clerk.membership_id):
        with refused(Kind.FORBIDDEN, "above_ceiling"):
            await limit(clerk, member_id, access_quota=6)
        with refused(Kind.FORBIDDEN, "above_ceiling"):
            await limit(clerk, member_id)


async def test_who_administers_a_part_holds_nothing_that_concerns_everybody(admin, tiered):
    with refused(Kind.FORBIDDEN, "right_missing"):
        await tiered.call("SaveProfile", profile=tenancy_pb2.Profile(name="Neuf"))
    assert not (await tiered.call("Check", right="organisation.manage")).allowed
