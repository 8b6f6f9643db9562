"""The release before runs on the schema of this one: whoever upgrades migrates first, and may go back."""

import json
import os
from urllib.parse import urlsplit

import asyncpg
import pytest
import schema


def role(urls):
    return urlsplit(urls.owner).username.removesuffix("_owner")


@pytest.mark.parametrize("service", schema.PACKAGES)
async def test_the_last_release_runs_on_the_schema_of_this_one(databases, service):
    urls = await databases.make(f"parvis_{service}")
    connection = await asyncpg.connect(urls.superuser)
    found = await schema.read(connection, role(urls))
    await connection.close()
    if os.environ.get("PARVIS_RELEASE"):
        schema.record(service, found)
    assert schema.breaks(json.loads(schema.RELEASED.read_text())[service], found) == []


BREAKING = {
    "a column is dropped": "ALTER TABLE dead_letters DROP COLUMN attempts",
    "a column is renamed": "ALTER TABLE dead_letters RENAME COLUMN attempts TO kept",
    "a table is renamed": "ALTER TABLE inbox RENAME TO seen",
    "a type is another one": "ALTER TABLE audit ALTER COLUMN act TYPE varchar(20)",
    "a new column must be given": "ALTER TABLE inbox ADD COLUMN reason text NOT NULL",
    "a default is gone": "ALTER TABLE outbox ALTER COLUMN created_at DROP DEFAULT",
    "a column may be empty no more": "ALTER TABLE dead_letters ALTER COLUMN organisation_id SET NOT NULL",
    "a check forbids what was allowed": "ALTER TABLE outbox ADD CHECK (version > 0) NOT VALID",
    "something is unique that was not": "CREATE UNIQUE INDEX ON outbox (aggregate_id)",
    "something is unique no more": "ALTER TABLE inbox DROP CONSTRAINT inbox_pkey",
    "a policy is another one": "ALTER POLICY parvis_tenant ON audit USING (false)",
    "a policy restricts": "CREATE POLICY never ON audit AS RESTRICTIVE USING (false)",
    "a policy stands where there was none": "CREATE POLICY never ON inbox USING (false)",
    "a right is taken away": 'REVOKE INSERT ON outbox FROM "{role}"',
}
HARMLESS = {
    "a column that may be empty": "ALTER TABLE inbox ADD COLUMN reason text CHECK (reason <> '')",
    "a column with a default": "ALTER TABLE inbox ADD COLUMN reason text NOT NULL DEFAULT ''",
    "a table": "CREATE TABLE news (id uuid PRIMARY KEY, told text NOT NULL)",
    "an index": "CREATE INDEX ON inbox (consumer)",
    "a policy shows more": "CREATE POLICY more ON audit FOR SELECT USING (true)",
    "a right": 'GRANT TRUNCATE ON outbox TO "{role}"',
    "a column may be empty": "ALTER TABLE outbox ALTER COLUMN payload DROP NOT NULL",
}


@pytest.fixture(scope="module")
async def migrated(databases):
    """Says what breaks after somebody's migration, and undoes it."""
    urls = await databases.make("parvis_web")
    connection = await asyncpg.connect(urls.superuser)

    async def after(statement):
        before = await schema.read(connection, role(urls))
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(statement.format(role=role(urls)))
        found = await schema.read(connection, role(urls))
        await transaction.rollback()
        return schema.breaks(before, found)

    yield after
    await connection.close()


@pytest.mark.parametrize("statement", BREAKING.values(), ids=BREAKING)
async def test_what_would_break_the_last_release_is_refused(migrated, statement):
    assert await migrated(statement)


@pytest.mark.parametrize("statement", HARMLESS.values(), ids=HARMLESS)
async def test_what_older_code_need_not_know_is_allowed(migrated, statement):
    assert await migrated(statement) == []


@pytest.mark.parametrize(("now", "broken"), [("'a', 'b', 'c'", False), ("'a'", True)])
def test_a_list_of_words_may_become_longer_and_not_shorter(now, broken):
    table = {"letters": {"kind": "text required"}}
    rules = [{"letters kinds": [f"CHECK (kind = ANY (ARRAY[{words}]))", "kind"]} for words in ("'a', 'b'", now)]
    before, after = ({"tables": table, "constraints": each, "unique": {}, "policies": {}, "rights": [], "functions": []}
                     for each in rules)  # fmt: skip
    assert bool(schema.breaks(before, after)) is broken
