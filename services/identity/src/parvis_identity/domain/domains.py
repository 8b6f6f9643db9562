"""Mail domains of firms: what their proof is worth from one check to the next.

A proof is looked for again every day. When it is gone the firm is warned at once, and the domain counts for a week
more: a record that was lost by mistake locks nobody out, and a domain that was sold leads nowhere of who sold it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

#: The DNS record: `_parvis-challenge.<domain> TXT "parvis-verification=<token>"`.
RECORD_LABEL = "_parvis-challenge"
RECORD_PREFIX = "parvis-verification="
#: How long a domain counts whose proof is gone.
GRACE = timedelta(days=7)
#: How long the word of a postmaster counts: a mailbox changes hands unseen, a record in the DNS does not.
MAIL_COUNTS = timedelta(days=180)
#: How long answers may be missing (the DNS does not answer at all) before they count as a no.
SILENCE = timedelta(days=2)
#: A link to a postmaster lives so long,
MAIL_LIFETIME = timedelta(days=1)
#: and the next is not sent sooner.
MAIL_AGAIN = timedelta(minutes=10)
#: What is not proven yet is looked for by itself so long, then when somebody asks.
SOUGHT = timedelta(days=3)
_EVERY_DAY, _SOON, _OFTEN = timedelta(days=1), timedelta(hours=6), timedelta(minutes=15)
_UNREACHED = timedelta(hours=1)


class DomainState(StrEnum):
    """What the proof of a domain is worth."""

    PENDING = "pending"
    VERIFIED = "verified"
    LOST = "lost"
    OFF = "off"


class Method(StrEnum):
    """How a domain was proven."""

    DNS = "dns"
    MAIL = "mail"


#: These lead people to the firm's provider.
COUNTING = frozenset({DomainState.VERIFIED, DomainState.LOST})


class Found(StrEnum):
    """What a look into the DNS found."""

    RECORD = "record"
    #: Nothing at the name; or texts, and none is ours.
    MISSING = "record_missing"
    OTHER = "record_other"
    #: No answer, or one that says nothing.
    UNREACHABLE = "dns_unreachable"


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of a domain's proof."""

    state: DomainState
    method: str
    created_at: datetime
    verified_at: datetime | None = None
    #: When the DNS last answered.
    checked_at: datetime | None = None
    lost_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Others:
    """Other organisations for which the domain counts: whether there are any, and any by mail alone."""

    any: bool = False
    by_mail: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """What becomes of a domain. `news`: what its administrators are told ("domain_lost", "domain_off"), empty for
    nothing; `shared`: the others are told that it was proven beside them.
    """

    state: DomainState
    method: str
    problem: str = ""
    lost_at: datetime | None = None
    news: str = ""
    shared: bool = False


def after_check(proof: Proof, found: Found, others: Others, now: datetime) -> Checked:
    """What a look into the DNS changes."""
    counts = proof.state in COUNTING
    if found is Found.RECORD and not counts and others.by_mail:
        # Whoever was first keeps it for a week; then the DNS, which a mailbox cannot outvote.
        return Checked(proof.state, proof.method, "held_by_another", shared=True)
    if found is Found.RECORD:
        return Checked(DomainState.VERIFIED, Method.DNS, shared=others.any and not counts)
    if not counts:
        problem = "held_by_another" if others.any and found is not Found.UNREACHABLE else found.value
        return Checked(proof.state, proof.method, problem, proof.lost_at)
    if found is Found.UNREACHABLE and now - (proof.checked_at or proof.created_at) < SILENCE:
        return Checked(proof.state, proof.method, found.value, proof.lost_at)
    if proof.state is DomainState.VERIFIED and proof.method == Method.MAIL:
        return _lost(proof, "mail_proof_old", now) if mail_is_old(proof, now) else Checked(proof.state, proof.method)
    return _lost(proof, found.value, now)


def outvoted(proof: Proof, now: datetime) -> Checked:
    """Another organisation proved by DNS what was proven here by mail."""
    return _lost(proof, "proven_by_another", now)


def _lost(proof: Proof, problem: str, now: datetime) -> Checked:
    lost_at = proof.lost_at or now
    if now - lost_at >= GRACE:
        return Checked(DomainState.OFF, proof.method, problem, lost_at, news="domain_off")
    news = "" if proof.state is DomainState.LOST else "domain_lost"
    return Checked(DomainState.LOST, proof.method, problem, lost_at, news=news)


def mail_is_old(proof: Proof, now: datetime) -> bool:
    """Whether the postmaster's word counts no more."""
    return proof.verified_at is None or now - proof.verified_at >= MAIL_COUNTS


def next_check(checked: Checked, found: Found, created_at: datetime, now: datetime) -> datetime | None:
    """When to look again; None: when somebody asks."""
    match checked.state:
        case DomainState.VERIFIED:
            wait = _UNREACHED if found is Found.UNREACHABLE else _EVERY_DAY
        case DomainState.LOST:
            wait = min(_SOON, max(GRACE - (now - (checked.lost_at or now)), timedelta(0)))
        case DomainState.PENDING if now - created_at < SOUGHT:
            wait = _OFTEN
        case DomainState.OFF:
            wait = _EVERY_DAY
        case _ if checked.problem == "held_by_another":
            wait = _EVERY_DAY
        case _:
            return None
    return now + wait
