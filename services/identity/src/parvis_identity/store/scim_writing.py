"""Users and groups of a directory are written: many at a time, and the accounts that they have."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from parvis_identity.models import Account, ScimGroup, ScimUser
from parvis_identity.store.rows import Insertion
from parvis_identity.store.scim_users import Row
from parvis_kit.unit import UnitOfWork

_accounts, _users, _groups = Insertion(Account), Insertion(ScimUser), Insertion(ScimGroup)


async def insert_accounts(unit: UnitOfWork, rows: Sequence[Account]) -> None:
    """Adds accounts. Raises asyncpg.UniqueViolationError when somebody took an identifier at this moment."""
    await _accounts.many(unit, rows)


async def insert_users(unit: UnitOfWork, rows: Sequence[ScimUser]) -> None:
    """Adds users. Raises asyncpg.UniqueViolationError when somebody took a name at this moment."""
    await _users.many(unit, rows)


async def insert_group(unit: UnitOfWork, row: ScimGroup) -> None:
    """Adds a group."""
    await _groups(unit, row)


async def taken_identifiers(unit: UnitOfWork, keys: Sequence[str]) -> set[str]:
    """Which of these identifiers (as compared) accounts of the organisation have."""
    query = "SELECT identifier_key FROM accounts WHERE organisation_id = $1 AND identifier_key = ANY($2)"
    return {row["identifier_key"] for row in await unit.fetch(query, unit.organisation_id, list(keys))}


async def save_user(unit: UnitOfWork, user_id: UUID, **values: Any) -> None:
    """Changes columns of a user."""
    await _save(unit, "scim_users", user_id, values)


async def save_group(unit: UnitOfWork, group_id: UUID, **values: Any) -> None:
    """Changes columns of a group."""
    await _save(unit, "scim_groups", group_id, values)


async def _save(unit: UnitOfWork, table: str, row_id: UUID, values: dict[str, Any]) -> None:
    columns = ", ".join(f"{name} = ${place}" for place, name in enumerate(values, 2))
    told = [json.dumps(each) if isinstance(each, dict) else each for each in values.values()]
    await unit.fetch(f"UPDATE {table} SET {columns} WHERE id = $1", row_id, *told)  # noqa: S608 - names of the models


async def follow(unit: UnitOfWork, account_id: UUID, **values: str) -> None:
    """Keeps names, address and language of an account as its directory has them: only of its own firm's directory."""
    columns = ", ".join(f"{name} = ${place}" for place, name in enumerate(values, 3))
    await unit.fetch(
        f"UPDATE accounts SET {columns}, version = version + 1"  # noqa: S608 - idem
        " WHERE id = $1 AND organisation_id = $2 AND directory",
        account_id, unit.organisation_id, *values.values(),
    )  # fmt: skip


async def lock_account(unit: UnitOfWork, account_id: UUID) -> Row | None:
    """State and owner of an account, kept from other writers."""
    query = "SELECT id, state, organisation_id, directory FROM accounts WHERE id = $1 FOR UPDATE"
    rows = await unit.fetch(query, account_id)
    return rows[0] if rows else None


async def reopen_account(unit: UnitOfWork, account_id: UUID) -> bool:
    """Opens an account of the organisation's directory again that it had closed; whether there was one."""
    query = """
    UPDATE accounts SET state = 'active', closed_by_directory = false, activated_at = coalesce(activated_at, $3)
     WHERE id = $1 AND organisation_id = $2 AND directory AND state = 'disabled' AND closed_by_directory RETURNING id
    """
    return bool(await unit.fetch(query, account_id, unit.organisation_id, unit.now))


async def leave_groups(unit: UnitOfWork, user_id: UUID) -> None:
    """The user is in no group any more."""
    await unit.fetch("DELETE FROM scim_group_members WHERE user_id = $1", user_id)


async def member_ids(unit: UnitOfWork, group_id: UUID) -> set[UUID]:
    """Who is in a group."""
    rows = await unit.fetch("SELECT user_id FROM scim_group_members WHERE group_id = $1", group_id)
    return {row["user_id"] for row in rows}


async def touch_users(unit: UnitOfWork, user_ids: Sequence[UUID], version: int) -> list[Row]:
    """Locks users and gives them a new version, this one or more: what tenancy hears of them changes. In one order, so
    that two groups never wait for each other. Users that are not there are left out.
    """
    return await unit.fetch(_TOUCH, list(user_ids), version)


_TOUCH = """
WITH locked AS (
    SELECT id FROM scim_users WHERE id = ANY($1) AND deleted_at IS NULL ORDER BY id FOR UPDATE
)
UPDATE scim_users u SET version = greatest(u.version + 1, $2) FROM locked WHERE u.id = locked.id
RETURNING u.id, u.account_id, u.document, u.version, u.active
"""


async def add_members(unit: UnitOfWork, group_id: UUID, user_ids: Sequence[UUID]) -> None:
    """Puts users into a group."""
    await unit.fetch(
        "INSERT INTO scim_group_members (organisation_id, group_id, user_id) SELECT $1, $2, unnest($3::uuid[])"
        " ON CONFLICT DO NOTHING",
        unit.organisation_id, group_id, list(user_ids),
    )  # fmt: skip


async def remove_members(unit: UnitOfWork, group_id: UUID, user_ids: Sequence[UUID]) -> None:
    """Takes users out of a group."""
    query = "DELETE FROM scim_group_members WHERE group_id = $1 AND user_id = ANY($2)"
    await unit.fetch(query, group_id, list(user_ids))


async def delete_group(unit: UnitOfWork, group_id: UUID) -> None:
    """The group is no more."""
    await unit.fetch("DELETE FROM scim_groups WHERE id = $1", group_id)
