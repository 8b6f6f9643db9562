"""Who is calling, and in whose name this process calls others.

One type everywhere. The edges (gRPC server, web session, bus) say who is acting for the length of a request; the
client side of the kit
carries that on, so that nobody passes tokens around by hand.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

MembershipKind = Literal["staff", "portal", ""]


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
    amr: tuple[str, ...] = ()
    auth_time: datetime | None = None
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
    traceparent: str = ""
    #: `time.monotonic()` at which the request at hand is over; None outside a request.
    deadline: float | None = None


_NOBODY = Acting()
_acting: ContextVar[Acting] = ContextVar("parvis_acting", default=_NOBODY)


def acting() -> Acting:
    """What outgoing calls of this task carry."""
    return _acting.get()


@contextmanager
def acting_as(what: Acting) -> Iterator[None]:
    """Calls inside the block carry `what`."""
    previous = _acting.set(what)
    try:
        yield
    finally:
        _acting.reset(previous)


@contextmanager
def acting_for(organisation_id: UUID | None, *, traceparent: str = "") -> Iterator[None]:
    """Calls inside the block are made in the service's own name, for an organisation (or none)."""
    with acting_as(Acting(organisation_id=organisation_id, traceparent=traceparent)):
        yield
