"""What billing says was bought counts here, in its order."""

import itertools

import pytest
from tenancy_stage import refused
from test_events import handled
from test_seats import assign, seats_of

from parvis.billing.v1 import events_pb2 as billing_events
from parvis.tenancy.v1 import events_pb2
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind
from parvis_kit.ids import uuid7


@pytest.fixture
async def product(stage, provider):
    """Subscribed by nobody."""
    return await stage.product(provider)


async def buy(stage, seller, customer, product, seats, version):
    """Billing's outbox, played by tenancy's."""
    event = billing_events.EntitlementChanged(
        organisation_id=str(customer.organisation_id), product_id=product.id, seats=seats, version=version
    )
    async with stage.service.database.begin(Caller("billing"), organisation_id=seller.organisation_id) as unit:
        message_id = unit.emit(event, aggregate_id=uuid7(), version=version)
    await handled(stage, message_id)


async def revision(stage, actor):
    return (await stage.rows(actor, "SELECT revision FROM rights_revisions"))[0]["revision"]


async def test_a_purchase_subscribes_the_customer_and_sets_its_seats(stage, provider, admin, product):
    before = await revision(stage, admin)
    await buy(stage, provider, admin, product, 2, 1)
    found = await seats_of(admin, product)
    told = (await stage.events(admin, events_pb2.GrantsChanged))[-1]
    assert (found.seats, found.used) == (2, 0)
    assert (told.revision, list(told.membership_ids)) == (await revision(stage, admin), [])
    assert told.revision > before
    assert "seats.bought" in await stage.acts(admin)


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
async def test_in_whatever_order_it_is_heard_the_newest_purchase_counts(stage, provider, admin, product, order):
    for version in order:
        await buy(stage, provider, admin, product, 10 * version, version)
    assert (await seats_of(admin, product)).seats == 30


async def test_fewer_seats_cut_nobody_and_stop_the_next(stage, provider, admin, product):
    await buy(stage, provider, admin, product, 2, 1)
    colleague = await stage.colleague(admin, "junior")
    for each in (admin, colleague):
        await assign(admin, product, each.membership_id)
    await buy(stage, provider, admin, product, 1, 2)
    over = await seats_of(admin, product)
    another = await stage.colleague(admin, "junior")
    assert (over.seats, over.used, over.over) == (1, 2, True)
    with refused(Kind.PRECONDITION, "seats_exhausted"):
        await assign(admin, product, another.membership_id)
    await buy(stage, provider, admin, product, None, 3)
    await assign(admin, product, another.membership_id)
    assert not (await seats_of(admin, product)).HasField("seats")


async def test_nobody_sells_to_whom_they_do_not_serve_nor_what_is_not_theirs(stage, provider, admin, product):
    other = await stage.firm(provider)
    await buy(stage, other, admin, product, 5, 1)
    assert not (await admin.call("ListAssignments")).products


async def test_the_provider_sees_what_a_customer_has_and_how_much_is_in_use(stage, provider, admin, product):
    sold = await stage.product(provider)
    await buy(stage, provider, admin, sold, 1, 1)
    colleague = await stage.colleague(admin, "junior")
    await assign(admin, sold, colleague.membership_id)
    await buy(stage, provider, admin, sold, 0, 2)
    answer = await provider.call("ListSubscriptions", organisation_id=str(admin.organisation_id))
    found = {each.product_id: each for each in answer.subscriptions}
    had = found[sold.id]
    assert (had.subscribed, had.seats, had.used, had.over, had.version) == (True, 0, 1, True, 2)
    assert (found[product.id].subscribed, found[product.id].version) == (False, 0)
    assert answer.organisation_name == "Cabinet Armor"
    with refused(Kind.NOT_FOUND, "organisation_not_found"):
        await provider.call("ListSubscriptions", organisation_id=str(uuid7()))


async def test_the_subscription_of_an_earlier_release_takes_no_seats_away(stage, provider, admin, product):
    await buy(stage, provider, admin, product, 4, 1)
    where = str(admin.organisation_id)
    await provider.call("SubscribeCustomer", product_id=product.id, organisation_id=where)
    assert (await seats_of(admin, product)).seats == 4
