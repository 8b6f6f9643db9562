"""Nobody has signed in for years: two mails leave, notify says so, and the account is erased in the whole suite."""

import os
from datetime import timedelta
from unittest.mock import patch

import pytest
from test_erasure import answered, connect
from test_erasure import leaver as leaver  # noqa: PLC0414 - the fixture

from parvis_identity.service import erasures, idle
from parvis_identity.service.organisations import Tenancy
from parvis_identity.settings import Settings
from parvis_kit.client import Peers
from parvis_kit.testing import eventually
from parvis_kit.unit import Database

KEPT = timedelta(days=1095)
#: What is known of the account, and lies in the past the longer the more time passes: by its key.
MOMENTS = {
    "accounts": ("id", "created_at activated_at last_sign_in_at erasure_due_at"),
    "links": ("account_id", "created_at"),
    "erasures": ("account_id", "asked_at due_at"),
    "idle_notices": ("account_id", "told_at sent_at"),
}


@pytest.fixture
async def identity(suite):
    """Identity's database, and what it asks tenancy."""
    environment = suite.environment("identity")
    with patch.dict(os.environ, environment):
        peers = Peers(Settings())
    database = Database(environment["PARVIS_DATABASE_URL"], service="identity", pool=2)
    yield database, Tenancy(peers)
    await database.close()
    await peers.close()


async def test_two_mails_and_no_sign_in_end_an_account_everywhere(suite, portal, leaver, identity):
    _, account_id, mail, _ = leaver
    connection, (database, organisations) = await connect(suite, "identity"), identity

    async def passes(days):
        for table, (key, columns) in MOMENTS.items():
            sets = ", ".join(f"{column} = {column} - $2::interval" for column in columns.split())
            query = f"UPDATE {table} SET {sets} WHERE {key} = $1"  # noqa: S608 - above
            await connection.execute(query, account_id, timedelta(days=days))

    async def told(count):
        query = "SELECT count(*) FROM idle_notices WHERE account_id = $1 AND sent_at IS NOT NULL"
        return await connection.fetchval(query, account_id) == count

    await passes(1100)
    await idle.settle(database, organisations, KEPT)
    await eventually(lambda: told(1))
    await passes(24)
    await idle.settle(database, organisations, KEPT)
    await eventually(lambda: told(2))
    await passes(8)

    async def gone():
        await erasures.settle(database, organisations)
        return not await connection.fetchval("SELECT count(*) FROM accounts WHERE id = $1", account_id)

    await eventually(gone)

    async def everybody():
        return await answered(suite, account_id) == set(erasures.SERVICES)

    await eventually(everybody)
    await connection.close()
    found = (await portal.client().get(f"{portal.context.addresses['mail']}/api/messages", params={"to": mail})).json()
    assert len([each for each in found["messages"] if "sera effacé le" in each["subject"]]) == 2
