"""The tables are what the models say, and each is protected."""

from parvis_documents.models import Model


async def test_columns_and_indexes_are_those_of_the_models(suite):
    from uuid import uuid4

    columns = await suite.rows(
        uuid4(),
        "SELECT table_name, column_name, is_nullable FROM information_schema.columns WHERE table_schema = 'public'",
    )
    found = {(row["table_name"], row["column_name"], row["is_nullable"] == "YES") for row in columns}
    indexes = {row["indexname"] for row in await suite.rows(uuid4(), "SELECT indexname FROM pg_indexes")}

    for table in Model.metadata.tables.values():
        expected = {(table.name, column.name, bool(column.nullable)) for column in table.columns}
        assert {each for each in found if each[0] == table.name} == expected
        assert {index.name for index in table.indexes} <= indexes


async def test_every_table_of_an_organisation_forces_its_policy(suite):
    from uuid import uuid4

    query = "SELECT relname, relrowsecurity AND relforcerowsecurity AS forced FROM pg_class WHERE relkind = 'r'"
    forced = {row["relname"]: row["forced"] for row in await suite.rows(uuid4(), query)}

    for table in Model.metadata.tables.values():
        assert forced[table.name] is ("organisation_id" in table.primary_key.columns)
