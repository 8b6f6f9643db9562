"""What an organisation demands of whoever enters it, and what is still missing: asked at its own door, of nobody who
enters another one.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from parvis_identity.domain.sessions import TWO_FACTORS_ACR


class Step(StrEnum):
    """What somebody has to do before they may enter."""

    #: Sign in with one of the organisation's providers.
    SSO = "sso"
    #: Give the second factor that they have.
    FACTOR = "factor"
    #: Choose a second factor: they have none.
    ENROL = "enrol"
    #: Prove the account itself: only another firm's provider has vouched for them so far.
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a session holds of itself."""

    session_id: UUID
    acr: str
    proof_at: datetime


@dataclass(frozen=True, slots=True)
class Demand:
    """What an organisation asks for. `providers`: its live ones."""

    enforced: bool = False
    #: Whether a second factor is required of the staff, by now, of these profiles (empty: of all).
    factors: bool = False
    profiles: AbstractSet[UUID] = field(default_factory=frozenset)
    break_glass: AbstractSet[UUID] = field(default_factory=frozenset)
    providers: AbstractSet[UUID] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Entering:
    """Who stands at the door. `acr`: the session's, or what a provider of this organisation vouched for, whose word it
    takes; `proven`: its providers that did in this session.
    """

    account_id: UUID
    acr: str
    staff: bool
    profile_id: UUID | None
    has_factor: bool
    proven: AbstractSet[UUID] = field(default_factory=frozenset)


#: How long nobody is offered a second factor again who said "later".
OFFERED_AGAIN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Offer:
    """A second factor is offered to somebody. `required_from`: the day on which their firm demands it."""

    required_from: datetime | None = None


def offered(
    offer: Offer | None, profiles: AbstractSet[UUID], who: Entering, put_off_at: datetime | None, now: datetime
) -> Offer | None:
    """The offer as far as it is made to somebody who enters: to staff whom it concerns, who has none, once a month."""
    if offer is None or not who.staff or who.has_factor or who.acr >= TWO_FACTORS_ACR:
        return None
    if profiles and who.profile_id not in profiles:
        return None
    return offer if put_off_at is None or put_off_at <= now - OFFERED_AGAIN else None


def missing(demand: Demand, who: Entering) -> Step | None:
    """The next step; None: the door is open. Clients of a firm are asked nothing: a firm's demand is on its staff."""
    if not who.staff:
        return None
    strong = who.acr >= TWO_FACTORS_ACR
    # Without a provider a break-glass account comes with the factor that it has: a password alone chooses none here.
    unproven = demand.enforced and not who.proven & demand.providers
    exempt = who.account_id in demand.break_glass and (who.has_factor or strong)
    if unproven and not exempt:
        return Step.SSO
    needs = demand.factors and (not demand.profiles or who.profile_id in demand.profiles)
    if (needs or unproven) and not strong:
        return Step.FACTOR if who.has_factor else Step.ENROL
    return None
