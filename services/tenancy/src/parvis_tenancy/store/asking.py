"""What is read to answer a product: itself in an organisation, the organisation and the member that it means."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from asyncpg import Record

from parvis_kit.paging import Cursor
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.store.search import FIRST

_PRODUCT = """
SELECT p.id, p.closed_at IS NOT NULL AS closed, r.revision,
       ARRAY(SELECT d.code FROM product_rights d WHERE d.provider_id = p.provider_id AND d.product_id = p.id
             AND d.withdrawn_at IS NULL AND d.scoped ORDER BY d.position) AS scoped,
       ARRAY(SELECT d.code FROM product_rights d WHERE d.provider_id = p.provider_id AND d.product_id = p.id
             AND d.withdrawn_at IS NULL AND NOT d.scoped ORDER BY d.position) AS plain
FROM products p
JOIN subscriptions s ON s.organisation_id = $1 AND s.product_id = p.id
JOIN rights_revisions r ON r.organisation_id = $1
WHERE p.client_id = $2"""

_SUBSCRIBERS = """
SELECT s.organisation_id AS id FROM products p
JOIN subscriptions s ON s.provider_id = p.provider_id AND s.product_id = p.id
WHERE p.provider_id = $1 AND p.client_id = $2 ORDER BY 1 LIMIT $3"""

# A person's own membership comes before one that they reach through a link, and one in use before others.
_OF_ACCOUNT = """
SELECT id FROM memberships WHERE organisation_id = $1 AND (account_id = $2 OR linked_account_id = $2)
ORDER BY state NOT IN (1, 2), account_id <> $2, id LIMIT 1"""


_WHERE_ACCOUNT_IS = """
SELECT organisation_id AS id FROM memberships WHERE account_id = $1 OR linked_account_id = $1
GROUP BY 1 ORDER BY 1 LIMIT $2"""


_USERS = """
SELECT m.id, m.sort_key FROM assignments a
JOIN memberships m ON m.organisation_id = $1 AND m.id = a.membership_id AND m.kind = 1 AND m.state = 2
WHERE a.organisation_id = $1 AND a.product_id = $2 AND (m.sort_key, m.id) > ($3, $4)
ORDER BY m.sort_key, m.id LIMIT $5"""


async def product(unit: UnitOfWork, client_id: str) -> Record | None:
    """The product that is an OpenID client, where the organisation of the transaction subscribes it."""
    rows = await unit.fetch(_PRODUCT, unit.organisation_id, client_id)
    return rows[0] if rows else None


async def organisation_by_slug(unit: UnitOfWork, slug: str) -> UUID | None:
    """An organisation by its short name."""
    rows = await unit.fetch("SELECT organisation_id AS id FROM organisation_directory WHERE slug = $1", slug)
    return rows[0]["id"] if rows else None


async def providers(unit: UnitOfWork) -> list[UUID]:
    """The organisations that register products."""
    rows = await unit.fetch("SELECT organisation_id AS id FROM organisation_directory WHERE kind = 1")
    return [row["id"] for row in rows]


async def subscribers(unit: UnitOfWork, client_id: str, most: int) -> list[UUID]:
    """The organisations that subscribe a product of the organisation of the transaction; `most` of them."""
    return [row["id"] for row in await unit.fetch(_SUBSCRIBERS, unit.organisation_id, client_id, most)]


async def organisations_of_account(unit: UnitOfWork, account_id: UUID, most: int) -> list[UUID]:
    """Where the account of the transaction has, or reaches, a membership; `most` of them."""
    return [row["id"] for row in await unit.fetch(_WHERE_ACCOUNT_IS, account_id, most)]


async def member(unit: UnitOfWork, membership_id: UUID) -> UUID | None:
    """The membership, if it is one of the organisation."""
    rows = await unit.fetch(
        "SELECT id FROM memberships WHERE organisation_id = $1 AND id = $2", unit.organisation_id, membership_id
    )
    return rows[0]["id"] if rows else None


async def member_of_account(unit: UnitOfWork, account_id: UUID) -> UUID | None:
    """The membership that an account has, or reaches, in the organisation."""
    rows = await unit.fetch(_OF_ACCOUNT, unit.organisation_id, account_id)
    return rows[0]["id"] if rows else None


async def accounts_of(unit: UnitOfWork, membership_ids: Sequence[UUID]) -> Mapping[UUID, UUID]:
    """Membership → account."""
    rows = await unit.fetch(
        "SELECT id, account_id FROM memberships WHERE organisation_id = $1 AND id = ANY($2)",
        unit.organisation_id,
        list(membership_ids),
    )
    return {row["id"]: row["account_id"] for row in rows}


async def users(unit: UnitOfWork, product_id: UUID, after: Cursor | None, size: int) -> list[Record]:
    """The active members that a product is assigned to, by name after the cursor."""
    start = after or FIRST
    return await unit.fetch(_USERS, unit.organisation_id, product_id, start.key, start.id, size)
