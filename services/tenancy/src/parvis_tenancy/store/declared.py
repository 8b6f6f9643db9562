"""The rights that products declare, and where they are held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from asyncpg import Record

from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.declared import Declared, Standing

_OF_PRODUCT = """
SELECT code, tab, name_fr, name_en, scoped, requires FROM product_rights
WHERE provider_id = $1 AND product_id = $2 AND withdrawn_at IS NULL ORDER BY position, code"""

_STANDING = """
SELECT code, product_id = $2 AS own, scoped FROM product_rights WHERE provider_id = $1"""

_SAVE = """
INSERT INTO product_rights (provider_id, code, product_id, tab, name_fr, name_en, scoped, requires, position)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (provider_id, code) DO UPDATE SET tab = excluded.tab, name_fr = excluded.name_fr,
    name_en = excluded.name_en, scoped = excluded.scoped, requires = excluded.requires, position = excluded.position,
    withdrawn_at = NULL
WHERE product_rights.product_id = excluded.product_id RETURNING code"""

_WITHDRAW = """
UPDATE product_rights SET withdrawn_at = $4
WHERE provider_id = $1 AND product_id = $2 AND withdrawn_at IS NULL AND NOT code = ANY($3)"""

_SUBSCRIBERS = """
SELECT s.organisation_id AS id, o.name FROM subscriptions s JOIN organisations o ON o.id = s.organisation_id
WHERE s.provider_id = $1 AND s.product_id = $2 ORDER BY o.sort_key, o.id"""

_HELD = """
SELECT code, count(*) FILTER (WHERE of_profile) AS profiles, count(*) FILTER (WHERE NOT of_profile) AS members FROM (
    SELECT code, true AS of_profile FROM profile_rights WHERE organisation_id = $1 AND code = ANY($2)
    UNION ALL
    SELECT code, false FROM personal_rights WHERE organisation_id = $1 AND code = ANY($2) AND scope <> 0) held
GROUP BY code"""

_STEP = """
INSERT INTO inbox (message_id, consumer) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING message_id"""

_NAMES = """
SELECT r.code, r.name_fr, r.name_en FROM product_rights r
JOIN subscriptions s ON s.organisation_id = $1 AND s.provider_id = r.provider_id AND s.product_id = r.product_id
WHERE r.withdrawn_at IS NULL"""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """An organisation that has a product."""

    id: UUID
    name: str


async def of_product(unit: UnitOfWork, product_id: UUID) -> list[Record]:
    """What a product of the provider declares now, in its order."""
    return await unit.fetch(_OF_PRODUCT, unit.organisation_id, product_id)


async def standing(unit: UnitOfWork, product_id: UUID) -> Mapping[str, Standing]:
    """All codes that products of the provider have, or had, and whether they are those of this one."""
    rows = await unit.fetch(_STANDING, unit.organisation_id, product_id)
    return {row["code"]: Standing(own=row["own"], scoped=row["scoped"]) for row in rows}


async def replace(unit: UnitOfWork, product_id: UUID, wanted: Sequence[Declared]) -> str:
    """Makes these the rights of a product; what is not among them is withdrawn. Returns a code that another product
    took meanwhile, empty when none was.
    """
    await unit.fetch(_WITHDRAW, unit.organisation_id, product_id, [each.code for each in wanted], unit.now)
    for position, each in enumerate(wanted):
        values = (each.tab, each.name_fr, each.name_en, each.scoped, list(each.requires), position)
        if not await unit.fetch(_SAVE, unit.organisation_id, each.code, product_id, *values):
            return each.code
    return ""


async def subscribers(unit: UnitOfWork, product_id: UUID) -> list[Subscriber]:
    """The organisations that have a product of the provider, by name."""
    rows = await unit.fetch(_SUBSCRIBERS, unit.organisation_id, product_id)
    return [Subscriber(row["id"], row["name"]) for row in rows]


async def held(unit: UnitOfWork, codes: Sequence[str]) -> Mapping[str, tuple[int, int]]:
    """Code → how many profiles of the organisation, and how many members of their own, hold it; those that are."""
    rows = await unit.fetch(_HELD, unit.organisation_id, list(codes))
    return {row["code"]: (row["profiles"], row["members"]) for row in rows}


async def first_time(unit: UnitOfWork, message_id: UUID) -> bool:
    """Whether a message has its effect on the organisation for the first time: this is remembered with the effect."""
    return bool(await unit.fetch(_STEP, message_id, f"tenancy, organisation {unit.organisation_id}"))


async def names(unit: UnitOfWork) -> Mapping[str, dict[str, str]]:
    """Code → `name_fr` and `name_en` of the rights of the products that the organisation has."""
    rows = await unit.fetch(_NAMES, unit.organisation_id)
    return {row["code"]: {"name_fr": row["name_fr"], "name_en": row["name_en"]} for row in rows}
