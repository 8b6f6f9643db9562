"""What is asked of somebody who has signed in before a client is answered: by the client (`acr_values`, the claim
`acr`), and by the organisation that a product is launched for (`door`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from parvis_identity.domain import claims as asked_claims
from parvis_identity.domain.asked_strength import Asked, Next
from parvis_identity.domain.door import Standing, Step
from parvis_identity.domain.sessions import PASSWORD_ACR
from parvis_identity.models import Client, FactorMode, SsoMode
from parvis_identity.service import door
from parvis_identity.service.organisations import Employment, Face, Organisations
from parvis_identity.service.provider import SignedIn
from parvis_identity.store import sign_in_policies as policy_store
from parvis_kit.unit import UnitOfWork

_PAGES = {Next.FACTOR: "/step-up?again=1&", Next.ENROL: "/factors/enrol?"}


@dataclass(frozen=True, slots=True)
class FurtherStep:
    """A page of ours asks for more, and leads back to `continuation`. `page` ends where `next=…` begins."""

    page: str
    continuation: str


@dataclass(frozen=True, slots=True)
class Unmet:
    """What the client wants cannot be had, or not without a page: error and description."""

    error: str
    description: str


def asked_of(client: Client, parameters: Mapping[str, str], claims: Mapping[str, Any] | None) -> Asked:
    """How sure a client wants to be."""
    if essential := asked_claims.values(claims, "acr"):
        return Asked(essential, essential=True)
    values = parameters["acr_values"].split() if "acr_values" in parameters else client.default_acr_values
    return Asked(values, essential=False)


async def of_client(
    unit: UnitOfWork, client: Client, asked: Asked, parameters: Mapping[str, str], who: SignedIn, path: str
) -> FurtherStep | Unmet | None:
    """What a client's wish asks for; None: nothing more. A stranger's client is told of nobody for whom a firm's
    provider alone has vouched: no firm opens what a person has elsewhere.
    """
    held = who.session.acr
    may_ask = "none" not in parameters.get("prompt", "").split()
    if client.consent_required and held < PASSWORD_ACR:
        if not may_ask:
            return Unmet("login_required", "The person has not proven the account itself.")
        return FurtherStep(_PAGES[Next.FACTOR], f"{path}?{urlencode(parameters)}")
    if not asked.values or asked.needed(held, has_factor=True, may_ask=may_ask) is Next.NOTHING:
        return None
    has_factor = await door.has_factor(unit, who.account.id)
    step = asked.needed(held, has_factor=has_factor, may_ask=may_ask)
    if step is Next.IMPOSSIBLE:
        return Unmet("unmet_authentication_requirements", "There is no sign-in as sure as that.")
    return FurtherStep(_PAGES[step], f"{path}?{urlencode(parameters)}") if step in _PAGES else None


@dataclass(frozen=True, slots=True)
class Demanding:
    """An organisation that asks somebody for a second factor. `from_day`: from when on; None: now. `alone`: they may
    enter it without its directory, with a second factor.
    """

    organisation: Face
    from_day: datetime | None = None
    alone: bool = False


async def demanding(unit: UnitOfWork, account_id: UUID, employments: Sequence[Employment]) -> Sequence[Demanding]:
    """Which of those whom somebody works for ask them for a second factor, as they are about to remove their last."""
    policies = await policy_store.of(unit, [each.organisation.id for each in employments])
    found = []
    for each in employments:
        policy = policies.get(each.organisation.id)
        if policy is None:
            continue
        alone = policy.sso == SsoMode.ENFORCED and account_id in policy.break_glass
        concerned = not policy.required_profiles or each.profile_id in policy.required_profiles
        if policy.factors == FactorMode.REQUIRED and concerned:
            later = policy.required_from if policy.required_from and policy.required_from > unit.now else None
            found.append(Demanding(each.organisation, later, alone))
        elif alone:
            found.append(Demanding(each.organisation, None, alone))
    return found


async def of_organisation(
    unit: UnitOfWork,
    organisations: Organisations,
    organisation: Face,
    parameters: Mapping[str, str],
    who: SignedIn,
    path: str,
) -> FurtherStep | Unmet | None:
    """What the organisation that a product is launched for asks at its door; None: it is open."""
    if await step_at(unit, organisations, organisation, who) is None:
        return None
    if "none" in parameters.get("prompt", "").split():
        return Unmet("interaction_required", "The organisation asks for a further step.")
    return FurtherStep(f"/door/{organisation.id}?", f"{path}?{urlencode(parameters)}")


async def step_at(unit: UnitOfWork, organisations: Organisations, organisation: Face, who: SignedIn) -> Step | None:
    """What somebody who has signed in has to do before they may enter an organisation."""
    session = who.session
    standing = Standing(session.id, session.acr, session.proof_at)
    return await door.step_of(unit, organisations, who.account.id, standing, organisation.id)
