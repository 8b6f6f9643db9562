"""Migrations: who sees which rows, what the service's role may not do, several replicas at once, a warm start."""

import asyncio
import time
from contextlib import asynccontextmanager

import asyncpg
import pytest

from parvis_kit.audit import seal
from parvis_kit.ids import uuid7
from parvis_kit.migrations import upgrade_schema
from parvis_kit.testing import make_caller
from parvis_watch import standing

pytestmark = pytest.mark.asyncio
NOTE = "INSERT INTO notes (id, organisation_id, body) VALUES ($1, $2, 'x')"


@asynccontextmanager
async def acting(url, organisation="", account=""):
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SELECT set_config('parvis.organisation', $1, true)", str(organisation))
    await connection.execute("SELECT set_config('parvis.account', $1, true)", str(account))
    try:
        yield connection
        await transaction.commit()
    finally:
        await connection.close()


async def test_a_row_is_seen_by_its_organisation_only(database_urls):
    mine, other = uuid7(), uuid7()
    async with acting(database_urls.service, mine) as connection:
        await connection.execute(NOTE, uuid7(), mine)
    async with acting(database_urls.service, mine) as connection:
        assert await connection.fetchval("SELECT count(*) FROM notes") == 1
    async with acting(database_urls.service, other) as connection:
        assert await connection.fetchval("SELECT count(*) FROM notes") == 0


@pytest.mark.parametrize("setting", ["", None], ids=["empty", "never set"])
async def test_without_organisation_there_is_no_row_and_no_insert(database_urls, setting):
    organisation = uuid7()
    async with acting(database_urls.service, organisation) as connection:
        await connection.execute(NOTE, uuid7(), organisation)
    connection = await asyncpg.connect(database_urls.service)
    if setting is not None:
        await connection.execute("SELECT set_config('parvis.organisation', $1, false)", setting)
    assert await connection.fetchval("SELECT count(*) FROM notes") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(NOTE, uuid7(), organisation)
    await connection.close()


async def test_a_row_cannot_be_written_for_another_organisation(database_urls):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with acting(database_urls.service, uuid7()) as connection:
            await connection.execute(NOTE, uuid7(), uuid7())


async def test_both_parties_and_nobody_else_see_a_deal(database_urls):
    provider, customer = uuid7(), uuid7()
    async with acting(database_urls.service, provider) as connection:
        await connection.execute("INSERT INTO deals VALUES ($1, $2, $3)", uuid7(), provider, customer)
    seen = []
    for organisation in (provider, customer, uuid7(), ""):
        async with acting(database_urls.service, organisation) as connection:
            seen.append(await connection.fetchval("SELECT count(*) FROM deals"))
    assert seen == [1, 1, 0, 0]


async def test_an_account_reads_its_rows_anywhere_and_changes_none(database_urls):
    organisation, account = uuid7(), uuid7()
    async with acting(database_urls.service, organisation) as connection:
        await connection.execute("INSERT INTO badges VALUES ($1, $2, $3)", uuid7(), organisation, account)
    async with acting(database_urls.service, account=account) as connection:
        assert await connection.fetchval("SELECT count(*) FROM badges") == 1
        assert await connection.execute("UPDATE badges SET account_id = $1", uuid7()) == "UPDATE 0"
        assert await connection.execute("DELETE FROM badges") == "DELETE 0"
    async with acting(database_urls.service, account=uuid7()) as connection:
        assert await connection.fetchval("SELECT count(*) FROM badges") == 0


@pytest.mark.parametrize(
    "statement", ["DELETE FROM audit", "UPDATE audit SET act = 'x'", "DELETE FROM audit_heads", "DROP TABLE notes"]
)
async def test_the_service_may_not_rewrite_history(database_urls, statement):
    async with acting(database_urls.service, uuid7()) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


_OTHER_WORDS = 'UPDATE audit SET details = \'{"n": "other"}\''
_OWN_SEAL = "UPDATE audit SET seq = 1, previous = 'x', content_digest = 'x', digest = 'x'"


@pytest.mark.parametrize(
    ("sealed", "forgery"),
    [
        (True, _OTHER_WORDS),
        (True, "UPDATE audit SET details = NULL"),
        (True, _OWN_SEAL),
        (True, f"{_OWN_SEAL}, details = NULL, salt = NULL"),
        (True, "UPDATE audit SET seq = NULL"),
        (True, "UPDATE audit_heads SET seq = 0"),
        (True, "UPDATE audit_heads SET digest = 'x'"),
        (False, _OTHER_WORDS),
        (False, "UPDATE audit SET details = NULL, salt = NULL"),
        (False, f"{_OWN_SEAL}, details = '{{}}'"),
    ],
)
async def test_an_act_that_was_recorded_never_changes(database_urls, database, sealed, forgery):
    organisation = uuid7()
    async with database.begin(make_caller(organisation)) as unit:
        unit.record("note.written", target_kind="note", target_id=uuid7(), n="1")
    connection = await asyncpg.connect(database_urls.service)
    while sealed and await seal(connection):
        pass
    await connection.close()
    with pytest.raises(asyncpg.RestrictViolationError):
        async with acting(database_urls.service, organisation) as connection:
            await connection.execute(f"{forgery} WHERE organisation_id = $1", organisation)


async def test_every_table_says_of_which_kind_it_is(database_urls):
    connection = await asyncpg.connect(database_urls.superuser)
    rows = await connection.fetch(
        "SELECT relname, obj_description(oid) AS kind, relrowsecurity AND relforcerowsecurity AS forced "
        "FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    await connection.close()
    kinds = {row["relname"]: row["kind"] for row in rows}
    assert {name for name, kind in kinds.items() if not (kind or "").startswith("parvis:")} == set()
    assert {row["relname"] for row in rows if not row["forced"]} == {
        name for name, kind in kinds.items() if kind.startswith("parvis:global: ")
    }


async def test_two_replicas_migrate_once_and_then_there_is_nothing_to_do(databases, service_package):
    urls = await databases._create(service_package, "fresh_sample", "template1")
    ran = await asyncio.gather(*(upgrade_schema(service_package, urls.owner) for _ in range(2)))
    assert sorted(ran) == [[], ["0002"]]
    took = []
    for _ in range(5):
        started = time.perf_counter()
        assert await upgrade_schema(service_package, urls.owner) == []
        took.append(time.perf_counter() - started)
    assert min(took) < 0.3  # the others tell how busy the machine is


@pytest.mark.parametrize(("since", "runs"), [("0002", True), ("0003", False)])
async def test_a_database_of_the_next_release_is_left_alone_and_that_of_a_later_one_refused(
    databases, service_package, since, runs
):
    urls = await databases._create(service_package, f"ahead_{since}", "template1")
    await upgrade_schema(service_package, urls.owner)
    connection = await asyncpg.connect(urls.owner)
    assert standing.since(await connection.fetchval("SELECT obj_description('alembic_version'::regclass)")) == "0001"
    await connection.execute("UPDATE alembic_version SET version_num = '0004'")
    await connection.execute(f"COMMENT ON TABLE alembic_version IS 'for releases since {since}'")
    await connection.close()
    if runs:
        assert await upgrade_schema(service_package, urls.owner) == []
    else:
        with pytest.raises(standing.TooNewError, match="ahead by more than one release"):
            await upgrade_schema(service_package, urls.owner)


async def test_the_owner_may_not_be_the_service(database_urls, service_package):
    with pytest.raises(ValueError, match="must differ"):
        await upgrade_schema(service_package, database_urls.owner, service_role=f"{service_package}_owner")


async def test_a_migration_that_meets_a_lock_gives_way_and_tries_again(databases, service_package):
    urls = await databases._create(service_package, "locked_sample", "template1")
    await upgrade_schema(service_package, urls.owner)
    connection = await asyncpg.connect(urls.owner)
    await connection.execute("ALTER TABLE notes DROP COLUMN length; UPDATE alembic_version SET version_num = '0001'")
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SELECT 1 FROM notes")
    migrating = asyncio.create_task(upgrade_schema(service_package, urls.owner))
    await asyncio.sleep(5.3)  # one attempt has given up: whoever reads behind it is not stalled for longer
    assert not migrating.done()
    await transaction.rollback()
    assert await migrating == ["0002"]
    await connection.close()
