"""What a law kept of an organisation that was erased goes when the ten years are over: not sooner, and of no other."""

from uuid import UUID

import asyncpg
import pytest
from billing_stage import ME

from parvis_billing import retention
from parvis_billing.holdings import HOLDINGS
from parvis_billing.settings import Settings
from parvis_kit import audit
from parvis_kit.testing import eventually
from parvis_records import closing
from parvis_records.retention import Retention

YEARS = 365.25
ACTS = "target_kind = 'invoice'"
TABLES = ("invoices", "lines", "series")


@pytest.fixture
async def superuser(database_urls):
    connection = await asyncpg.connect(database_urls.superuser)
    yield connection
    await connection.close()


@pytest.fixture
def aged(superuser, firm):
    """As if the firm's invoices had been closed so long ago, with all that was done then."""

    async def aged(days):
        async with superuser.transaction():
            await superuser.execute("SET LOCAL session_replication_role = 'replica'")  # triggers hold what is closed
            for table, column in (("invoices", "closed_at"), ("series", "last_closed_at"), ("audit", "at")):
                query = f"UPDATE {table} SET {column} = {column} - $2 * interval '1 day' WHERE organisation_id = $1"  # noqa: S608
                await superuser.execute(query, firm, days)

    return aged


@pytest.fixture
def erased(suite, superuser, firm):
    """The firm is erased, as on the day of its closing."""

    async def erased():
        await audit.seal(superuser)
        async with suite.unit(firm) as unit:
            await closing.erase_all(unit, HOLDINGS, acts=ACTS)

    return erased


@pytest.fixture
def swept(suite):
    """A new process does its first round of retention."""
    names = ("instance", "nats_url", "http_listen", "tls_ca", "tls_certificate", "tls_key", "public_url")
    settings = Settings(database_url="postgresql://x", **dict.fromkeys(names, "x"))

    async def swept():
        assert await Retention(suite.database, retention.terms(settings)).once()

    return swept


@pytest.fixture
def invoiced(suite, firm, client):
    """Closes an invoice; it is filed, so that nothing more is done about it later."""

    async def invoiced():
        made = await suite.closed(firm, client)
        query = "SELECT 1 FROM invoices WHERE id = $1 AND state = 'filed'"
        await eventually(lambda: suite.rows(firm, query, UUID(made.id)))

    return invoiced


async def left(suite, firm):
    """How many rows of each table the firm has."""
    return {name: len(await suite.rows(firm, f"SELECT 1 FROM {name}")) for name in TABLES}  # noqa: S608 - above


async def said(suite, firm):
    """What acts on invoices still say."""
    return await suite.rows(firm, f"SELECT details FROM audit WHERE {ACTS} AND details IS NOT NULL")  # noqa: S608


async def test_after_eleven_years_nothing_of_it_is_left(suite, superuser, firm, invoiced, aged, erased, swept):
    for _ in range(2):
        await invoiced()
    await erased()
    await aged(11 * YEARS + 2)
    assert await left(suite, firm) == {"invoices": 2, "lines": 2, "series": 1}
    assert await said(suite, firm)

    await swept()

    assert await left(suite, firm) == dict.fromkeys(TABLES, 0)
    assert await said(suite, firm) == []
    acts = await suite.rows(firm, "SELECT target_id FROM audit WHERE act = 'records.expired' ORDER BY target_id")
    assert [row["target_id"] for row in acts] == ["audit", "invoices", "series"]
    await aged(-11 * YEARS - 2)  # what is sealed says when it was
    await audit.seal(superuser)
    assert not (await audit.verify(superuser, firm)).problem


@pytest.mark.parametrize("days", [0, 9 * YEARS, 10 * YEARS + 1, 11 * YEARS - 2])
async def test_until_then_all_of_it_is_there(suite, firm, invoiced, aged, erased, swept, days):
    await invoiced()
    await erased()
    await aged(days)
    await swept()
    assert await left(suite, firm) == {"invoices": 1, "lines": 1, "series": 1}
    assert await said(suite, firm)


async def test_of_an_organisation_that_is_there_nothing_goes(suite, firm, invoiced, aged, swept):
    await invoiced()
    await aged(30 * YEARS)
    await swept()
    assert await left(suite, firm) == {"invoices": 1, "lines": 1, "series": 1}
    assert await said(suite, firm)


@pytest.mark.parametrize(("years", "gone"), [(10.9, True), (12, False)])
@pytest.mark.parametrize("table", ["invoices", "series"])
async def test_the_database_refuses_it_sooner(suite, firm, invoiced, aged, erased, years, gone, table):
    await invoiced()
    if gone:
        await erased()
    await aged(years * YEARS)
    with pytest.raises(asyncpg.RestrictViolationError):
        async with suite.database.begin(ME, organisation_id=firm) as unit:
            await unit.fetch(f"DELETE FROM {table}")  # noqa: S608 - above
