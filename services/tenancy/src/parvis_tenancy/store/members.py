"""Memberships of staff, profiles, assignments."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from asyncpg import Record
from sqlalchemy import delete, select

from parvis_kit.paging import Cursor
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.catalogue import Rights
from parvis_tenancy.domain.states import MembershipKind
from parvis_tenancy.models import Membership, Profile, ProfileRight, Structure
from parvis_tenancy.store.search import FIRST

_COLUMNS = """m.id, m.account_id, m.given_name, m.family_name, m.mail, m.function, m.profile_id, m.profile_name,
       m.profile_built_in, m.structure_id, s.name AS structure_name, m.state, m.invited_at, m.activated_at,
       m.version, m.sort_key, m.manager_id, u.given_name || ' ' || u.family_name AS manager_name,
       m.tier_id, t.name AS tier_name, m.access_quota, m.is_adviser, m.absent_from, m.absent_until,
       m.directory, m.cut_by_directory,
       ARRAY(SELECT r.code FROM personal_rights r WHERE r.organisation_id = m.organisation_id
             AND r.membership_id = m.id ORDER BY r.code) AS personal_codes,
       ARRAY(SELECT r.scope FROM personal_rights r WHERE r.organisation_id = m.organisation_id
             AND r.membership_id = m.id ORDER BY r.code) AS personal_scopes"""
_FROM = """memberships m
LEFT JOIN structures s ON s.organisation_id = m.organisation_id AND s.id = m.structure_id
LEFT JOIN structures t ON t.organisation_id = m.organisation_id AND t.id = m.tier_id
LEFT JOIN memberships u ON u.organisation_id = m.organisation_id AND u.id = m.manager_id"""
_MATCH = """m.organisation_id = $1 AND m.kind = 1 AND m.state = ANY($2) AND m.search_key LIKE ALL($3)
AND ($4::uuid IS NULL OR m.state IN (1, 2) AND EXISTS (SELECT 1 FROM assignments a
     WHERE a.organisation_id = $1 AND a.product_id = $4 AND a.membership_id = m.id))"""
_COUNT = f"SELECT count(*) FROM memberships m WHERE {_MATCH}"  # noqa: S608 - constants
_PAGE = f"""
SELECT {_COLUMNS} FROM {_FROM} WHERE {_MATCH} AND (m.sort_key, m.id) > ($5, $6)
ORDER BY m.sort_key, m.id LIMIT $7"""  # noqa: S608 - constants
_ONE = f"SELECT {_COLUMNS} FROM {_FROM} WHERE m.organisation_id = $1 AND m.kind = 1 AND m.id = $2"  # noqa: S608

_PROFILES = """
SELECT p.id, p.name, p.built_in, p.version, p.inactive,
       ARRAY(SELECT r.code FROM profile_rights r WHERE r.organisation_id = p.organisation_id
             AND r.profile_id = p.id ORDER BY r.code) AS codes,
       ARRAY(SELECT r.scope FROM profile_rights r WHERE r.organisation_id = p.organisation_id
             AND r.profile_id = p.id ORDER BY r.code) AS scopes,
       (SELECT count(*) FROM memberships m WHERE m.organisation_id = p.organisation_id
        AND m.profile_id = p.id AND m.state <> 4) AS members
FROM profiles p WHERE p.organisation_id = $1 AND ($2::uuid IS NULL OR p.id = $2) ORDER BY p.sort_key, p.id"""

_HOLDERS = """
SELECT given_name || ' ' || family_name AS name, count(*) OVER () AS total FROM memberships
WHERE organisation_id = $1 AND profile_id = $2 AND state <> 4 ORDER BY sort_key, id LIMIT $3"""
_LEAST = """
SELECT p.id FROM profiles p WHERE p.organisation_id = $1 AND p.id <> $2
ORDER BY p.built_in = 'administrator', (SELECT count(*) FROM profile_rights r
         WHERE r.organisation_id = $1 AND r.profile_id = p.id), p.id LIMIT 1"""


async def page(
    unit: UnitOfWork,
    *,
    states: Sequence[int],
    patterns: Sequence[str],
    product_id: UUID | None,
    after: Cursor | None,
    size: int,
) -> tuple[list[Record], int]:
    """Members (those who hold a seat of the product, when one is named) by name after the cursor, and how many."""
    start = after or FIRST
    matched = (unit.organisation_id, list(states), list(patterns), product_id)
    rows = await unit.fetch(_PAGE, *matched, start.key, start.id, size)
    if after is not None:
        return rows, after.total
    return rows, int((await unit.fetch(_COUNT, *matched))[0]["count"])


async def one(unit: UnitOfWork, membership_id: UUID) -> Record | None:
    """A member as lists show them."""
    rows = await unit.fetch(_ONE, unit.organisation_id, membership_id)
    return rows[0] if rows else None


async def staff(unit: UnitOfWork, *, most: int) -> list[Record]:
    """The staff whose membership is open, by name."""
    return await unit.fetch(_STAFF, unit.organisation_id, most)


_STAFF = """
SELECT id, account_id, profile_id, given_name || ' ' || family_name AS name, mail FROM memberships
WHERE organisation_id = $1 AND kind = 1 AND state IN (1, 2) ORDER BY sort_key, id LIMIT $2"""


async def profile_ids(unit: UnitOfWork) -> list[UUID]:
    """All profiles."""
    rows = await unit.fetch("SELECT id FROM profiles WHERE organisation_id = $1", unit.organisation_id)
    return [row["id"] for row in rows]


async def names(unit: UnitOfWork, membership_ids: Collection[UUID]) -> Mapping[UUID, tuple[str, str]]:
    """Names of members, and what lists sort them by."""
    rows = await unit.fetch(
        "SELECT id, given_name || ' ' || family_name AS name, sort_key FROM memberships"
        " WHERE organisation_id = $1 AND id = ANY($2)",
        unit.organisation_id,
        list(membership_ids),
    )
    return {row["id"]: (row["name"], row["sort_key"]) for row in rows}


async def load(
    unit: UnitOfWork, membership_id: UUID, kind: MembershipKind | None = MembershipKind.STAFF
) -> Membership | None:
    """A membership to change, locked."""
    found = await unit.get(Membership, (unit.organisation_id, membership_id), lock=True)
    return found if found is not None and kind in (None, found.kind) else None


async def of_account(unit: UnitOfWork, account_id: UUID, *, lock: bool = True) -> Membership | None:
    """The membership of an account in the organisation of the transaction."""
    statement = select(Membership).where(
        Membership.organisation_id == unit.organisation_id,  # type: ignore[arg-type] # a column
        Membership.account_id == account_id,  # type: ignore[arg-type] # a column
    )
    found = await unit.scalars(statement.with_for_update() if lock else statement)
    return found[0] if found else None


async def of_linked(unit: UnitOfWork, account_id: UUID) -> Membership | None:
    """The membership, in the organisation of the transaction, that a personal account reaches through a link."""
    statement = select(Membership).where(
        Membership.organisation_id == unit.organisation_id,  # type: ignore[arg-type] # a column
        Membership.linked_account_id == account_id,  # type: ignore[arg-type] # a column
    )
    found = await unit.scalars(statement)
    return found[0] if found else None


async def structure(unit: UnitOfWork, structure_id: UUID) -> Structure | None:
    """A structure."""
    return await unit.get(Structure, (unit.organisation_id, structure_id))


async def organisations_of_account(unit: UnitOfWork, account_id: UUID) -> list[UUID]:
    """Where the account of the transaction has a membership, whatever its state."""
    rows = await unit.fetch(
        "SELECT organisation_id FROM memberships WHERE account_id = $1 ORDER BY organisation_id", account_id
    )
    return [row["organisation_id"] for row in rows]


async def profiles(unit: UnitOfWork, profile_id: UUID | None = None) -> list[Record]:
    """All profiles by name with their rights and how many hold them, or the one asked for."""
    return await unit.fetch(_PROFILES, unit.organisation_id, profile_id)


async def profile(unit: UnitOfWork, profile_id: UUID, *, lock: bool = False) -> Profile | None:
    """A profile."""
    return await unit.get(Profile, (unit.organisation_id, profile_id), lock=lock)


async def replace_rights(unit: UnitOfWork, profile_id: UUID, rights: Rights) -> None:
    """Gives a profile exactly these rights."""
    organisation = unit.organisation_id
    await unit.execute(
        delete(ProfileRight).where(
            ProfileRight.organisation_id == organisation,  # type: ignore[arg-type] # a column
            ProfileRight.profile_id == profile_id,  # type: ignore[arg-type] # a column
        )
    )
    unit.add(*_rows(organisation, profile_id, rights))
    await unit.flush()


def _rows(organisation: UUID, profile_id: UUID, rights: Mapping[str, int]) -> list[ProfileRight]:
    return [
        ProfileRight(organisation_id=organisation, profile_id=profile_id, code=code, scope=int(scope))
        for code, scope in rights.items()
    ]


async def holders(unit: UnitOfWork, profile_id: UUID, most: int) -> tuple[int, list[str]]:
    """How many have a profile (withdrawn invitations apart), and the names of the first."""
    rows = await unit.fetch(_HOLDERS, unit.organisation_id, profile_id, most)
    return (rows[0]["total"] if rows else 0), [row["name"] for row in rows]


async def least_profile(unit: UnitOfWork, but: UUID) -> UUID | None:
    """The profile that grants the least, beside one."""
    rows = await unit.fetch(_LEAST, unit.organisation_id, but)
    return rows[0]["id"] if rows else None


async def give_instead(unit: UnitOfWork, profile_id: UUID, replacement: Profile) -> None:
    """Gives everybody who has a profile another one."""
    await unit.fetch(
        "UPDATE memberships SET profile_id = $3, profile_name = $4, profile_built_in = $5, version = version + 1"
        " WHERE organisation_id = $1 AND profile_id = $2",
        unit.organisation_id,
        profile_id,
        replacement.id,
        replacement.name,
        replacement.built_in,
    )


async def rename_profile(unit: UnitOfWork, profile_id: UUID, name: str, built_in: str) -> None:
    """Brings the copies of a profile's name up to date."""
    await unit.fetch(
        "UPDATE memberships SET profile_name = $3, profile_built_in = $4"
        " WHERE organisation_id = $1 AND profile_id = $2",
        unit.organisation_id,
        profile_id,
        name,
        built_in,
    )


async def every_of_account(unit: UnitOfWork, account_id: UUID) -> list[tuple[UUID, UUID]]:
    """Organisation and membership of every membership of an account, wherever the transaction may read it."""
    query = "SELECT organisation_id, id FROM memberships WHERE $1 IN (account_id, linked_account_id)"
    return [(row["organisation_id"], row["id"]) for row in await unit.fetch(query, account_id)]
