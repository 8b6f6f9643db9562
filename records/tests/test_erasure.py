"""An erasure leaves nothing of a person in any column of any table but what the map says; it touches nobody else.

Each table of each service gets three rows made of what its columns can hold: of the person, a colleague, a stranger.
"""

import importlib
import json
from datetime import UTC, date, datetime
from types import SimpleNamespace

import asyncpg
import pytest

from parvis_kit.caller import Caller
from parvis_kit.ids import uuid7
from parvis_kit.unit import Database
from parvis_records import erasure
from parvis_records.map import Erasure, Until

SERVICES = ("identity", "tenancy", "documents", "notify", "billing")
ASIDE = {"outbox", "inbox", "dead_letters", "audit", "audit_queue", "audit_heads", "alembic_version"}
_COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type FROM pg_attribute a
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum"""
#: Where a column takes few values only.
FEW = {
    ("accounts", "kind"): "personal",
    ("accounts", "organisation_id"): None,
    ("memberships", "kind"): 2,
    ("memberships", "profile_id"): None,
    ("uploads", "state"): "filed",
    ("messages", "kind"): "access_granted",
    ("messages", "state"): "sent",
    ("attempts", "result"): "accepted",
    ("templates", "kind"): "access_granted",
    ("invoices", "state"): "draft",
}
#: Columns that hold the account, and others of somebody.
ACCOUNT = {"account_id", "personal_id", "subject_account_id", "asked_by", "approved_by", "created_by"}
COLUMNS = {
    **dict.fromkeys(("membership_id", "from_id", "adviser_id", "filed_by"), "membership"),
    **dict.fromkeys(("person_id", "user_id"), "person"),
    **{f"{each}_id": each for each in ("organisation", "session", "message", "contact", "grant")},
    "customer_id": "contact",
    "document_id": "paper",
    "invoice_id": "bill",
}
#: Columns that are named as others are, and are somebody's in another way.
OTHERWISE = {("closings", "asked_by"): "membership"}
#: Whose id the id of a row is.
ROWS = {
    "accounts": "account",
    "memberships": "membership",
    "sessions": "session",
    "messages": "message",
    "grants": "grant",
    "people": "person",
    "scim_users": "person",
    **dict.fromkeys(("contacts", "customers"), "contact"),
    "documents": "paper",
    "invoices": "bill",
}


class Somebody:
    """Who they are, and the row of each table that is theirs."""

    def __init__(self, organisation_id, word):
        self.account, self.membership, self.person = uuid7(), uuid7(), uuid7()
        self.session, self.message, self.contact, self.grant = uuid7(), uuid7(), uuid7(), uuid7()
        self.paper, self.bill = uuid7(), uuid7()
        self.organisation, self.word = organisation_id, word
        self.mail = f"{word}@personne.example"

    def value(self, table, name, kind):
        """What stands in a column."""
        if (table, name) in FEW:
            return FEW[table, name]
        if kind.endswith("[]"):
            own = {"uuid[]": [self.account] if name == "break_glass" else []}
            return own.get(kind, [self.word] if kind in {"text[]", "character varying[]"} else [])
        made = {"uuid": self.identifier, "jsonb": self.document, "text": self.words, "character varying": self.words}
        plain = {"bytea": f"{self.word} {table}.{name}".encode(), "boolean": False}
        return made[kind](table, name) if kind in made else plain.get(kind, 1)

    def words(self, table, name):
        """A text."""
        of_mail = "mail" in name or name.startswith("identifier") or name == "old_key"
        return self.mail if of_mail else f"{self.word} {table}.{name}"

    def document(self, _, name):
        """A document."""
        fact = {"account_id": str(self.account), "membership_id": str(self.membership), "id": str(self.membership)}
        return json.dumps(fact if name == "fact" else {"a": self.word})

    def identifier(self, table, name):
        """An identifier: of the person where the column is one's, else of nothing."""
        found = ROWS.get(table) if name == "id" else "account" if name in ACCOUNT else COLUMNS.get(name)
        found = OTHERWISE.get((table, name), found)
        return getattr(self, found) if found else uuid7()


@pytest.fixture(params=SERVICES)
async def base(request, databases):
    """A service's map, its database, and a connection to which no rule applies."""
    urls = await databases.make(f"parvis_{request.param}")
    connection = await asyncpg.connect(urls.superuser)
    await connection.execute("SET session_replication_role = replica")  # rows without those that they point to
    database = Database(urls.service, service=request.param, pool=2)
    yield SimpleNamespace(
        holdings=importlib.import_module(f"parvis_{request.param}.holdings").HOLDINGS,
        database=database,
        connection=connection,
    )
    await database.close()
    await connection.close()


async def insert(connection, query, *values):
    """Inserts; a check that no made-up row can pass is left out, the others hold for what an erasure leaves too."""
    while True:
        try:
            return await connection.execute(query, *values)
        except asyncpg.CheckViolationError as error:
            await connection.execute(f"ALTER TABLE {error.table_name} DROP CONSTRAINT {error.constraint_name}")


async def fill(base, who):
    """A row of somebody in every table."""
    for table in base.holdings:
        if table.name in ASIDE:
            continue
        columns = await base.connection.fetch(_COLUMNS, table.name)
        names = ", ".join(each["name"] for each in columns)
        places = ", ".join(f"${n}::{each['type']}" for n, each in enumerate(columns, 1))
        values = [stamp(who.value(table.name, each["name"], each["type"]), each["type"]) for each in columns]
        await insert(
            base.connection,
            f"INSERT INTO {table.name} ({names}) OVERRIDING SYSTEM VALUE VALUES ({places}) ON CONFLICT DO NOTHING",  # noqa: S608 - of the map
            *values,
        )


def stamp(value, kind):
    """Moments are now."""
    if kind.startswith("timestamp"):
        return datetime.now(UTC)
    return date(2026, 1, 1) if kind == "date" else value


async def rows(base, table):
    """All rows of a table as text, with the columns apart."""
    found = await base.connection.fetch(f"SELECT row_to_json(t)::text AS row FROM {table} t")  # noqa: S608 - of the map
    return sorted(each["row"] for each in found)


async def erased(base, who):
    async with base.database.begin(Caller("records"), organisation_id=who.organisation) as unit:
        return await erasure.erase(unit, base.holdings, account=who.account, membership=who.membership)


async def test_nothing_of_a_person_stays_that_the_map_does_not_say(base):
    firm = uuid7()
    person, colleague, stranger = Somebody(firm, "zoe"), Somebody(firm, "yann"), Somebody(uuid7(), "xavier")
    for each in (person, colleague, stranger):
        await fill(base, each)
    tables = [table for table in base.holdings if table.name not in ASIDE]
    before = {table.name: await rows(base, table.name) for table in tables}

    done = await erased(base, person)

    for table in tables:
        if not table.person:
            continue
        left = [json.loads(row) for row in await rows(base, table.name)]
        if table.erase is Erasure.DELETED:
            assert len(left) == 2, table.name
            assert done.erased[table.name] >= 1, table.name
        elif table.erase is Erasure.BLANKED:
            said = {
                column
                for row in left
                for column in row
                if column in {*table.personal.split(), *table.blanks} and mentions(row[column], person)
            } - {name for name, how in table.blanks.items() if how == name}
            assert (table.name, said) == (table.name, set())
        else:
            assert done.kept[table.name] == 1, table.name
    for table in tables:  # every column of every table
        lines = await rows(base, table.name)
        assert [line for line in lines if str(person.account) in line] == [], table.name
        if table.person and table.erase is not Erasure.KEPT:
            assert [line for line in lines if person.mail in line] == [], table.name
    for table in tables:  # nobody else's row is another one than it was
        others = [
            row for row in before[table.name] if "yann" in row or "xavier" in row or str(colleague.account) in row
        ]
        after = await rows(base, table.name)
        assert [row for row in others if row not in after] == [], table.name


def mentions(value, who):
    text = json.dumps(value)
    return who.word in text or str(who.account) in text


async def test_a_second_time_changes_nothing(base):
    person = Somebody(uuid7(), "zoe")
    await fill(base, person)
    await erased(base, person)
    before = {table.name: await rows(base, table.name) for table in base.holdings}
    again = await erased(base, person)
    assert {name for name, count in again.erased.items() if count} <= {
        table.name for table in base.holdings if table.erase is Erasure.BLANKED
    }
    ever = {table.name for table in base.holdings if table.name == "memberships"}  # a new account of nobody each time
    after = {name: await rows(base, name) for name in before}
    assert [name for name in before if name not in ever and before[name] != after[name]] == []


async def test_an_account_that_is_nobodys_erases_nothing(base):
    person, nobody = Somebody(uuid7(), "zoe"), Somebody(uuid7(), "personne")
    nobody.organisation = person.organisation
    await fill(base, person)
    before = {table.name: await rows(base, table.name) for table in base.holdings}
    done = await erased(base, nobody)
    assert (done.erased.total(), done.kept.total()) == (0, 0)
    assert {table.name: await rows(base, table.name) for table in base.holdings} == before


async def test_a_contact_that_its_firm_erases_leaves_what_a_law_keeps_and_nothing_else(base):
    firm = uuid7()
    client, other = Somebody(firm, "zoe"), Somebody(firm, "yann")
    for each in (client, other):
        await fill(base, each)
    tables = [table for table in base.holdings if table.contact]
    before = {table.name: await rows(base, table.name) for table in tables}

    async with base.database.begin(Caller("records"), organisation_id=firm) as unit:
        done = await erasure.erase_contact(unit, base.holdings, client.contact)

    for table in tables:
        left = [json.loads(row) for row in await rows(base, table.name)]
        mine = [row for row in left if client.word in json.dumps(row)]
        if table.keep.until is Until.LAW:
            assert done.kept[table.name] == len(mine) == 1, table.name
        elif table.erase is Erasure.BLANKED:
            emptied = {*table.personal.split(), *table.blanks} - {a for a, how in table.blanks.items() if a == how}
            assert [row for row in mine if any(client.word in str(row[name]) for name in emptied)] == [], table.name
            assert done.erased[table.name] == 1, table.name
        else:
            assert (table.name, mine, len(left)) == (table.name, [], 1)
        others = [row for row in before[table.name] if "yann" in row]
        assert [row for row in others if row not in await rows(base, table.name)] == [], table.name
