"""Every table of every database: what kind it is, who owns it, and what the service's role can reach in it."""

from dataclasses import dataclass

import asyncpg
import pytest
from contract import SERVICES
from tables import CLASS, NOBODY, SETTING, Table, keys_of, tables_of

#: Foreign keys between protected tables that do not carry the organisation, each with its reason. None does.
EXCEPTED_KEYS: dict[tuple[str, str], str] = {}
#: Policies that show more rows than the organisation's own: who sees them, and why. They let nobody write.
SHOWN = {
    ("memberships", "parvis_account"): ("", "a person chooses among the organisations that they belong to"),
    ("scim_users", "parvis_account"): ("", "identity asks of one account whether any directory lists it"),
    ("access_requests", "parvis_account"): ("", "a person follows their own requests, wherever they asked"),
    ("products", "parvis_served"): (
        "provider_id = (SELECT o.provider_id FROM organisations o WHERE o.id = '{firm}')",
        "what a provider sells is shown to those whom it serves",
    ),
    ("product_rights", "parvis_served"): (
        "provider_id = (SELECT o.provider_id FROM organisations o WHERE o.id = '{firm}')",
        "the rights that a product declares stand in the profiles of those who have it",
    ),
}
#: Tables that have rows of both firms: what is shown on them cannot be shown on an empty table.
FILLED = {
    "identity": {"audit"},
    "tenancy": {"organisations", "memberships", "contacts", "people", "profiles", "structures", "subscriptions"},
    "documents": {"contacts", "documents", "versions", "uploads", "folder_templates", "people"},
    "notify": {"messages", "attempts", "contacts", "organisations"},
    "billing": {"customers", "entitlements", "sellers"},
    "web": set(),
}


@dataclass(slots=True)
class Base:
    """A service's database, as its superuser and as the service."""

    service: str
    superuser: asyncpg.Connection
    connection: asyncpg.Connection
    tables: dict[str, Table]
    firm: str
    other: str

    @property
    def role(self) -> str:
        return f"parvis_{self.service}"

    @property
    def protected(self) -> list[Table]:
        return [table for table in self.tables.values() if table.protected]

    async def enter(self, organisation_id: str) -> None:
        await self.connection.execute("SELECT set_config('parvis.organisation', $1, true)", organisation_id)

    async def count(self, table: Table, condition: str = "true", *, everything: bool = False) -> int:
        connection = self.superuser if everything else self.connection
        return await connection.fetchval(f"SELECT count(*) FROM {table.name} WHERE {condition}")  # noqa: S608 - names of the catalogue

    async def copy(self, table: Table, organisation_id: str) -> str | None:
        """A row of a firm, as JSON."""
        query = f"SELECT to_jsonb(t)::text FROM {table.name} t WHERE {table.of(organisation_id)} LIMIT 1"  # noqa: S608 - idem
        return await self.superuser.fetchval(query)

    async def writes(self, statement: str, *arguments: object) -> str:
        """What a statement of the service does: "UPDATE 0", or "refused"."""
        step = self.connection.transaction()
        await step.start()
        try:
            return await self.connection.execute(statement, *arguments)
        except (asyncpg.InsufficientPrivilegeError, asyncpg.RestrictViolationError):  # a policy, or a trigger before it
            return "refused"
        finally:
            await step.rollback()

    async def inserts(self, table: Table, row: str) -> str:
        return await self.writes(
            f"INSERT INTO {table.name} OVERRIDING SYSTEM VALUE"  # noqa: S608 - idem
            f" SELECT * FROM jsonb_populate_record(NULL::{table.name}, $1::jsonb)",
            row,
        )


@pytest.fixture(scope="session")
async def service_connections(suite):
    addresses = {service: suite.environment(service)["PARVIS_DATABASE_URL"] for service in SERVICES}
    connections = {service: await asyncpg.connect(address) for service, address in addresses.items()}
    yield connections
    for connection in connections.values():
        await connection.close()


@pytest.fixture(params=SERVICES)
async def base(request, service_connections, ledger, cast):
    """One database, in a transaction of the service that leaves nothing."""
    service, superuser = request.param, ledger.connections[request.param]
    connection = service_connections[service]
    transaction = connection.transaction()
    await transaction.start()
    yield Base(service, superuser, connection, await tables_of(superuser), cast.firm, cast.other_firm)
    await transaction.rollback()


async def test_every_table_says_its_class(base):
    silent = [table.name for table in base.tables.values() if not CLASS.fullmatch(table.comment)]
    assert silent == []


async def test_protected_tables_have_a_forced_policy_on_the_organisation(base):
    open_ = [
        table.name
        for table in base.protected
        if not (table.enabled and table.forced and table.columns)
        or [policy.binds for policy in table.policies if not policy.only_shows] != [True]
    ]
    assert open_ == []


async def test_more_is_shown_only_where_it_is_argued(base):
    shown = {(table.name, policy.name) for table in base.protected for policy in table.policies if policy.only_shows}
    service = {each: "identity" if each[0] == "scim_users" else "tenancy" for each in SHOWN}
    assert shown == {each for each in SHOWN if base.service == service[each]}


async def test_what_names_an_organisation_is_protected_or_says_why_not(base):
    rows = await base.superuser.fetch(
        "SELECT table_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name IN ('organisation_id', 'provider_id')"
    )
    named = {row["table_name"] for row in rows}
    unargued = [
        name for name in named if not base.tables[name].protected and "global:" not in base.tables[name].comment
    ]
    assert unargued == []


async def test_there_is_no_way_around_the_tables(base):
    """Views and functions with the rights of their owner would pass by the policies."""
    views = await base.superuser.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm', 'f')"
    )
    functions = await base.superuser.fetch(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
    )
    assert [*views, *functions] == []


async def test_the_service_owns_nothing(base):
    owned = await base.superuser.fetchval(
        "SELECT count(*) FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid"
        " WHERE r.rolname = $1 AND d.deptype = 'o'",
        base.role,
    )
    assert owned == 0
    assert base.role not in {table.owner for table in base.tables.values()}


async def test_the_service_s_role_is_a_plain_one(base):
    role = await base.superuser.fetchrow("SELECT * FROM pg_roles WHERE rolname = $1", base.role)
    powers = ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolreplication")
    memberships = await base.superuser.fetchval(
        "SELECT count(*) FROM pg_auth_members WHERE member = $1::regrole", base.role
    )
    assert [power for power in powers if role[power]] == []
    assert memberships == 0


async def test_the_service_may_not_change_the_schema(base):
    assert not await base.superuser.fetchval("SELECT has_schema_privilege($1, 'public', 'CREATE')", base.role)
    for table in base.tables.values():
        for privilege in ("TRUNCATE", "REFERENCES", "TRIGGER"):
            held = await base.superuser.fetchval(
                "SELECT has_table_privilege($1, $2, $3)", base.role, table.name, privilege
            )
            assert not held, f"{privilege} on {table.name}"


async def test_the_service_appends_to_its_audit_trail_and_changes_only_what_sealing_and_erasing_need(base):
    columns = await base.superuser.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'audit'::regclass AND attnum > 0 AND NOT attisdropped"
        " AND has_column_privilege($1, 'audit', attname, 'UPDATE')",
        base.role,
    )
    assert {row["attname"] for row in columns} == {"seq", "previous", "content_digest", "digest", "details", "salt"}
    assert not await base.superuser.fetchval("SELECT has_table_privilege($1, 'audit', 'DELETE')", base.role)


async def test_the_service_reaches_no_other_database(base):
    others = [f"parvis_{service}" for service in SERVICES if service != base.service]
    reached = [
        name
        for name in others
        if await base.superuser.fetchval("SELECT has_database_privilege($1, $2, 'CONNECT')", base.role, name)
    ]
    assert reached == []


async def test_the_tests_have_something_to_show(base):
    for name in FILLED[base.service]:
        for organisation_id in (base.firm, base.other):
            condition = base.tables[name].of(organisation_id)
            assert await base.count(base.tables[name], condition, everything=True), f"{name} has no row of a firm"


async def test_without_organisation_there_is_no_row(base):
    outside = f"organisation_id <> '{NOBODY}'"  # acts outside of any organisation are a chain of their own
    seen = {
        table.name: await base.count(table, outside if table.name == "audit" else "true") for table in base.protected
    }
    assert {name: count for name, count in seen.items() if count} == {}


async def test_without_organisation_nothing_is_written(base):
    for table in base.protected:
        if row := await base.copy(table, base.firm):
            assert await base.inserts(table, row) == "refused", table.name


async def test_a_firm_sees_all_that_is_its_own_and_nothing_else(base):
    await base.enter(base.firm)
    for table in base.protected:
        more = [told.format(firm=base.firm) for (name, _), (told, _) in SHOWN.items() if name == table.name and told]
        own = " OR ".join([table.of(base.firm), *more])
        assert await base.count(table) == await base.count(table, own, everything=True), table.name
        assert await base.count(table, f"NOT ({own})") == 0, table.name


@pytest.mark.parametrize(
    "statement", ["UPDATE {name} SET {column} = {column} WHERE {of}", "DELETE FROM {name} WHERE {of}"]
)
async def test_a_firm_touches_nothing_of_another(base, statement):
    await base.enter(base.firm)
    for table in base.protected:
        theirs = f"{table.of(base.other)} AND NOT {table.of(base.firm)}"
        told = statement.format(name=table.name, column=table.columns[0], of=theirs)
        assert await base.writes(told) in {"UPDATE 0", "DELETE 0", "refused"}, table.name


async def test_a_firm_writes_nothing_for_another(base):
    await base.enter(base.firm)
    for table in base.protected:
        if row := await base.copy(table, base.other):
            assert await base.inserts(table, row) == "refused", table.name


async def test_a_firm_gives_nothing_away(base):
    await base.enter(base.firm)
    for table in base.protected:
        moved = ", ".join(f"{column} = '{base.other}'" for column in table.columns)
        result = await base.writes(f"UPDATE {table.name} SET {moved} WHERE {table.of(base.firm)}")  # noqa: S608 - idem
        assert result in {"refused", "UPDATE 0"}, table.name


async def test_the_organisation_of_a_transaction_ends_with_it(base):
    await base.enter(base.firm)
    await base.connection.execute("ROLLBACK; BEGIN")
    assert await base.connection.fetchval(f"SELECT nullif({SETTING}, '')") is None


async def test_foreign_keys_between_protected_tables_carry_the_organisation(base):
    crossing = [
        (key.child, key.name)
        for key in await keys_of(base.superuser)
        if base.tables[key.child].protected
        and base.tables[key.parent].protected
        and not key.carries_organisation(base.tables[key.child], base.tables[key.parent])
    ]
    assert [key for key in crossing if key not in EXCEPTED_KEYS] == []
    assert [key for key in EXCEPTED_KEYS if key not in crossing and key[0] in base.tables] == []


async def test_an_account_reads_its_own_memberships_anywhere_and_nothing_else(service_connections, cast):
    karim = await cast.member("two-firms")
    connection = service_connections["tenancy"]
    async with connection.transaction():
        await connection.execute("SELECT set_config('parvis.account', $1, true)", karim.account_id)
        seen = await connection.fetch("SELECT organisation_id::text, account_id::text FROM memberships")
        changed = await connection.execute("UPDATE memberships SET mail = mail")
    assert {row["account_id"] for row in seen} == {karim.account_id}
    assert {cast.firm, cast.other_firm} <= {row["organisation_id"] for row in seen}
    assert changed == "UPDATE 0"
