"""Who is calling, and in whose name this process calls others.

One type everywhere. The edges (gRPC server, web session, bus) say who is acting for the length of a request; the
client side of the kit
carries that on, so that nobody passes tokens around by hand.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

MembershipKind = Literal["staff", "portal", ""]
#: gRPC metadata of calls and trailing metadata of answers.
REVISION = "parvis-revision"
_DIGITS = 18
#: How long ago a person may have proven who they are, for RPCs whose rule says `fresh`.
FRESH = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller. A service in its own name has no account; a person who has not chosen an organisation has no
    membership.
    """

    #: The calling service, proven by its certificate.
    service: str
    account_id: UUID | None = None
    organisation_id: UUID | None = None
    membership_id: UUID | None = None
    kind: MembershipKind = ""
    session_id: UUID | None = None
    #: Strength of the sign-in (OpenID Connect Core 2, RFC 8176).
    acr: str = ""
    #: With the acr "0": the organisations whose providers alone say who this is. They open and see nothing else.
    vouched: tuple[UUID, ...] = ()
    amr: tuple[str, ...] = ()
    auth_time: datetime | None = None
    #: When the person last proved who they are with the strongest that they have: asked for by sensitive acts.
    proof_time: datetime | None = None
    #: When the token was issued: a token from before the end of its membership is worthless, one from after its
    #: return is not.
    issued_at: datetime | None = None
    #: Who is really there, when somebody views as somebody else (RFC 8693, `act`).
    actor: UUID | None = None
    #: The subject's token, to be carried on; empty for a service in its own name.
    token: str = ""

    @property
    def is_service(self) -> bool:
        """Whether the service calls in its own name."""
        return self.account_id is None

    @property
    def is_fresh(self) -> bool:
        """Whether the person proved who they are a moment ago: what sensitive acts ask for. A service need not."""
        return self.is_service or (self.proof_time is not None and datetime.now(UTC) - self.proof_time <= FRESH)

    @property
    def is_staff(self) -> bool:
        """Whether a member of the organisation's staff is acting."""
        return self.kind == "staff"

    @property
    def is_portal(self) -> bool:
        """Whether a contact's person is acting through a portal access."""
        return self.kind == "portal"


@dataclass(frozen=True, slots=True)
class Acting:
    """What outgoing calls carry: a subject's token, or the organisation that the service acts for in its own name."""

    token: str = ""
    organisation_id: UUID | None = None
    #: `time.monotonic()` at which the request at hand is over; None outside a request.
    deadline: float | None = None
    #: Organisation → the revision of its rights that whoever acts has seen: sent with each call, raised by each answer
    #: (docs/adr/0016).
    revisions: dict[str, int] = field(default_factory=dict)

    def saw(self, organisation_id: object, revision: int) -> None:
        """Whoever acts knows of this revision: nothing older is used for them from here on."""
        self.revisions[str(organisation_id)] = max(revision, self.revisions.get(str(organisation_id), 0))

    def hears(self, metadata: Iterable[tuple[str, str | bytes]] | None) -> None:
        """Takes the revisions out of a call's or an answer's metadata; what is none of ours counts for nothing."""
        for name, value in metadata or ():
            organisation, _, revision = str(value).partition(":") if name == REVISION else ("", "", "")
            if revision.isdecimal() and len(revision) <= _DIGITS:
                self.saw(organisation, int(revision))

    def tells(self) -> tuple[tuple[str, str], ...]:
        """The revisions as metadata: "<organisation>:<revision>" each."""
        return tuple((REVISION, f"{organisation}:{revision}") for organisation, revision in self.revisions.items())


_acting: ContextVar[Acting | None] = ContextVar("parvis_acting", default=None)


def acting() -> Acting:
    """What outgoing calls of this task carry."""
    return _acting.get() or Acting()


@contextmanager
def acting_as(what: Acting) -> Iterator[None]:
    """Calls inside the block carry `what`."""
    previous = _acting.set(what)
    try:
        yield
    finally:
        _acting.reset(previous)


@contextmanager
def acting_for(organisation_id: UUID | None) -> Iterator[None]:
    """Calls inside the block are made in the service's own name, for an organisation (or none); they end with the
    request at hand.
    """
    with acting_as(replace(acting(), token="", organisation_id=organisation_id)):
        yield
