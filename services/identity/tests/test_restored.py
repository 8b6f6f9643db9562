"""What a restore does with erasures that were open at the mark."""

from datetime import timedelta

import asyncpg
import pytest

from parvis_backup.ending import end_sessions
from parvis_identity.service import erasures

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


async def test_what_is_open_has_a_week_more_and_what_is_erased_again_has_not(stage, database_urls):
    soon, late, again = [await stage.person() for _ in range(3)]
    async with stage.unit() as unit:
        for person, by, days in ((soon, "person", 0), (late, "person", 14), (again, erasures.RESTORE, 0)):
            await erasures.ask(unit, person.id, by=by, within=timedelta(days=days))
    connection = await asyncpg.connect(database_urls.superuser)
    await end_sessions(connection, "identity", {"erasures"})
    await connection.close()
    async with stage.unit() as unit:
        query = """
            SELECT e.account_id, e.due_at, a.erasure_due_at FROM erasures e JOIN accounts a ON a.id = e.account_id
            WHERE a.id = ANY($1)"""
        rows = {row["account_id"]: row for row in await unit.fetch(query, [soon.id, late.id, again.id])}
    left = {account_id: row["due_at"] - unit.now for account_id, row in rows.items()}
    assert timedelta(days=6, hours=23) < left[soon.id] <= timedelta(days=7)
    assert timedelta(days=13, hours=23) < left[late.id] <= timedelta(days=14)
    assert left[again.id] <= timedelta(0)
    assert rows[soon.id]["erasure_due_at"] == rows[soon.id]["due_at"]
