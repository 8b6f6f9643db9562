"""What products ask and get (OpenID AuthZEN Authorization API 1.0): questions, answers, parts of lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

Semantic = Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"]


@dataclass(frozen=True, slots=True)
class Asker:
    """A product. `pairwise`: it knows people by identifiers of its own, which only identity could resolve."""

    client_id: str
    pairwise: bool = False


@dataclass(frozen=True, slots=True)
class Thing:
    """A subject or a resource as the product names it; a search leaves the identifier empty."""

    type: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """May the subject do the action to the resource? `organisation`: identifier or short name, empty where there is
    only one that could be meant. `revision`: that of an earlier answer, 0 for none.
    """

    subject: Thing
    action: str
    resource: Thing
    organisation: str = ""
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """Yes, or no with a reason."""

    allowed: bool = False
    reason: str = ""
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A part of a list: results at most (0: the usual number) and where it begins."""

    limit: int = 0
    token: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A part of a list, and where it goes on (empty: nowhere)."""

    ids: Sequence[UUID] = ()
    next_token: str = ""
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, as the product names it. `reason` says why there can be nothing."""

    things: Sequence[Thing] = ()
    actions: Sequence[str] = ()
    next_token: str = ""
    total: int | None = None
    reason: str = ""
    revision: int = 0
