"""Mail domains of firms, and whose provider they lead to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from parvis_identity.domain.domains import COUNTING, Others
from parvis_identity.models import SsoDomain
from parvis_kit.unit import UnitOfWork

_COUNTING = tuple(COUNTING)


@dataclass(frozen=True, slots=True)
class Door:
    """A live provider of a firm, as the sign-in page offers it."""

    organisation_id: UUID
    slug: str
    provider_id: UUID
    name: str
    template: str
    enforced: bool


async def doors_of_domain(unit: UnitOfWork, domain: str) -> Sequence[Door]:
    """The live providers of every firm for which the domain counts; one statement, on an index."""
    return [Door(*row) for row in await unit.fetch(_OF_DOMAIN, domain)]


async def doors_of_firm(unit: UnitOfWork, organisation_id: UUID) -> Sequence[Door]:
    """The live providers of a firm, in its order."""
    return [Door(*row) for row in await unit.fetch(_OF_FIRM, organisation_id)]


# A firm that never said what it demands offers what it put into service.
_DOORS = """
SELECT p.organisation_id, p.organisation_slug, p.id, p.name, p.template, coalesce(s.sso, 'offered') = 'enforced'
  FROM {} LEFT JOIN sign_in_policies s ON s.organisation_id = p.organisation_id
 WHERE p.state = 'live' AND coalesce(s.sso, 'offered') <> 'off' AND {}
 ORDER BY p.organisation_slug, p.position, p.id
"""
_OF_DOMAIN = _DOORS.format(
    "sso_domains d JOIN sso_providers p ON p.organisation_id = d.organisation_id",
    "d.domain = $1 AND d.state IN ('verified', 'lost')",
)
_OF_FIRM = _DOORS.format("sso_providers p", "p.organisation_id = $1")


async def of_organisation(unit: UnitOfWork, organisation_id: UUID) -> Sequence[SsoDomain]:
    """A firm's own, by name."""
    query = select(SsoDomain).where(col(SsoDomain.organisation_id) == organisation_id).order_by(col(SsoDomain.domain))
    return list(await unit.scalars(query))


async def owned(unit: UnitOfWork, domain_id: UUID, *, lock: bool = False) -> SsoDomain | None:
    """One of the organisation at hand; None for anybody else's."""
    query = select(SsoDomain).where(
        col(SsoDomain.id) == domain_id, col(SsoDomain.organisation_id) == unit.organisation_id
    )
    found: SsoDomain | None = await unit.scalar(query.with_for_update() if lock else query)
    return found


async def by_mail(unit: UnitOfWork, digest: bytes, *, lock: bool = False) -> SsoDomain | None:
    """The one whose postmaster was sent this secret."""
    query = select(SsoDomain).where(col(SsoDomain.mail_digest) == digest)
    found: SsoDomain | None = await unit.scalar(query.with_for_update() if lock else query)
    return found


async def count(unit: UnitOfWork, organisation_id: UUID) -> int:
    """How many a firm has."""
    query = select(func.count()).select_from(SsoDomain).where(col(SsoDomain.organisation_id) == organisation_id)
    return int(await unit.scalar(query))


async def insert_unless_there(unit: UnitOfWork, domain: SsoDomain) -> bool:
    """Adds one unless the firm has it; whether it was added."""
    statement = insert(SsoDomain).values(**domain.model_dump()).on_conflict_do_nothing()
    return (await unit.execute(statement.returning(col(SsoDomain.id)))).first() is not None


async def remove(unit: UnitOfWork, domain_id: UUID) -> None:
    """Deletes one."""
    await unit.execute(delete(SsoDomain).where(col(SsoDomain.id) == domain_id))


async def hold_name(unit: UnitOfWork, domain: str) -> None:
    """Until the transaction ends nobody else decides whose the domain is."""
    await unit.fetch("SELECT pg_advisory_xact_lock(hashtextextended($1, 3))", f"domain:{domain}")


async def others(unit: UnitOfWork, domain: str, organisation_id: UUID) -> Others:
    """Other organisations for which a domain counts."""
    rows = await unit.fetch(
        "SELECT method FROM sso_domains WHERE domain = $1 AND organisation_id <> $2 AND state IN ('verified', 'lost')",
        domain,
        organisation_id,
    )
    return Others(bool(rows), any(row["method"] == "mail" for row in rows))


async def holders(unit: UnitOfWork, domain: str, but: UUID) -> Sequence[SsoDomain]:
    """Rows of the other organisations for which a domain counts."""
    query = select(SsoDomain).where(
        col(SsoDomain.domain) == domain, col(SsoDomain.organisation_id) != but, col(SsoDomain.state).in_(_COUNTING)
    )
    return list(await unit.scalars(query))


async def lock_holder(unit: UnitOfWork, domain: str, organisation_id: UUID) -> SsoDomain | None:
    """The row of an organisation for which a domain counts, kept from other writers; None when it counts no more."""
    query = select(SsoDomain).where(
        col(SsoDomain.domain) == domain,
        col(SsoDomain.organisation_id) == organisation_id,
        col(SsoDomain.state).in_(_COUNTING),
    )
    found: SsoDomain | None = await unit.scalar(query.with_for_update())
    return found


async def held_elsewhere(unit: UnitOfWork, organisation_id: UUID) -> frozenset[str]:
    """Which of a firm's domains count for others too."""
    rows = await unit.fetch(
        "SELECT DISTINCT o.domain FROM sso_domains m JOIN sso_domains o ON o.domain = m.domain"
        " AND o.organisation_id <> m.organisation_id AND o.state IN ('verified', 'lost') WHERE m.organisation_id = $1",
        organisation_id,
    )
    return frozenset(row["domain"] for row in rows)


async def take_due(unit: UnitOfWork, most: int, lease: timedelta) -> Sequence[SsoDomain]:
    """Those to be looked at now, which nobody else takes until the lease ends."""
    query = (
        select(SsoDomain)
        .where(col(SsoDomain.next_check_at) <= unit.now)
        .order_by(col(SsoDomain.next_check_at))
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    found = list(await unit.scalars(query))
    until: datetime = unit.now + lease
    for each in found:
        each.next_check_at = until
    return found


async def lock(unit: UnitOfWork, domain_id: UUID) -> SsoDomain | None:
    """One, kept from other writers until the transaction ends."""
    return await unit.get(SsoDomain, domain_id, lock=True)
