"""The one error type of the suite.

    ServiceError(kind, reason, violations, params)

Raised anywhere, translated once at each edge: gRPC status with details (`wire`), problem document (RFC 9457) on
REST, a page on the web.
It carries no sentence: `reason` is a stable code and `params` are its values; sentences live with the pages, in the
reader's language.
"""

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Kind(StrEnum):
    """What went wrong, seen by the caller."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    PRECONDITION = "precondition"
    LIMIT = "limit"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


@dataclass(frozen=True)
class Violation:
    """One field of a request that cannot be accepted: its name, why, and the values the sentence needs."""

    field: str
    reason: str
    params: "Mapping[str, str]" = dataclasses.field(default_factory=dict)


class ServiceError(Exception):
    """See the module. Equal in every process: what one service raises, its caller catches."""

    def __init__(self, kind: Kind, reason: str, /, *, violations: "Sequence[Violation]" = (), **params: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.violations = tuple(violations)
        self.params = params

    def __str__(self) -> str:
        details = ", ".join(f"{name}={value}" for name, value in self.params.items())
        fields = ", ".join(f"{v.field}: {v.reason}" for v in self.violations)
        return f"{self.kind}: {self.reason}" + "".join(f" ({part})" for part in (details, fields) if part)


def invalid(reason: str, violations: "Sequence[Violation]" = (), **params: str) -> ServiceError:
    """The request cannot be accepted, whatever the state; violations name its fields."""
    return ServiceError(Kind.INVALID, reason, violations=violations, **params)


def unauthenticated(reason: str = "unauthenticated", **params: str) -> ServiceError:
    """Nobody known is calling, or the session has ended."""
    return ServiceError(Kind.UNAUTHENTICATED, reason, violations=(), **params)


def forbidden(reason: str, **params: str) -> ServiceError:
    """The caller sees the thing but may not do this to it; params say which right is missing."""
    return ServiceError(Kind.FORBIDDEN, reason, violations=(), **params)


def not_found(reason: str = "not_found", **params: str) -> ServiceError:
    """It does not exist, or the caller may not know that it does."""
    return ServiceError(Kind.NOT_FOUND, reason, violations=(), **params)


def conflict(reason: str, **params: str) -> ServiceError:
    """Somebody else was there first: a taken name, a stale version."""
    return ServiceError(Kind.CONFLICT, reason, violations=(), **params)


def precondition(reason: str, violations: "Sequence[Violation]" = (), **params: str) -> ServiceError:
    """The state of the thing does not allow it now."""
    return ServiceError(Kind.PRECONDITION, reason, violations=violations, **params)


def limit(reason: str, **params: str) -> ServiceError:
    """Too much or too often; params may carry `retry_after` in seconds."""
    return ServiceError(Kind.LIMIT, reason, violations=(), **params)


def unavailable(reason: str, **params: str) -> ServiceError:
    """Something that this needs is down; trying again later may work."""
    return ServiceError(Kind.UNAVAILABLE, reason, violations=(), **params)


def internal(reason: str = "internal", **params: str) -> ServiceError:
    """A mistake of ours; `reference` in params finds it in the logs."""
    return ServiceError(Kind.INTERNAL, reason, violations=(), **params)
