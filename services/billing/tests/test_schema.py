"""The tables that the migrations make are the ones that the models describe."""

import pytest

from parvis_billing.models import Model


@pytest.mark.parametrize("table", Model.metadata.tables.values(), ids=lambda table: table.name)
async def test_table_has_the_columns_of_its_model(table, database, caller):
    query = "SELECT column_name, is_nullable FROM information_schema.columns WHERE table_name = $1"
    async with database.begin(caller()) as unit:
        found = {row["column_name"]: row["is_nullable"] == "YES" for row in await unit.fetch(query, table.name)}
    assert found == {column.name: bool(column.nullable) for column in table.columns}
