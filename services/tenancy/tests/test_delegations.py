"""Delegations: who stands in for whom, with what, for how long, and who may arrange it."""

from datetime import UTC, datetime, timedelta

import pytest
from tenancy_stage import refused
from test_personal_rights import give
from test_profiles import ALL, MINE, profile

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.errors import Kind

DAY = timedelta(days=1)


async def lend(actor, deputy, *codes, **fields):
    told = {"codes": codes or ["contacts.read"], "ends_at": datetime.now(UTC) + DAY, **fields}
    return await actor.call("CreateDelegation", to_id=deputy.membership_id, **told)


@pytest.fixture
async def pair(stage, admin):
    """An adviser with a contact, and a colleague who has none."""
    adviser, deputy = [await stage.colleague(admin, "adviser", name) for name in ("Ana Ruiz", "Paul Petit")]
    await stage.contact(adviser, "Menuiserie")
    return adviser, deputy


async def names_seen(actor):
    return [each.name for each in (await actor.call("ListContacts")).contacts]


async def test_a_deputy_reaches_what_is_lent_until_it_ends(stage, admin, pair):
    adviser, deputy = pair
    assert await names_seen(deputy) == []
    made = await lend(adviser, deputy, reason="Congés")
    assert (made.from_name, made.to_name, made.reason) == ("Ana Ruiz", "Paul Petit", "Congés")
    assert list((await stage.events(admin, events_pb2.GrantsChanged))[-1].membership_ids) == [deputy.membership_id]
    assert (await deputy.call("Check", right="contacts.read")).allowed
    ended = await adviser.call("EndDelegation", id=made.id)
    assert ended.HasField("ended_at")
    assert [each for each in await stage.acts(admin) if each.startswith("delegation")] == [
        "delegation.made",
        "delegation.ended",
    ]
    with refused(Kind.PRECONDITION, "delegation_over"):
        await deputy.call("EndDelegation", id=made.id)


async def test_what_is_lent_comes_with_what_it_requires(pair):
    adviser, deputy = pair
    made = await lend(adviser, deputy, "invoices.edit")
    assert list(made.codes) == ["contacts.read", "invoices.edit", "invoices.read"]


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"codes": []}, "codes", "required"),
        ({"codes": ["contacts.fly"]}, "codes", "unknown"),
        ({"codes": ["members.manage"]}, "codes", "right_not_delegable"),
        ({"ends_at": datetime(2020, 1, 1, tzinfo=UTC)}, "ends_at", "ends_in_the_past"),
        (
            {"starts_at": datetime(2099, 1, 2, tzinfo=UTC), "ends_at": datetime(2099, 1, 1, tzinfo=UTC)},
            "ends_at",
            "ends_before_start",
        ),
        (
            {"starts_at": datetime(2099, 1, 2, tzinfo=UTC), "ends_at": datetime(2100, 2, 1, tzinfo=UTC)},
            "ends_at",
            "delegation_too_long",
        ),
    ],
)
async def test_a_delegation_that_makes_no_sense_is_named(pair, fields, field, reason):
    adviser, deputy = pair
    told = {"codes": ["contacts.read"], "ends_at": datetime.now(UTC) + DAY, **fields}
    with refused(Kind.INVALID, "fields_invalid") as caught:
        await adviser.call("CreateDelegation", to_id=deputy.membership_id, **told)
    assert [(each.field, each.reason) for each in caught.value.violations] == [(field, reason)]


async def test_nobody_stands_in_for_themself(pair):
    with refused(Kind.INVALID, "fields_invalid") as caught:
        await lend(pair[0], pair[0])
    assert [each.reason for each in caught.value.violations] == ["delegation_to_oneself"]


async def test_nobody_lends_what_was_lent_to_them_or_what_they_have_not(stage, admin, pair):
    adviser, deputy = pair
    third = await stage.colleague(admin, "adviser", "Zoé Le Bris")
    await give(admin, deputy.membership_id, {"members.read": ALL})
    await lend(adviser, deputy)
    with refused(Kind.PRECONDITION, "right_not_held") as caught:
        await lend(deputy, third)
    assert (caught.value.params["right"], caught.value.params["name"]) == ("contacts.read", "Paul Petit")


async def test_nobody_lends_to_who_has_no_access(stage, admin, pair):
    await admin.call("CutMember", id=pair[1].membership_id)
    with refused(Kind.PRECONDITION, "not_active"):
        await lend(pair[0], pair[1])


async def test_who_manages_members_arranges_it_for_others_within_their_own_rights(stage, admin, pair):
    adviser, deputy = pair
    made = await lend(admin, deputy, from_id=adviser.membership_id)
    assert made.from_id == adviser.membership_id
    with refused(Kind.FORBIDDEN, "right_missing") as caught:
        await lend(deputy, admin, from_id=adviser.membership_id)
    assert caught.value.params["right"] == "members.manage"


async def test_nobody_lends_themselves_what_they_do_not_see(stage, admin, pair):
    adviser, deputy = pair
    rights = {"members.read": ALL, "members.manage": ALL, "contacts.read": MINE}
    made = await admin.call("SaveProfile", profile=profile("Personnel", rights))
    clerk = await stage.colleague(admin, "junior", "Chloé Daniel")
    member = await admin.call("GetMember", id=clerk.membership_id)
    await admin.call("UpdateMember", id=member.id, profile_id=made.id, version=member.version)
    await give(admin, adviser.membership_id, {"members.read": ALL, "contacts.read": MINE})
    for whom in (clerk, deputy):
        with refused(Kind.FORBIDDEN, "above_ceiling"):
            await lend(clerk, whom, from_id=adviser.membership_id)


async def test_a_colleague_who_is_no_part_of_it_ends_no_delegation(stage, admin, pair):
    made = await lend(*pair)
    third = await stage.colleague(admin, "adviser", "Zoé Le Bris")
    with refused(Kind.FORBIDDEN, "right_missing"):
        await third.call("EndDelegation", id=made.id)
    assert (await admin.call("EndDelegation", id=made.id)).HasField("ended_at")


async def test_delegations_are_listed_the_newest_first_page_by_page(pair):
    adviser, deputy = pair
    made = [(await lend(adviser, deputy)).id for _ in range(3)]
    await adviser.call("EndDelegation", id=made[0])
    first = await adviser.call("ListDelegations", page_size=1)
    assert ([each.id for each in first.delegations], first.total) == ([made[2]], 2)
    rest = await adviser.call("ListDelegations", page_size=1, page_token=first.next_page_token)
    assert ([each.id for each in rest.delegations], rest.next_page_token) == ([made[1]], "")
    every = await adviser.call("ListDelegations", member_id=deputy.membership_id, over=True)
    assert [each.id for each in every.delegations] == made[::-1]


async def test_who_does_not_see_members_sees_their_own_delegations(stage, admin, pair):
    adviser, deputy = pair
    await give(admin, deputy.membership_id, {"contacts.read": MINE})
    third = await stage.colleague(admin, "adviser", "Zoé Le Bris")
    mine, _ = await lend(adviser, deputy), await lend(adviser, third)
    assert [each.id for each in (await deputy.call("ListDelegations")).delegations] == [mine.id]
    with refused(Kind.FORBIDDEN, "right_missing"):
        await deputy.call("ListDelegations", member_id=third.membership_id)


async def test_what_is_lent_rests_while_the_delegator_has_no_access(stage, admin, pair):
    adviser, deputy = pair
    await lend(adviser, deputy)
    await admin.call("CutMember", id=adviser.membership_id)
    assert await names_seen_by_grants(stage, deputy) == {deputy.membership_id}
    await admin.call("ReopenMember", id=adviser.membership_id)
    assert await names_seen_by_grants(stage, deputy) == {deputy.membership_id, adviser.membership_id}


async def names_seen_by_grants(stage, who):
    grants = await stage.as_service("documents").call(
        "GetGrantSet", membership_id=who.membership_id, organisation_id=str(who.organisation_id)
    )
    return next(set(each.adviser_ids) for each in grants.rights if each.code == "contacts.read")


async def test_a_deputy_is_told_of_what_becomes_of_who_lends(stage, admin, pair):
    """Grant sets hold what is lent: a deputy's is dropped with the delegator's, not when its lease ends."""
    adviser, deputy = pair
    await lend(adviser, deputy)

    async def told():
        """Whom the last news concerns."""
        return set((await stage.events(admin, events_pb2.GrantsChanged))[-1].membership_ids)

    both = {adviser.membership_id, deputy.membership_id}
    await give(admin, adviser.membership_id, {"members.read": ALL})
    assert await told() == both
    member = await admin.call("GetMember", id=adviser.membership_id)
    junior = await stage.profile(admin, "junior")
    await admin.call("UpdateMember", id=member.id, profile_id=junior, version=member.version)
    assert await told() == both
    await admin.call("CutMember", id=adviser.membership_id)
    assert await told() == both
    await admin.call("ReopenMember", id=adviser.membership_id)
    assert await told() == both


async def test_whoever_stands_in_puts_nobody_in_charge_of_what_is_lent(stage, admin, pair):
    adviser, deputy = pair
    await lend(adviser, deputy, "contacts.edit")
    contact = (await deputy.call("ListContacts")).contacts[0]
    own = tenancy_pb2.Adviser(membership_id=deputy.membership_id, role=1)
    with refused(Kind.FORBIDDEN, "right_lent"):
        await deputy.call("SetAdvisers", contact_id=contact.id, advisers=[own])
    await deputy.call("UpdateContact", contact=contact)
    await adviser.call("SetAdvisers", contact_id=contact.id, advisers=[own])
