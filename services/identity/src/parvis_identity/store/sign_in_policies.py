"""What organisations demand at their doors, and who of their staff holds it already."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from parvis_identity.models import SignInPolicy
from parvis_kit.unit import UnitOfWork


@dataclass(frozen=True, slots=True)
class Readiness:
    """What an account holds: a second factor; an identity at a live provider of the organisation; whether it can be
    signed in to without any provider, with a factor of its own.
    """

    has_factor: bool
    known: bool
    stands_alone: bool


async def load(unit: UnitOfWork, organisation_id: UUID, *, lock: bool = False) -> SignInPolicy | None:
    """The policy of an organisation; None: it never saved one."""
    return await unit.get(SignInPolicy, organisation_id, lock=lock)


async def of(unit: UnitOfWork, organisation_ids: Sequence[UUID]) -> dict[UUID, SignInPolicy]:
    """The policies of organisations, as far as they saved one."""
    query = select(SignInPolicy).where(col(SignInPolicy.organisation_id).in_(organisation_ids))
    return {each.organisation_id: each for each in await unit.scalars(query)}


async def insert_unless_there(unit: UnitOfWork, policy: SignInPolicy) -> bool:
    """Adds a policy unless its organisation has one; whether it was added. Waits for another who is adding it."""
    statement = insert(SignInPolicy).values(**policy.model_dump()).on_conflict_do_nothing()
    return (await unit.execute(statement.returning(col(SignInPolicy.organisation_id)))).first() is not None


async def synchronises(unit: UnitOfWork, organisation_id: UUID) -> bool:
    """Whether a directory of the organisation sends its people over SCIM."""
    query = "SELECT 1 FROM scim_users WHERE organisation_id = $1 AND deleted_at IS NULL LIMIT 1"
    return bool(await unit.fetch(query, organisation_id))


async def of_directory(unit: UnitOfWork, organisation_id: UUID, account_ids: Collection[UUID]) -> frozenset[UUID]:
    """Those of these accounts whom leaving a directory of the organisation cuts: a live provider knows them, SCIM sends
    them, or it sends somebody of the same address in a domain that the organisation has verified.
    """
    rows = await unit.fetch(_OF_DIRECTORY, organisation_id, list(account_ids))
    return frozenset(row["id"] for row in rows)


_OF_DIRECTORY = """
WITH sent AS (
  SELECT u.account_id, u.user_name_key AS name, lower(m.mail) AS mail
    FROM scim_users u JOIN accounts m ON m.id = u.account_id
   WHERE u.organisation_id = $1 AND u.deleted_at IS NULL)
SELECT a.id FROM accounts a LEFT JOIN account_links l ON l.managed_id = a.id
 WHERE a.id = ANY($2)
   AND (EXISTS (SELECT 1 FROM sso_identities i JOIN sso_providers p ON p.id = i.provider_id AND p.state = 'live'
                 WHERE i.account_id IN (a.id, l.personal_id) AND p.organisation_id = $1)
        OR a.id IN (SELECT account_id FROM sent) OR l.personal_id IN (SELECT account_id FROM sent)
        OR (a.identifier_key IN (SELECT name FROM sent) OR a.identifier_key IN (SELECT mail FROM sent))
           AND split_part(a.identifier_key, '@', 2) IN
               (SELECT domain FROM sso_domains WHERE organisation_id = $1 AND state IN ('verified', 'lost')))
"""


async def readiness(unit: UnitOfWork, organisation_id: UUID, account_ids: Collection[UUID]) -> dict[UUID, Readiness]:
    """What these accounts hold, also through the personal account that their owner linked."""
    rows = await unit.fetch(_READINESS, organisation_id, list(account_ids))
    return {row["id"]: Readiness(row["has_factor"], row["known"], row["stands_alone"]) for row in rows}


_READINESS = """
SELECT a.id,
       NOT a.directory AND a.state = 'active' AND
           EXISTS (SELECT 1 FROM factors f WHERE f.account_id = a.id AND f.confirmed_at IS NOT NULL) AS stands_alone,
       EXISTS (SELECT 1 FROM factors f WHERE f.account_id IN (a.id, l.personal_id) AND f.confirmed_at IS NOT NULL)
           AS has_factor,
       EXISTS (SELECT 1 FROM sso_identities i JOIN sso_providers p ON p.id = i.provider_id AND p.state = 'live'
                WHERE i.account_id IN (a.id, l.personal_id) AND p.organisation_id = $1) AS known
  FROM accounts a LEFT JOIN account_links l ON l.managed_id = a.id
 WHERE a.id = ANY($2)
"""


@dataclass(frozen=True, slots=True)
class Door:
    """A provider that people sign in with, as its button names it."""

    provider_id: UUID
    name: str


async def doors(unit: UnitOfWork, organisation_id: UUID) -> list[Door]:
    """The live providers of an organisation, in their order."""
    return [Door(row["id"], row["name"]) for row in await unit.fetch(_DOORS, organisation_id)]


_DOORS = """
SELECT id, name FROM sso_providers WHERE organisation_id = $1 AND state = 'live' ORDER BY position, id LIMIT 20
"""


async def has_proof(unit: UnitOfWork, organisation_id: UUID, session_id: UUID) -> bool:
    """Whether a live provider of an organisation vouched for whoever is in a session."""
    return bool(await unit.fetch(_PROOF, session_id, organisation_id))


_PROOF = """
SELECT 1 FROM session_proofs s JOIN sso_providers p ON p.id = s.provider_id AND p.state = 'live'
 WHERE s.session_id = $1 AND s.organisation_id = $2 LIMIT 1
"""


async def live_providers(unit: UnitOfWork, organisation_id: UUID) -> int:
    """Providers with which people can sign in, whose test went through."""
    return int((await unit.fetch(_LIVE, organisation_id))[0]["count"])


_LIVE = """
SELECT count(*) FROM sso_providers WHERE organisation_id = $1 AND state = 'live' AND tried_at IS NOT NULL
"""
