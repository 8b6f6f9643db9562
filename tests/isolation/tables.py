"""The tables of a database, and what PostgreSQL's catalogue says of each."""

import re
from dataclasses import dataclass

import asyncpg

#: What a table's comment may say.
CLASS = re.compile(r"parvis:(tenant|two-party|global: \S.*)")
#: A column that a policy compares with the organisation of the transaction.
_COMPARED = re.compile(r"\((\w+) = (?:COALESCE\()?\( ?SELECT")
SETTING = "current_setting('parvis.organisation'::text, true)"
NOBODY = "00000000-0000-0000-0000-000000000000"

_TABLES = """
SELECT c.relname AS name, coalesce(obj_description(c.oid, 'pg_class'), '') AS comment, c.relrowsecurity AS enabled,
       c.relforcerowsecurity AS forced, pg_get_userbyid(c.relowner) AS owner,
       array(SELECT p.polname::text FROM pg_policy p WHERE p.polrelid = c.oid ORDER BY p.polname) AS policies,
       array(SELECT p.polcmd::text FROM pg_policy p WHERE p.polrelid = c.oid ORDER BY p.polname) AS commands,
       array(SELECT coalesce(pg_get_expr(p.polqual, p.polrelid), '') FROM pg_policy p
             WHERE p.polrelid = c.oid ORDER BY p.polname) AS seen,
       array(SELECT coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') FROM pg_policy p
             WHERE p.polrelid = c.oid ORDER BY p.polname) AS written
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname
"""
_KEYS = """
SELECT k.conname AS name, k.conrelid::regclass::text AS child, k.confrelid::regclass::text AS parent,
       array(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, i)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.i) AS child_columns,
       array(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, i)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.i) AS parent_columns
FROM pg_constraint k WHERE k.contype = 'f' ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Policy:
    """`command`: "*" for all, "r" for SELECT; `seen` and `written` are its USING and WITH CHECK."""

    name: str
    command: str
    seen: str
    written: str

    @property
    def binds(self) -> bool:
        """Whether it binds every row to the organisation of the transaction, in all that is done."""
        return self.command == "*" and SETTING in self.seen and self.seen == self.written

    @property
    def only_shows(self) -> bool:
        """Whether it lets more be read, and nothing more be done."""
        return self.command == "r"


@dataclass(frozen=True, slots=True)
class Table:
    """A table, with the columns that name the organisations it belongs to (none for a global one)."""

    name: str
    comment: str
    enabled: bool
    forced: bool
    owner: str
    policies: tuple[Policy, ...]

    @property
    def protected(self) -> bool:
        return self.comment in {"parvis:tenant", "parvis:two-party"}

    @property
    def columns(self) -> tuple[str, ...]:
        found = dict.fromkeys(column for policy in self.policies for column in _COMPARED.findall(policy.written))
        return tuple(found)

    def of(self, organisation_id: str) -> str:
        """The condition that a row belongs to an organisation."""
        return "(" + " OR ".join(f"{column} = '{organisation_id}'" for column in self.columns) + ")"


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key with its pairs of columns."""

    name: str
    child: str
    parent: str
    pairs: tuple[tuple[str, str], ...]

    def carries_organisation(self, child: Table, parent: Table) -> bool:
        """Whether a row can only point to a row of an organisation that it belongs to itself."""
        return any(mine in child.columns and theirs in parent.columns for mine, theirs in self.pairs)


async def tables_of(superuser: asyncpg.Connection) -> dict[str, Table]:
    """Every table of a service's database by name."""
    return {
        row["name"]: Table(
            row["name"], row["comment"], row["enabled"], row["forced"], row["owner"],
            tuple(map(Policy, row["policies"], row["commands"], row["seen"], row["written"])),
        )
        for row in await superuser.fetch(_TABLES)
    }  # fmt: skip


async def keys_of(superuser: asyncpg.Connection) -> list[ForeignKey]:
    """Every foreign key of a service's database."""
    return [
        ForeignKey(
            row["name"], row["child"], row["parent"],
            tuple(zip(row["child_columns"], row["parent_columns"], strict=True)),
        )
        for row in await superuser.fetch(_KEYS)
    ]  # fmt: skip
