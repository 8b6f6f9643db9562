"""The tables are those of the models, and a row of one organisation is out of reach from another."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine
from test_requests import ask

from parvis_kit import tables as kit
from parvis_kit.caller import Caller
from parvis_tenancy.models import Row

#: Tables outside all organisations.
GLOBAL = {"organisation_directory", "anchors", "anchored_heads", "closings", "closing_answers"}
OF_THE_KIT = kit.NAMES | {"alembic_version"}


async def test_migrations_make_what_the_models_describe(database_urls):
    def compare(connection):
        def ours(_object, name, kind, _reflected, _compared):
            return kind != "table" or name not in OF_THE_KIT

        context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_type": True})
        found = compare_metadata(context, Row.metadata)
        # A comment says of which kind a table is: the policies are not the models' word.
        return [each for each in found if each[0] != "remove_table_comment"]

    engine = create_async_engine(database_urls.owner.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.connect() as connection:
        differences = await connection.run_sync(compare)
    await engine.dispose()
    assert differences == []


@pytest.fixture
async def catalogue(database):
    query = """
        SELECT c.relname AS name, obj_description(c.oid) AS kind, c.relrowsecurity AND c.relforcerowsecurity AS forced
        FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"""
    async with database.begin(Caller("tenancy")) as unit:
        return {row["name"]: (row["kind"], row["forced"]) for row in await unit.fetch(query)}


def test_these_tables_of_ours_are_global(catalogue):
    ours = {name: kind for name, (kind, _) in catalogue.items() if name in Row.metadata.tables}
    assert {name for name, kind in ours.items() if kind.startswith("parvis:global: ")} == GLOBAL


def test_every_other_table_forces_its_policy(catalogue):
    assert all(forced for kind, forced in catalogue.values() if not kind.startswith("parvis:global"))


_MEMBER = "SELECT organisation_id, id FROM memberships LIMIT 1"
_ANCHOR = """
    INSERT INTO anchors SELECT coalesce(max(number), 0) + 1, current_date + coalesce(max(number), 0)::int, now(), '',
    '{}' FROM anchors"""
_CLOSING = "INSERT INTO closings VALUES (gen_random_uuid(), NULL, '', NULL, now(), now(), NULL, now(), 'erased')"
#: Rows of tables that nothing above fills.
_ROWS = {
    "personal_rights": f"INSERT INTO personal_rights SELECT m.*, 'contacts.read', 1 FROM ({_MEMBER}) m",  # noqa: S608
    "referents": f"INSERT INTO referents SELECT m.organisation_id, 1, m.id FROM ({_MEMBER}) m",  # noqa: S608
    "delegations": """
        INSERT INTO delegations SELECT a.organisation_id, gen_random_uuid(), a.id, b.id, '{}', now(), now() + '1 day',
        NULL, '', now() FROM memberships a JOIN memberships b ON a.id < b.id LIMIT 1""",
    "structure_seats": """
        INSERT INTO structure_seats SELECT s.organisation_id, u.product_id, s.id, 1 FROM structures s, subscriptions u
        LIMIT 1""",
    "directory_mappings": f"INSERT INTO directory_mappings SELECT m.*, NULL, 1, now() FROM ({_MEMBER}) m",  # noqa: S608
    "directory_rules": """
        WITH mapping AS (
            INSERT INTO directory_mappings SELECT organisation_id, id, NULL, 1, now() FROM memberships LIMIT 1
            RETURNING organisation_id)
        INSERT INTO directory_rules SELECT m.organisation_id, 1, '', 'Conseil', p.id, NULL
        FROM mapping m JOIN profiles p USING (organisation_id) LIMIT 1""",
    "directory_people": f"INSERT INTO directory_people SELECT m.*, NULL, NULL, 2, '' FROM ({_MEMBER}) m",  # noqa: S608
    "anchors": f"{_ANCHOR} RETURNING number",
    "closings": _CLOSING,
    "closing_answers": f"""
        WITH closing AS ({_CLOSING} RETURNING id)
        INSERT INTO closing_answers SELECT id, 'notify', '{{}}', '{{}}', now() FROM closing""",  # noqa: S608
    "anchored_heads": f"""
        WITH anchor AS ({_ANCHOR} RETURNING number)
        INSERT INTO anchored_heads SELECT organisation_id, 'tenancy', number, 1, 'x' FROM anchor, ({_MEMBER}) m""",  # noqa: S608
    "product_rights": """
        INSERT INTO product_rights SELECT provider_id, 'agenda.read', id, 'agenda', 'Voir', 'See', true, '{}', 1
        FROM products LIMIT 1""",
}


@pytest.mark.parametrize("table", sorted(Row.metadata.tables))
async def test_without_organisation_there_is_no_row(stage, provider, admin, table):
    await stage.portal(admin, await stage.contact(admin))
    await admin.call("CreateStructure", name="Siège")
    product = await stage.product(provider, admin)
    await admin.call("SetAssignment", product_id=product.id, membership_id=admin.membership_id, assigned=True)
    await admin.call("SetRequestsAccepted", accepted=True)
    await ask(stage, admin)
    await stage.rows(admin if table != "product_rights" else provider, _ROWS.get(table, "SELECT 1"))
    query = f"SELECT count(*) FROM {table}"  # noqa: S608 - names of our tables
    async with stage.service.database.begin(Caller("tenancy")) as unit:
        without = (await unit.fetch(query))[0]["count"]
    within = (await stage.rows(admin, query))[0]["count"]
    assert within > 0
    assert (without == 0) is (table not in GLOBAL)


async def test_a_customer_sees_products_of_its_provider_and_cannot_write_them(stage, provider, admin):
    await stage.product(provider, admin)
    assert (await stage.rows(admin, "SELECT count(*) FROM products"))[0]["count"] > 0
    assert not await stage.rows(admin, "UPDATE products SET name = 'mine' RETURNING id")


async def test_every_index_of_an_organisations_table_begins_with_it(stage, provider):
    query = """
        SELECT i.indrelid::regclass::text AS table, i.indexrelid::regclass::text AS index, a.attname AS first
        FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid::regclass::text = ANY($1)"""
    owned = [name for name, table in Row.metadata.tables.items() if "organisation_id" in table.primary_key.columns]
    found = await stage.rows(provider, query, owned)
    others = {row["index"] for row in found if row["first"] != "organisation_id"}
    # An account lists its memberships and its requests; a provider its subscribers; a slug is unique among all.
    assert others == {
        "memberships_by_account", "memberships_by_linked_account", "access_requests_by_account",
        "subscriptions_by_product", "organisation_directory_slug_key",
    }  # fmt: skip
