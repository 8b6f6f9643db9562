"""Users and groups of an organisation's directory: found by id, by name, by filter. Rows come as they are: documents
are read and written as JSON.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from parvis_kit.unit import UnitOfWork

Row = asyncpg.Record
#: How long one look with a filter may take (milliseconds).
PATIENCE = 2000


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for in a table. `predicate`: SQL/JSON path, empty: everything. `equal`: columns that are known to
    be equal to a value, which an index finds. `with_groups`: the predicate looks at members or groups.
    """

    predicate: str = ""
    equal: tuple[tuple[str, Any], ...] = ()
    with_groups: bool = False
    #: Keys of what is sorted by; of a list: its first value, or its primary one.
    sort: tuple[str, ...] = ()
    descending: bool = False


_USERS = "scim_users"
_COLUMNS = "id, account_id, user_name, external_id, active, document, version, created_at, changed_at"
_GROUP_COLUMNS = "id, display_name, external_id, document, version, created_at, changed_at"
_GROUPS_OF = """
(SELECT coalesce(jsonb_agg(
        jsonb_build_object('value', g.id, 'display', g.compared->'displayName', 'type', 'direct')), '[]')
   FROM scim_group_members m JOIN scim_groups g ON g.id = m.group_id WHERE m.user_id = t.id)"""
_MEMBERS_OF = """
(SELECT coalesce(jsonb_agg(jsonb_build_object('value', u.id, 'type', 'user',
        'display', coalesce(u.compared->'displayName', u.compared->'userName'))), '[]')
   FROM scim_group_members m JOIN scim_users u ON u.id = m.user_id WHERE m.group_id = t.id)"""


async def user(unit: UnitOfWork, user_id: UUID, *, lock: bool = False) -> Row | None:
    """A user that is there; locked when it is about to change."""
    query = f"SELECT {_COLUMNS} FROM scim_users WHERE id = $1 AND deleted_at IS NULL"  # noqa: S608 - names of this module
    rows = await unit.fetch(query + (" FOR UPDATE" if lock else ""), user_id)
    return rows[0] if rows else None


async def of_account(unit: UnitOfWork, account_id: UUID, *, lock: bool = False) -> Row | None:
    """The user of the organisation's directory who has an account."""
    query = f"SELECT {_COLUMNS} FROM scim_users WHERE account_id = $1 AND organisation_id = $2 AND deleted_at IS NULL"  # noqa: S608 - idem
    rows = await unit.fetch(query + (" FOR UPDATE" if lock else ""), account_id, unit.organisation_id)
    return rows[0] if rows else None


async def personal_beside(unit: UnitOfWork, account_id: UUID, mails: Sequence[str]) -> list[UUID]:
    """Personal accounts with one of these addresses (as compared), other than this one, that no user of the
    organisation's directory has.
    """
    rows = await unit.fetch(_PERSONAL_BESIDE, list(mails), account_id, unit.organisation_id)
    return [row["id"] for row in rows]


_PERSONAL_BESIDE = """
SELECT id FROM accounts a
 WHERE organisation_id IS NULL AND identifier_key = ANY($1) AND id <> $2
   AND NOT EXISTS (SELECT 1 FROM scim_users u
                    WHERE u.account_id = a.id AND u.organisation_id = $3 AND u.deleted_at IS NULL)
"""


async def users(unit: UnitOfWork, user_ids: Sequence[UUID]) -> list[Row]:
    """Users that are there, by id."""
    query = f"SELECT {_COLUMNS} FROM scim_users WHERE id = ANY($1) AND deleted_at IS NULL"  # noqa: S608 - idem
    return await unit.fetch(query, list(user_ids))


async def group(unit: UnitOfWork, group_id: UUID, *, lock: bool = False) -> Row | None:
    """A group; locked when it is about to change."""
    query = f"SELECT {_GROUP_COLUMNS} FROM scim_groups WHERE id = $1"  # noqa: S608 - idem
    rows = await unit.fetch(query + (" FOR UPDATE" if lock else ""), group_id)
    return rows[0] if rows else None


async def taken(unit: UnitOfWork, names: Sequence[str], external_ids: Sequence[str]) -> list[Row]:
    """Users that are there with one of these names (as compared) or identifiers of the directory."""
    return await unit.fetch(_TAKEN, unit.organisation_id, list(names), list(external_ids))


_TAKEN = """
SELECT id, user_name_key, external_id FROM scim_users
 WHERE organisation_id = $1 AND deleted_at IS NULL AND (user_name_key = ANY($2) OR external_id = ANY($3))
"""


async def gone(unit: UnitOfWork, external_ids: Sequence[str]) -> dict[str, UUID]:
    """The accounts of deleted users by the identifier that the directory had for them; of several, the last."""
    rows = await unit.fetch(_GONE, unit.organisation_id, list(external_ids))
    return {row["external_id"]: row["account_id"] for row in rows}


_GONE = """
SELECT external_id, account_id FROM scim_users
 WHERE organisation_id = $1 AND deleted_at IS NOT NULL AND external_id = ANY($2) AND external_id <> ''
 ORDER BY deleted_at
"""


async def known_to_sso(unit: UnitOfWork, external_ids: Sequence[str]) -> dict[str, UUID]:
    """Accounts that a provider of the organisation vouched for before the directory sent them, by subject, as far as no
    user of the directory has them: the firm's own, and personal ones that their owners linked.
    """
    rows = await unit.fetch(_KNOWN, unit.organisation_id, list(external_ids))
    return {row["subject"]: row["account_id"] for row in rows}


_KNOWN = """
SELECT i.subject, i.account_id FROM sso_identities i
  JOIN accounts a ON a.id = i.account_id AND (a.organisation_id IS NULL OR (a.organisation_id = $1 AND a.directory))
  JOIN sso_providers p ON p.id = i.provider_id
 WHERE i.organisation_id = $1 AND i.subject = ANY($2) AND p.scim_match IN ('', 'sub')
   AND NOT EXISTS (SELECT 1 FROM scim_users u WHERE u.account_id = i.account_id AND u.deleted_at IS NULL)
"""


async def count(unit: UnitOfWork, table: str, query: Query) -> int:
    """How many fit. Raises asyncpg.QueryCanceledError after PATIENCE."""
    where, values = _where(table, query)
    await _patience(unit)
    rows = await unit.fetch(f"SELECT count(*) AS many FROM {table} t WHERE {where}", *values)  # noqa: S608 - idem
    return int(rows[0]["many"])


async def page(
    unit: UnitOfWork, table: str, query: Query, *, offset: int, most: int, after: UUID | None = None
) -> list[Row]:
    """Those that fit, sorted; from a place on, or behind an id. Raises asyncpg.QueryCanceledError after PATIENCE."""
    where, values = _where(table, query)
    order = "id"
    if query.sort:
        values.append(_first_of(query.sort))
        way = "DESC NULLS FIRST" if query.descending else "ASC NULLS LAST"
        order = (
            f"(jsonb_path_query_first(t.compared, ${len(values)}::text::jsonpath) #>> '{{}}') COLLATE \"C\" {way}, id"
        )
    if after is not None:
        values.append(after)
        where += f" AND t.id > ${len(values)}"
    values += [most, offset]
    columns = _COLUMNS if table == _USERS else _GROUP_COLUMNS
    await _patience(unit)
    return await unit.fetch(
        f"SELECT {columns} FROM {table} t WHERE {where}"  # noqa: S608 - idem
        f" ORDER BY {order} LIMIT ${len(values) - 1} OFFSET ${len(values)}",
        *values,
    )


def _where(table: str, query: Query) -> tuple[str, list[Any]]:
    parts = ["t.deleted_at IS NULL"] if table == _USERS else ["true"]
    values: list[Any] = []
    for column, value in query.equal:
        values.append(value)
        if column in {"group", "member"}:
            mine, theirs = ("user_id", "group_id") if column == "group" else ("group_id", "user_id")
            parts.append(f"t.id IN (SELECT {mine} FROM scim_group_members WHERE {theirs} = ${len(values)})")  # noqa: S608 - idem
        else:
            parts.append(f"t.{column} = ${len(values)}")
    if query.predicate:
        values.append(query.predicate)
        document = "t.compared"
        if query.with_groups:
            more = ("groups", _GROUPS_OF) if table == _USERS else ("members", _MEMBERS_OF)
            document = f"(t.compared || jsonb_build_object('{more[0]}', {more[1]}))"
        parts.append(f"jsonb_path_match({document}, ${len(values)}::text::jsonpath)")
    return " AND ".join(parts), values


def _first_of(keys: tuple[str, ...]) -> str:
    """Of a list the primary value, else the first: `keys` end with "[]" after a list (`jsonpath`)."""
    way = "$"
    for place, key in enumerate(keys):
        if key == "[]":
            rest = "".join(f'."{each}"' for each in keys[place + 1 :])
            return f'{way}[*] ? (@."primary" == true || !exists({way}[*] ? (@."primary" == true))){rest}'
        way += f'."{key}"'
    return way


async def _patience(unit: UnitOfWork) -> None:
    await unit.fetch(f"SELECT set_config('statement_timeout', '{PATIENCE}', true)")


async def groups_of(unit: UnitOfWork, user_ids: Sequence[UUID]) -> dict[UUID, list[Row]]:
    """The groups of users, by name."""
    found: dict[UUID, list[Row]] = {}
    for row in await unit.fetch(_GROUPS, list(user_ids)):
        found.setdefault(row["user_id"], []).append(row)
    return found


_GROUPS = """
SELECT m.user_id, g.id, g.display_name, g.external_id FROM scim_group_members m JOIN scim_groups g ON g.id = m.group_id
 WHERE m.user_id = ANY($1) ORDER BY g.display_name, g.id
"""


async def members_of(unit: UnitOfWork, group_ids: Sequence[UUID]) -> dict[UUID, list[Row]]:
    """The members of groups."""
    found: dict[UUID, list[Row]] = {}
    for row in await unit.fetch(_MEMBERS, list(group_ids)):
        found.setdefault(row["group_id"], []).append(row)
    return found


_MEMBERS = """
SELECT m.group_id, u.id, coalesce(u.document->>'displayName', u.user_name) AS display
  FROM scim_group_members m JOIN scim_users u ON u.id = m.user_id WHERE m.group_id = ANY($1) ORDER BY u.id
"""


async def has_groups(unit: UnitOfWork) -> bool:
    """Whether the directory sends groups at all."""
    return bool(await unit.fetch("SELECT 1 FROM scim_groups LIMIT 1"))


def document_of(row: Row) -> dict[str, Any]:
    """What the directory said."""
    found: dict[str, Any] = row["document"]
    return found
