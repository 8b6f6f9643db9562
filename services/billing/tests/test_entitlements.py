"""What customers bought: said once, in order, of those whom the provider serves."""

import asyncio
import contextlib

import pytest

from parvis.billing.v1 import billing_pb2 as pb
from parvis.billing.v1 import events_pb2
from parvis_billing.rpc import EntitlementRpc
from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError, not_found
from parvis_kit.grants import ALL, GrantSet
from parvis_kit.ids import uuid7
from parvis_kit.testing import make_caller

CUSTOMER, PRODUCT, OTHER = uuid7(), uuid7(), uuid7()


async def products_for(customer_id):
    """Tenancy's answer: what this one customer can have."""
    if customer_id != CUSTOMER:
        raise not_found("organisation_not_found")
    return frozenset({PRODUCT, OTHER})


class Provider:
    """Provider's staff who may sell."""

    def __init__(self, database) -> None:
        self.database, self.id = database, uuid7()
        self.rpc = EntitlementRpc(products_for)

    async def call(self, method, request):
        caller = make_caller(self.id, kind="staff")
        async with self.database.begin(caller) as unit:
            unit.grants = GrantSet(caller.membership_id, self.id, "staff", 1, {"products.manage": ALL})
            return await getattr(self.rpc, method)(unit, request)

    async def sell(self, seats, version, product=PRODUCT, customer=CUSTOMER):
        request = pb.SetEntitlementRequest(
            customer_id=str(customer), product_id=str(product), seats=seats, version=version
        )
        return await self.call("SetEntitlement", request)

    async def listed(self, **fields):
        return await self.call("ListEntitlements", pb.ListEntitlementsRequest(**fields))

    async def rows(self, query, *arguments):
        async with self.database.begin(Caller("billing"), organisation_id=self.id) as unit:
            return await unit.fetch(query, *arguments)


@pytest.fixture
def provider(database):
    return Provider(database)


async def test_a_purchase_is_kept_told_and_on_the_record(provider):
    made = await provider.sell(5, 0)
    changed = await provider.sell(None, made.version)
    rows = await provider.rows(
        "SELECT payload, version FROM outbox WHERE organisation_id = $1 ORDER BY id", provider.id
    )
    told = [(events_pb2.EntitlementChanged.FromString(row["payload"]), row["version"]) for row in rows]
    acts = await provider.rows("SELECT act FROM audit ORDER BY at, id")
    assert (made.seats, changed.HasField("seats"), changed.version, changed.id) == (5, False, 2, made.id)
    assert [(event.HasField("seats"), event.seats, event.version, version) for event, version in told] == [
        (True, 5, 1, 1),
        (False, 0, 2, 2),
    ]
    assert {(event.organisation_id, event.product_id) for event, _ in told} == {(str(CUSTOMER), str(PRODUCT))}
    assert [row["act"] for row in acts] == ["entitlement.set"] * 2


async def test_who_read_an_older_one_overwrites_nothing(provider):
    made = await provider.sell(5, 0)
    for version in (0, made.version + 1):
        with pytest.raises(ServiceError, match="stale_version") as refused:
            await provider.sell(1, version)
        assert refused.value.params["version"] == "1"
    assert [each.seats for each in (await provider.listed()).entitlements] == [5]


async def test_of_many_who_sell_at_once_one_does(provider):
    sold = await asyncio.gather(*(provider.sell(seats, 0) for seats in range(1, 9)), return_exceptions=True)
    done = [each for each in sold if isinstance(each, pb.Entitlement)]
    assert len(done) == 1
    assert [each.reason for each in sold if isinstance(each, ServiceError)] == ["stale_version"] * 7
    assert [each.seats for each in (await provider.listed()).entitlements] == [done[0].seats]


async def test_only_to_whom_the_provider_serves_and_only_its_products(provider):
    with pytest.raises(ServiceError, match="organisation_not_found"):
        await provider.sell(1, 0, customer=uuid7())
    with pytest.raises(ServiceError, match="product_not_found"):
        await provider.sell(1, 0, product=uuid7())
    assert not (await provider.listed()).entitlements


@pytest.mark.parametrize("seats", [-1, 1_000_001])
async def test_seats_are_a_number_that_can_be_counted(provider, seats):
    with pytest.raises(ServiceError, match="fields_invalid") as refused:
        await provider.sell(seats, 0)
    assert [(each.field, each.reason) for each in refused.value.violations] == [("seats", "out_of_range")]


async def test_they_are_listed_in_pages_by_customer(provider):
    for product in (PRODUCT, OTHER):
        await provider.sell(3, 0, product)
    first = await provider.listed(customer_id=str(CUSTOMER), page_size=1)
    second = await provider.listed(page_size=1, page_token=first.next_page_token)
    assert [each.product_id for each in (*first.entitlements, *second.entitlements)] == [str(PRODUCT), str(OTHER)]
    assert (second.next_page_token, list((await provider.listed(customer_id=str(uuid7()))).entitlements)) == ("", [])


async def test_a_provider_sees_nothing_of_another(provider, database):
    await provider.sell(3, 0)
    with contextlib.suppress(ServiceError):
        await Provider(database).sell(9, 1)
    assert not (await Provider(database).listed()).entitlements
    assert [each.seats for each in (await provider.listed()).entitlements] == [3]
