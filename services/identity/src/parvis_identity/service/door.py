"""The door of an organisation: what its policy demands of a session, and what is missing (domain.door)."""

from datetime import datetime
from uuid import UUID

import asyncpg

from parvis_identity.domain.door import Demand, Entering, Offer, Standing, Step, missing, offered
from parvis_identity.domain.sessions import PASSWORD_ACR, VOUCHED_ACR
from parvis_identity.models import FactorMode, SsoMode
from parvis_identity.service.organisations import Membership, Organisations
from parvis_identity.store.openid import Granted
from parvis_kit.caller import Caller
from parvis_kit.errors import precondition
from parvis_kit.unit import UnitOfWork


async def step(
    unit: UnitOfWork, account_id: UUID, standing: Standing, organisation_id: UUID, membership: Membership
) -> Step | None:
    """What somebody has to do before they may enter an organisation: one statement, and none of the answers is kept."""
    if await _is_vouched_elsewhere(unit, standing, organisation_id):
        return Step.OWN
    row = await _demanded(unit, account_id, standing, organisation_id)
    return None if row is None else missing(_demand(row, unit.now), _entering(row, account_id, standing, membership))


async def step_of(
    unit: UnitOfWork, organisations: Organisations, account_id: UUID, standing: Standing, organisation_id: UUID
) -> Step | None:
    """The same; tenancy is asked for the membership only where something is demanded. Raises NOT_FOUND, UNAVAILABLE."""
    if await _is_vouched_elsewhere(unit, standing, organisation_id):
        return Step.OWN
    row = await _demanded(unit, account_id, standing, organisation_id)
    if row is None:
        return None
    membership = await organisations.membership(account_id, organisation_id)
    return missing(_demand(row, unit.now), _entering(row, account_id, standing, membership))


async def vouching(unit: UnitOfWork, standing: Standing) -> list[UUID]:
    """The organisations whose providers vouched in a session where nothing else stands; none where something does."""
    if standing.acr >= PASSWORD_ACR:
        return []
    return [row[0] for row in await unit.fetch(_VOUCHING, standing.session_id, unit.now)]


_VOUCHING = """
SELECT DISTINCT organisation_id FROM session_proofs WHERE session_id = $1 AND (ends_at IS NULL OR ends_at > $2)
 ORDER BY 1
"""


def require_own(caller: Caller) -> None:
    """Whoever sees or changes what is of the account itself has proven it. Raises PRECONDITION door_closed."""
    if caller.acr == VOUCHED_ACR:
        raise precondition("door_closed", step=Step.OWN.value)


async def closed_to(unit: UnitOfWork, organisations: Organisations, granted: Granted) -> str:
    """Why what was granted for an organisation counts no more at its door, for whoever writes the client; empty while
    it does, and where it was granted for none. Raises NOT_FOUND, UNAVAILABLE.
    """
    grant = granted.grant
    if grant.organisation_id is None:
        return ""
    found = await step_of(unit, organisations, grant.account_id, granted.standing, grant.organisation_id)
    if found is None:
        return ""
    return f"The organisation asks for more than the session holds ({found.value}): the person must sign in again."


async def has_factor(unit: UnitOfWork, account_id: UUID) -> bool:
    """Whether an account has a second factor."""
    query = "SELECT 1 FROM factors WHERE account_id = $1 AND confirmed_at IS NOT NULL LIMIT 1"
    return bool(await unit.fetch(query, account_id))


async def _is_vouched_elsewhere(unit: UnitOfWork, standing: Standing, organisation_id: UUID) -> bool:
    """Whether nothing but the word of another firm's provider stands in a session: no firm opens what a person has
    elsewhere.
    """
    if standing.acr >= PASSWORD_ACR:
        return False
    return not await unit.fetch(_VOUCHED_HERE, standing.session_id, organisation_id, unit.now)


_VOUCHED_HERE = """
SELECT 1 FROM session_proofs
 WHERE session_id = $1 AND organisation_id = $2 AND (ends_at IS NULL OR ends_at > $3) LIMIT 1
"""


async def _demanded(
    unit: UnitOfWork, account_id: UUID, standing: Standing, organisation_id: UUID
) -> asyncpg.Record | None:
    rows = await unit.fetch(_AT_THE_DOOR, organisation_id, standing.session_id, account_id, unit.now)
    return rows[0] if rows else None


def _entering(row: asyncpg.Record, account_id: UUID, standing: Standing, membership: Membership) -> Entering:
    acr = max(standing.acr, row["vouched"] or "")
    return Entering(
        account_id,
        acr,
        membership.kind == "staff",
        membership.profile_id,
        row["has_factor"],
        frozenset(row["proven"] or ()),
    )


async def enter(
    unit: UnitOfWork, account_id: UUID, standing: Standing, organisation_id: UUID, membership: Membership
) -> Offer | None:
    """Raises PRECONDITION door_closed with the step that is missing. Who may enter may be offered a second factor."""
    if await _is_vouched_elsewhere(unit, standing, organisation_id):
        _let_in(Step.OWN, organisation_id)
    row = await _demanded(unit, account_id, standing, organisation_id)
    if row is None:
        return None
    who = _entering(row, account_id, standing, membership)
    _let_in(missing(_demand(row, unit.now), who), organisation_id)
    profiles = frozenset(row["required_profiles"])
    return offered(_offer(row, unit.now), profiles, who, row["put_off_at"], unit.now)


async def require_viewer(
    unit: UnitOfWork, organisations: Organisations, account_id: UUID, standing: Standing, organisation_id: UUID
) -> None:
    """The same of whoever sees an organisation as somebody else does: it is their own session that enters."""
    _let_in(await step_of(unit, organisations, account_id, standing, organisation_id), organisation_id)


def _let_in(found: Step | None, organisation_id: UUID) -> None:
    if found is not None:
        raise precondition("door_closed", step=found.value, organisation=str(organisation_id))


def _offer(row: asyncpg.Record, now: datetime) -> Offer | None:
    """What is offered: by a firm that demands nothing, or not yet."""
    if row["factors"] == FactorMode.OFFERED:
        return Offer()
    later = row["factors"] == FactorMode.REQUIRED and row["required_from"] is not None and row["required_from"] > now
    return Offer(row["required_from"]) if later else None


def _demand(row: asyncpg.Record, now: datetime) -> Demand:
    return Demand(
        enforced=row["sso"] == SsoMode.ENFORCED,
        factors=row["factors"] == FactorMode.REQUIRED and (row["required_from"] is None or row["required_from"] <= now),
        profiles=frozenset(row["required_profiles"]),
        break_glass=frozenset(row["break_glass"]),
        providers=frozenset(row["providers"] or ()),
    )


# Nothing comes of an organisation without a policy, which is most of them.
_AT_THE_DOOR = """
SELECT p.sso, p.factors, p.required_from, p.required_profiles, p.break_glass,
       (SELECT array_agg(id) FROM sso_providers WHERE organisation_id = $1 AND state = 'live') AS providers,
       v.proven, v.vouched, (SELECT factor_put_off_at FROM accounts WHERE id = $3) AS put_off_at,
       EXISTS (SELECT 1 FROM factors WHERE account_id = $3 AND confirmed_at IS NOT NULL) AS has_factor
  FROM sign_in_policies p,
       LATERAL (SELECT array_agg(s.provider_id) AS proven, max(s.acr) AS vouched
                  FROM session_proofs s JOIN sso_providers l ON l.id = s.provider_id AND l.state = 'live'
                 WHERE s.session_id = $2 AND s.organisation_id = $1 AND (s.ends_at IS NULL OR s.ends_at > $4)) v
 WHERE p.organisation_id = $1
"""
