"""Products: registered, subscribed, assigned, launched."""

import pytest
from tenancy_stage import refused

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind
from parvis_kit.ids import uuid7

ASSIGNED, NOT_ASSIGNED, NOT_SUBSCRIBED = (
    tenancy_pb2.PRODUCT_STATE_ASSIGNED,
    tenancy_pb2.PRODUCT_STATE_NOT_ASSIGNED,
    tenancy_pb2.PRODUCT_STATE_NOT_SUBSCRIBED,
)


async def state_of(actor, product):
    listed = await actor.call("ListMyProducts")
    return next(each for each in listed.products if each.id == product.id)


async def test_a_product_is_bought_then_assigned_then_launched(stage, provider, admin):
    product = await stage.product(provider)
    before = await state_of(admin, product)
    await provider.call("SubscribeCustomer", product_id=product.id, organisation_id=str(admin.organisation_id))
    bought = await state_of(admin, product)
    await admin.call("SetAssignment", product_id=product.id, membership_id=admin.membership_id, assigned=True)
    launched = await state_of(admin, product)
    assert [each.state for each in (before, bought, launched)] == [NOT_SUBSCRIBED, NOT_ASSIGNED, ASSIGNED]
    assert (list(bought.assigners), bought.may_assign, bought.launch_url) == (["Anne Kervella"], True, "")
    assert launched.launch_url == "https://paie.example/"


async def test_who_may_not_assign_sees_who_may(stage, provider, admin):
    product = await stage.product(provider, admin)
    junior = await stage.colleague(admin, "junior")
    home = await junior.call("GetHome")
    card = next(each for each in home.products if each.id == product.id)
    assert (card.state, list(card.assigners), card.may_assign) == (NOT_ASSIGNED, ["Anne Kervella"], False)


async def test_what_is_not_bought_is_not_assigned(stage, provider, admin):
    product = await stage.product(provider)
    with refused(Kind.PRECONDITION, "not_subscribed"):
        await admin.call("SetAssignment", product_id=product.id, membership_id=admin.membership_id, assigned=True)


async def test_an_assignment_is_in_the_grant_set_until_it_is_taken_back(stage, provider, admin):
    product = await stage.product(provider, admin)
    documents = stage.as_service("documents")
    asked = {"membership_id": admin.membership_id, "organisation_id": str(admin.organisation_id)}
    held = []
    for assigned in (True, True, False, False):
        await admin.call("SetAssignment", product_id=product.id, membership_id=admin.membership_id, assigned=assigned)
        held.append(product.id in (await documents.call("GetGrantSet", **asked)).product_ids)
    assert held == [True, True, False, False]


async def test_assignments_are_listed_by_product_and_by_member(stage, provider, admin):
    product = await stage.product(provider, admin)
    colleague = await stage.colleague(admin, "adviser")
    await admin.call("SetAssignment", product_id=product.id, membership_id=admin.membership_id, assigned=True)
    every = (await admin.call("ListAssignments")).products
    hers = (await admin.call("ListAssignments", membership_id=colleague.membership_id)).products
    assert [list(each.membership_ids) for each in (*every, *hers)] == [[admin.membership_id], []]


async def test_a_product_learns_of_its_user(stage, provider, admin):
    product = await stage.product(provider, admin)
    identity = stage.as_service("identity")
    asked = {"account_id": admin.account_id, "client_id": product.client_id}
    before = await identity.call("ResolveProduct", **asked)
    await admin.call("SetAssignment", product_id=product.id, membership_id=admin.membership_id, assigned=True)
    after = await identity.call("ResolveProduct", **asked)
    assert (before.assigned, list(before.assigners), before.may_assign) == (False, [], True)  # herself, nobody else
    assert (after.assigned, after.membership_id) == (True, admin.membership_id)
    assert after.organisation.id == str(admin.organisation_id)


async def test_a_product_learns_who_can_assign_it_to_its_user(stage, provider, admin):
    product = await stage.product(provider, admin)
    junior = await stage.colleague(admin, "junior")
    told = await stage.as_service("identity").call(
        "ResolveProduct", account_id=junior.account_id, client_id=product.client_id
    )
    assert (list(told.assigners), told.may_assign) == (["Anne Kervella"], False)


async def test_a_user_of_two_firms_chooses(stage, provider, admin):
    other = await stage.firm(provider)
    product = await stage.product(provider, admin, other)
    me = await admin.call("GetMember", id=admin.membership_id)
    profile_id = await stage.profile(other, "adviser")
    second = await other.call("InviteMember", mail=me.mail, given_name="A", family_name="K", profile_id=profile_id)
    await admin.call("SetAssignment", product_id=product.id, membership_id=admin.membership_id, assigned=True)
    await other.call("SetAssignment", product_id=product.id, membership_id=second.id, assigned=True)
    asked = {"account_id": admin.account_id, "client_id": product.client_id}
    identity = stage.as_service("identity")
    with refused(Kind.PRECONDITION, "choose_organisation"):
        await identity.call("ResolveProduct", **asked)
    chosen = await identity.call("ResolveProduct", **asked, organisation_id=str(other.organisation_id))
    assert (chosen.assigned, chosen.membership_id) == (True, second.id)


async def test_a_stranger_is_told_nothing_by_a_product(stage, provider, admin):
    product = await stage.product(provider, admin)
    with refused(Kind.NOT_FOUND, "no_membership"):
        await stage.as_service("identity").call("ResolveProduct", account_id=str(uuid7()), client_id=product.client_id)


async def test_only_what_the_provider_sells_to_whom_it_serves(stage, provider, admin):
    product = await stage.product(provider)
    with refused(Kind.NOT_FOUND, "organisation_not_found"):
        await provider.call("SubscribeCustomer", product_id=product.id, organisation_id=str(uuid7()))
    with refused(Kind.NOT_FOUND, "product_not_found"):
        await provider.call("SubscribeCustomer", product_id=str(uuid7()), organisation_id=str(admin.organisation_id))


async def test_a_member_of_another_firm_gets_no_product(stage, provider, admin):
    other = await stage.firm(provider)
    product = await stage.product(provider, admin, other)
    with refused(Kind.NOT_FOUND, "member_not_found"):
        await other.call("SetAssignment", product_id=product.id, membership_id=admin.membership_id, assigned=True)


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "http://paie.example/", 'https://x.example/"', "https://é"])
async def test_a_product_has_a_safe_address(provider, url):
    with refused(Kind.INVALID, "fields_invalid"):
        await provider.call("RegisterProduct", name="Paie", launch_url=url, redirect_uris=["https://x.example/cb"])
