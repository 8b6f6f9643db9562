"""The map of data says something about every table and every column of every database."""

import importlib
import os
from pathlib import Path

import asyncpg
import pytest

from parvis_records.map import About, Erasure, Until, condition
from parvis_records.page import document

SERVICES = ("identity", "tenancy", "documents", "notify", "billing", "web")
_COLUMNS = """
SELECT c.relname AS table, array_agg(a.attname::text) AS columns FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') GROUP BY c.relname
"""
NOBODY = "00000000-0000-0000-0000-000000000000"


def holdings(service):
    return importlib.import_module(f"parvis_{service}.holdings").HOLDINGS


@pytest.fixture(scope="module", params=SERVICES)
async def base(request, databases):
    """A service's map, and its newest database."""
    urls = await databases.make(f"parvis_{request.param}")
    connection = await asyncpg.connect(urls.superuser)
    yield holdings(request.param), connection
    await connection.close()


async def test_every_table_and_every_column_says_what_it_is(base):
    told, connection = base
    there = {row["table"]: frozenset(row["columns"]) for row in await connection.fetch(_COLUMNS)}
    says = {table.name: table.columns for table in told}
    differ = {name: says.get(name, frozenset()) ^ there.get(name, frozenset()) for name in says.keys() | there.keys()}
    assert {name: columns for name, columns in differ.items() if columns} == {}


async def test_every_condition_holds_on_the_table_that_it_is_about(base):
    told, connection = base
    for table in told:
        of_mentions = [where for where, _ in table.mentions]
        ages = [f"{table.keep.since} < now()"] if table.keep.until is Until.AGE else []
        for text in filter(None, [table.person, table.contact, table.organisation, *of_mentions, *ages]):
            found = condition(text, dict.fromkeys(("account", "membership", "organisation", "contact"), NOBODY))
            await connection.fetch(f"SELECT 1 FROM {table.name} WHERE {found.sql}", *found.values)  # noqa: S608


async def test_what_is_taken_out_of_a_row_is_among_its_columns(base):
    for table in base[0]:
        named = {*table.blanks, *(column for _, columns in table.mentions for column in columns.split())}
        assert named <= table.columns, table.name


@pytest.mark.parametrize("service", SERVICES)
def test_what_an_erasure_leaves_says_why(service):
    silent = [t.name for t in holdings(service) if t.erase in {Erasure.KEPT, Erasure.BLANKED} and not t.because]
    assert silent == []


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_about_an_organisation_says_whose_it_is(service):
    of_nobody = [t.name for t in holdings(service) if About.ORGANISATION in t.about and not t.organisation]
    assert set(of_nobody) <= {"outbox", "dead_letters", "imports"}, (
        "rows of all organisations, sealed or by the provider"
    )


@pytest.mark.parametrize("service", SERVICES)
def test_a_duration_is_that_of_its_setting(service):
    module = importlib.import_module(f"parvis_{service}.settings")
    fields = getattr(module, "WebSettings" if service == "web" else "Settings").model_fields
    named = [table for table in holdings(service) if table.keep.setting and service != "web"]
    assert [t.name for t in named if t.keep.setting not in fields] == []
    assert [t.name for t in named if fields[t.keep.setting].default != t.keep.days] == []


def test_the_page_says_what_the_map_says():
    page = Path(__file__).parents[2] / "docs" / "data.md"
    told = document(map(holdings, SERVICES))
    if os.environ.get("PARVIS_WRITE_PAGES"):
        page.write_text(told, "utf-8")
    assert page.read_text("utf-8") == told, (
        "PARVIS_WRITE_PAGES=1 pytest records/tests/test_map.py -k page writes it anew"
    )
