"""OpenFGA as oracle: the same facts as tuples, the same questions as assertions, answered by an engine of others.

`rights.fga` holds the rules. It knows one right at a time, so the tuples of an organisation are written for each right
that is asked about. The engine decides what scopes, hierarchy, delegations with their times, tiers, products and portal
accesses come to. Resolved here is what a model cannot say, or only so that each answer takes it a second: which scope a
member has after personal differences; that only active members hold; that a delegation which was ended lends nothing,
and a product nothing that it withdrew. The engine says yes or no, never why.

Rules call each other at most 25 times deep there: hierarchies are to have eight levels at most.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from facts import (
    ACTIVE,
    ALL,
    ATTACHED,
    GROUP,
    OF_EVERYBODY,
    PORTAL_RIGHTS,
    RIGHTS,
    WITHDRAWN,
    Access,
    Delegation,
    Facts,
    Member,
    MembershipKind,
    Product,
    Question,
)

MODEL = Path(__file__).with_name("rights.fga")
FGA = Path(sys.executable).with_name("fga")
DEEPEST = 8
ANYBODY = "member:*"
HERE = "organisation:here"
Tuple = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Objects:
    """Which contacts does somebody reach with a right? The answer expected is a set of contacts."""

    kind: MembershipKind
    who: int
    right: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Subjects:
    """Who reaches a contact with a right? The answer expected is a set of (kind, number)."""

    right: str
    contact: int
    at: datetime


@dataclass(slots=True)
class Inquiry:
    """One organisation, and what is expected of the oracle about it."""

    facts: Facts
    decisions: Mapping[Question, bool] = field(default_factory=dict)
    objects: Mapping[Objects, frozenset[int]] = field(default_factory=dict)
    subjects: Mapping[Subjects, frozenset[tuple[MembershipKind, int]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.decisions) + len(self.objects) + len(self.subjects)

    def rights(self) -> Iterable[str]:
        """The rights that are asked about."""
        asked: list[Question | Objects | Subjects] = [*self.decisions, *self.objects, *self.subjects]
        return sorted({each.right for each in asked})


def disagreements(inquiries: Sequence[Inquiry]) -> list[str]:
    """What the oracle answers otherwise than expected, a line each; none means that it agrees with everything."""
    tests = [test for number, inquiry in enumerate(inquiries) for test in _tests(number, inquiry)]
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "rights.fga.yaml"
        store.write_text(json.dumps({"name": "rights", "model": MODEL.read_text(), "tests": tests}))
        command = [str(FGA), "model", "test", "--tests", str(store)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    said = run.stdout + run.stderr
    counted = sum(int(passing) for passing in re.findall(r"(\d+)/\d+ passing", said.partition("# Test Summary")[2]))
    if run.returncode == 0 and counted >= len(tests):
        return []
    return [line.strip() for line in said.splitlines() if "got=" in line or "rror" in line] or [said]


def _tests(number: int, inquiry: Inquiry) -> Iterator[dict[str, Any]]:
    for right in inquiry.rights():
        yield {
            "name": f"{number} {right or 'products'}",
            "tuples": list(_tuples(inquiry.facts, right)),
            "check": [
                {"user": _who(each.kind, each.who), "object": _what(each), "context": _now(each.at),
                 "assertions": {"holds" if each.target == "" else "may": expected}}
                for each, expected in inquiry.decisions.items()
                if each.right == right
            ],
            "list_objects": [
                {"user": _who(each.kind, each.who), "type": "contact", "context": _now(each.at),
                 "assertions": {"may": [f"contact:{contact}" for contact in sorted(expected)]}}
                for each, expected in inquiry.objects.items()
                if each.right == right
            ],
            "list_users": [
                {"object": f"contact:{each.contact}", "user_filter": [{"type": "member"}], "context": _now(each.at),
                 "assertions": {"may": {"users": [f"member:{kind}-{who}" for kind, who in sorted(expected)]}}}
                for each, expected in inquiry.subjects.items()
                if each.right == right
            ],
        }  # fmt: skip


def _who(kind: str, who: int) -> str:
    return f"member:{kind}-{who}"


def _member(who: int) -> str:
    return _who("member", who)


def _what(question: Question) -> str:
    if question.target == "":
        return HERE
    return _member(question.what) if question.target == "member" else f"{question.target}:{question.what}"


def _now(at: datetime) -> dict[str, str]:
    return {"now": at.isoformat()}


def _tuple(user: str, relation: str, of: str) -> Tuple:
    return {"user": user, "relation": relation, "object": of}


def _tuples(facts: Facts, right: str) -> Iterator[Tuple]:
    yield from _of_right(facts, right)
    for who in facts.members:
        yield from _of_member(facts, who, right)
    for each, parent in facts.structures.items():
        if parent is not None:
            yield _tuple(f"structure:{parent}", "parent", f"structure:{each}")
    for delegation in facts.delegations:
        if right in delegation.codes and delegation.ended is None and _is_over_contacts(facts, right):
            yield from _of_delegation(delegation)
    for contact in facts.contacts.values():
        yield _tuple(HERE, "organisation", f"contact:{contact.id}")
        yield from (_tuple(_member(adviser), "adviser", f"contact:{contact.id}") for adviser in contact.advisers)
    for access in facts.accesses.values():
        yield from _of_access(access)
    for product in facts.products.values():
        yield from _of_product(product)
    yield from (_tuple(_member(who), "assigned", f"product:{product}") for product, who in facts.assignments)


def _of_product(product: Product) -> Iterator[Tuple]:
    yield _tuple(HERE, "organisation", f"product:{product.id}")
    if product.subscribed:
        yield _tuple(ANYBODY, "subscribed", f"product:{product.id}")


def _of_delegation(delegation: Delegation) -> Iterator[Tuple]:
    times = {"starts": delegation.starts.isoformat(), "ends": delegation.ends.isoformat()}
    taken = _tuple(_member(delegation.taker), "taker", f"delegation:{delegation.id}")
    yield taken | {"condition": {"name": "in_force", "context": times}}
    yield _tuple(f"delegation:{delegation.id}#taker", "lent", _member(delegation.giver))


def _of_access(access: Access) -> Iterator[Tuple]:
    this = _who("portal", access.id)
    yield _tuple(this, "access", HERE)
    if access.state == ACTIVE:
        yield _tuple(this, "active", HERE)
    yield from (_tuple(this, "access", f"contact:{reached}") for reached in access.contacts)


def _of_right(facts: Facts, right: str) -> Iterator[Tuple]:
    if right in RIGHTS and (facts.provider or not RIGHTS[right].provider_only):
        yield _tuple(ANYBODY, "of_ours", HERE)
    for each in facts.product_rights:
        if each.code == right and not each.withdrawn:
            yield _tuple(f"product:{each.product}", "declared_by", HERE)
    if right in PORTAL_RIGHTS:
        yield _tuple(ANYBODY, "of_portal", HERE)
    if right in OF_EVERYBODY:
        yield _tuple(ANYBODY, "of_everybody", HERE)


def _of_member(facts: Facts, who: int, right: str) -> Iterator[Tuple]:
    member = facts.members[who]
    this = _member(who)
    yield _tuple(HERE, "organisation", this)
    if member.state == ACTIVE:
        yield _tuple(this, "active", HERE)
        yield from _holding(facts, member, right)
    if member.superior is not None:
        yield _tuple(_member(member.superior), "superior", this)
        yield _tuple(this, "subordinate", _member(member.superior))
    if member.structure is not None:
        yield _tuple(f"structure:{member.structure}", "structure", this)
    if member.tier is None:
        yield _tuple(this, "unlimited", HERE)
    else:
        yield _tuple(this, "limited", HERE)
        yield _tuple(this, "limited", f"structure:{member.tier}")


def _holding(facts: Facts, member: Member, right: str) -> Iterator[Tuple]:
    """The scope with which an active member holds the right of its own, if it does."""
    profile = facts.profiles[member.profile]
    if profile.administrator:
        scope = ALL
    elif right in member.personal:
        scope = member.personal[right]
    else:
        scope = profile.rights.get(right, WITHDRAWN)
    if scope == WITHDRAWN:
        return
    if not _is_over_contacts(facts, right):
        scope = ALL
    acting = f"{_member(member.id)}#acting"
    yield _tuple(_member(member.id), "itself", _member(member.id))
    yield _tuple(acting, "holder", HERE)
    if scope == ALL:
        yield _tuple(acting, "everywhere", HERE)
        return
    yield _tuple(acting, "mine", _member(member.id))
    if scope in {ATTACHED, GROUP}:
        yield _tuple(acting, "attached", _member(member.id))
    if scope == GROUP:
        yield _tuple(acting, "group", _member(member.id))


def _is_over_contacts(facts: Facts, right: str) -> bool:
    ours = right in RIGHTS and RIGHTS[right].limited_by == "contact"
    return ours or any(each.code == right and each.scoped for each in facts.product_rights)
