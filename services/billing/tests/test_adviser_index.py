"""Billing keeps advisers of clients, and knows how far it has come: also by news of whom it invoices nothing."""

from parvis.tenancy.v1 import tenancy_pb2
from parvis_advisers.testing import PlayedTenancy
from parvis_kit.ids import uuid7
from parvis_kit.testing import eventually


async def test_news_move_the_index_forward_and_who_advises_with_it(suite):
    tenancy, client, member = PlayedTenancy(), str(uuid7()), uuid7()
    tenancy.advise(client, member)
    supplier = tenancy.advise(str(uuid7()), member)
    supplier.contact.kind = tenancy_pb2.CONTACT_KIND_SUPPLIER
    for event in reversed(tenancy.news):
        await suite.tell(tenancy.organisation_id, event, aggregate_id=uuid7(), version=event.contact.version)
    query = """
        SELECT i.reached, a.adviser_id FROM adviser_index i
        JOIN customer_advisers a ON a.organisation_id = i.organisation_id WHERE i.reached = $1"""
    [row] = await eventually(lambda: suite.rows(tenancy.organisation_id, query, tenancy.advisers_revision))
    assert row["adviser_id"] == member


async def test_what_is_missing_is_asked_of_tenancy(suite):
    tenancy, client, member = PlayedTenancy(), str(uuid7()), uuid7()
    tenancy.advise(client, uuid7())
    tenancy.advise(client, member)
    suite.tenancy.played = tenancy
    await suite.index.catch_up(tenancy.organisation_id, 0)
    async with suite.unit(tenancy.organisation_id) as unit:
        rows = await unit.fetch("SELECT adviser_id FROM customer_advisers")
    assert [row["adviser_id"] for row in rows] == [member]
