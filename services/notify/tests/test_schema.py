"""The tables after all migrations."""

from parvis_kit.caller import Caller


async def test_every_check_holds_for_the_rows_that_are_there(database):
    async with database.begin(Caller("notify")) as unit:
        left = await unit.fetch("SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE NOT convalidated")
    assert left == []
