"""What a case of an RPC is, who calls it wrongly, and what each of them must get.

A case says how to make a request with real identifiers and who may send it. Who may not, and how they are refused,
follows from the rule in the contract; where an RPC differs, its case says so, with the reason.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from contract import SERVICES, rule_of
from google.protobuf.message import Message
from world import Make

from parvis.access.v1 import access_pb2
from parvis_kit.errors import Kind, ServiceError

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_ACTOR = re.compile(r"(?:account|membership)_id\W+([0-9a-f-]{36})")
Outcome = Message | ServiceError


@dataclass(frozen=True, slots=True)
class Refused:
    """Refused with one of these kinds and reasons (no reason: any)."""

    kinds: tuple[Kind, ...]
    reasons: tuple[str, ...] = ()

    def fits(self, outcome: Outcome, _hidden: frozenset[str]) -> bool:
        if not isinstance(outcome, ServiceError) or outcome.kind not in self.kinds:
            return False
        return not self.reasons or outcome.reason in self.reasons


@dataclass(frozen=True, slots=True)
class Own:
    """An answer about what is the caller's own, or a refusal; never a word of what is hidden from them."""

    why: str = ""

    def fits(self, outcome: Outcome, hidden: frozenset[str]) -> bool:
        if isinstance(outcome, ServiceError):
            return outcome.kind is not Kind.INTERNAL
        return not set(_UUID.findall(str(outcome))) & hidden


@dataclass(frozen=True, slots=True)
class OwnActs(Own):
    """The caller's own trail: acts of nobody who is hidden from them. An act names what it was tried on, wherever that
    is from: whoever tried knew it.
    """

    def fits(self, outcome: Outcome, hidden: frozenset[str]) -> bool:
        if isinstance(outcome, ServiceError):
            return outcome.kind is not Kind.INTERNAL
        return not set(_ACTOR.findall(str(outcome))) & hidden


@dataclass(frozen=True, slots=True)
class Rightful:
    """No wrong caller at all: they may do this, for the reason given."""

    why: str


Expected = Refused | Own | Rightful

NOT_FOUND = Refused((Kind.NOT_FOUND,))
OWN = Own()
OWN_ACTS = OwnActs()
RIGHT_MISSING = Refused((Kind.FORBIDDEN,), ("right_missing",))
OUT_OF_SCOPE = Refused((Kind.FORBIDDEN,), ("out_of_scope",))
STAFF_ONLY = Refused((Kind.FORBIDDEN,), ("staff_only",))
INVALID_TOKEN = Refused((Kind.UNAUTHENTICATED,), ("token_invalid",))
EXPIRED = Refused((Kind.UNAUTHENTICATED,), ("token_expired",))
ENDED = Refused((Kind.UNAUTHENTICATED,), ("session_ended",))
NO_TOKEN = Refused((Kind.UNAUTHENTICATED,), ("token_missing",))
NO_MEMBERSHIP = Refused((Kind.UNAUTHENTICATED,), ("no_membership",))
READ_ONLY = Refused((Kind.FORBIDDEN,), ("viewing_read_only",))
NOT_LISTED = Refused((Kind.FORBIDDEN,), ("service_not_allowed",))
SERVICES_ONLY = Refused((Kind.FORBIDDEN,), ("services_only",))
#: A service says for whom it acts, or nothing at all is done.
NOBODYS = Refused((Kind.INVALID, Kind.NOT_FOUND, Kind.FORBIDDEN, Kind.UNAUTHENTICATED))

TOKENS = {
    "product-access-token": INVALID_TOKEN,
    "product-id-token": INVALID_TOKEN,
    "forged-token": INVALID_TOKEN,
    "altered-token": INVALID_TOKEN,
    "unsigned-token": INVALID_TOKEN,
    "expired-token": EXPIRED,
    "other-audience-token": INVALID_TOKEN,
    "other-issuer-token": INVALID_TOKEN,
    "other-type-token": INVALID_TOKEN,
    "clients-key-token": INVALID_TOKEN,
    "cut-member": ENDED,
    "cut-client": ENDED,
}
STEP_UP = Refused((Kind.PRECONDITION,), ("step_up_required",))
#: Right in everything, but that whoever calls proved who they are too long ago: no wrong callers but where it matters.
OLD_PROOFS = dict.fromkeys(("stale-proof-token", "unproven-token"), STEP_UP)
#: Who sees the portal as somebody else does: never lets them change anything, or learn what is the other's alone.
VIEWERS = ("viewer-of-client", "viewer-of-colleague")
#: Who may be a wrong caller only where a case says so.
PEOPLE = {"client", "no-right", "reader", "out-of-scope"}
OTHERS = ("other-firm", "two-firms", "other-firm-client")
WRITING = {"contacts.edit", "accesses.manage", "documents.file", "invoices.edit", "invoices.close"}
SCOPED = WRITING | {"contacts.read", "documents.read", "invoices.read"}


@dataclass(frozen=True, slots=True)
class Case:
    """An RPC with a request that its rightful caller may send.

    `by`: who that is; "service" is the first of `through` in its own name, for the firm. `through`: the services that
    may call it, and no other. `differs`: wrong caller → what they get, where the rule does not say it.
    `answer`: what the rightful caller gets, where that cannot be a success in a running suite.
    """

    method: str
    make: Make
    through: tuple[str, ...] = ("web",)
    by: str = "administrator"
    differs: Mapping[str, Expected] = field(default_factory=dict)
    answer: Refused | None = None
    #: Whether this very request asks for a proof, where the rule does not say so of all.
    fresh: bool = False
    #: The only wrong callers who try, where the same code stands before the same RPC of another service, whose case has
    #: all of them.
    only: frozenset[str] = frozenset()

    @property
    def rule(self) -> access_pb2.Rule:
        return rule_of(self.method)


CASES: dict[str, Case] = {}


def case(
    method: str,
    *,
    through: Sequence[str] = ("web",),
    by: str = "administrator",
    answer: Refused | None = None,
    differs: Mapping[str, Expected] | None = None,
    others: Expected | None = None,
    fresh: bool = False,
    only: Iterable[str] = (),
) -> Callable[[Make], Make]:
    """Registers the request that the function makes. `others` is what everybody of another firm gets."""

    def add(make: Make) -> Make:
        if method in CASES:
            raise ValueError(f"{method} has two cases")
        of_others = dict.fromkeys((*OTHERS, "own-name-other-firm"), others) if others else {}
        CASES[method] = Case(
            method, make, tuple(through), by, of_others | dict(differs or {}), answer, fresh, frozenset(only)
        )
        return make

    return add


def wrong_callers(found: Case) -> dict[str, Refused | Own]:
    """Who must not succeed, and what they get."""
    subject = found.rule.subject
    expected: dict[str, Expected] = {
        f"through-{service}": NOT_LISTED for service in SERVICES if service not in found.through
    }
    if subject == access_pb2.SUBJECT_SERVICE:
        expected |= {"with-subject": SERVICES_ONLY, "own-name-other-firm": NOT_FOUND, "own-name-of-nobody": NOBODYS}
    else:
        expected |= TOKENS | _persons(found) | (OLD_PROOFS if found.rule.fresh or found.fresh else {})
        if not found.rule.viewable:
            expected |= dict.fromkeys(VIEWERS, READ_ONLY)
        if subject == access_pb2.SUBJECT_MEMBER_OR_SERVICE:
            expected |= {"own-name-other-firm": NOT_FOUND, "own-name-of-nobody": NOBODYS}
        else:
            expected |= {"no-token": NO_TOKEN, "own-name": NO_TOKEN}
    kept = {name: each for name, each in found.differs.items() if name in expected}
    more = {name: each for name, each in found.differs.items() if name in PEOPLE - set(expected)}
    tried = {name: each for name, each in (expected | kept | more).items() if not isinstance(each, Rightful)}
    return {name: each for name, each in tried.items() if not found.only or name in found.only}


def _persons(found: Case) -> dict[str, Expected]:
    """People with a token of their own."""
    rule = found.rule
    if rule.subject == access_pb2.SUBJECT_ACCOUNT:
        everybody_else = ("other-firm", "other-firm-client", "other-client", "no-right", "requested-member")
        return dict.fromkeys((each for each in everybody_else if each != found.by), OWN)
    everybody: dict[str, Expected] = dict.fromkeys(("no-organisation", "requested-member"), NO_MEMBERSHIP)
    if found.by == "provider":
        everybody |= dict.fromkeys(("administrator", "other-firm", "two-firms", "provider-no-right"), RIGHT_MISSING)
    else:
        bound = NOT_FOUND if rule.right else OWN
        everybody |= {"other-firm": bound, "two-firms": _or_right_missing(bound)}
        if rule.right:
            everybody["no-right"] = RIGHT_MISSING
        if rule.right in SCOPED:
            everybody["out-of-scope"] = NOT_FOUND
        if rule.right in WRITING:
            everybody["reader"] = OUT_OF_SCOPE
    if rule.subject == access_pb2.SUBJECT_MEMBER_OR_SERVICE and not rule.right:
        everybody |= {"no-right": OWN, "client": OWN}
    if rule.subject == access_pb2.SUBJECT_STAFF:
        return everybody | dict.fromkeys(("client", "other-client", "other-firm-client"), STAFF_ONLY)
    return everybody | dict.fromkeys(("other-client", "other-firm-client"), NOT_FOUND if rule.right else OWN)


def _or_right_missing(expected: Expected) -> Expected:
    """An adviser of another firm lacks many rights there: either refusal tells nothing."""
    return Refused((*expected.kinds, Kind.FORBIDDEN)) if isinstance(expected, Refused) else expected
