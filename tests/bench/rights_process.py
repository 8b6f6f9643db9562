"""Decisions inside a process that has a grant set, beside a bare look-up in a frozenset; what a grant set weighs."""

import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from machine import median
from rights_population import ALL, LargeFirm
from rights_questions import RIGHTS, Question

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.grants import GrantSet, from_message

REPEATED = 60
CACHED = 10_000


def message_of(firm: LargeFirm, number: int) -> tenancy_pb2.GrantSet:
    """The grant set of a member as it travels: eight rights over contacts, two over the organisation."""
    reach = firm.reach(number)
    advisers = [] if reach is None else [str(each) for each in sorted(reach)]
    rights = [tenancy_pb2.CompiledRight(code=code, all=reach is None, adviser_ids=advisers) for code in RIGHTS]
    rights += [tenancy_pb2.CompiledRight(code=code, all=True) for code in ("members.read", "notifications.read")]
    return tenancy_pb2.GrantSet(
        membership_id=str(firm.members[number]),
        organisation_id=str(firm.organisation_id),
        kind=tenancy_pb2.MEMBERSHIP_KIND_STAFF,
        revision=1,
        rights=rights,
    )


@dataclass(frozen=True, slots=True)
class Rates:
    """A second: decisions from grant sets, and bare look-ups with the same sets in the same loop."""

    decisions: float
    bare: float


def rates(firm: LargeFirm, questions: Sequence[Question]) -> Rates:
    """Both in turns, each question as it was drawn. Raises RuntimeError when an answer is wrong."""
    sets = {each.member: from_message(message_of(firm, each.member)) for each in questions}
    asked = [(sets[each.member], each.right, each.advisers) for each in questions]
    for (grants, right, advisers), question in zip(asked, questions, strict=True):
        if grants.reaches(right, advisers) != question.expected:
            raise RuntimeError(f"A grant set answers {question} wrong.")
    limited = [(grants.rights[right], advisers) for grants, right, advisers in asked if grants.rights[right] != "all"]
    decisions, bare = [], []
    for _ in range(5):
        decisions.append(_rate(lambda: _decide(asked), len(asked)))
        bare.append(_rate(lambda: _look_up(limited), len(limited)))
    return Rates(median(decisions), median(bare))


def _decide(asked: Sequence[tuple[GrantSet, str, frozenset]]) -> None:
    for grants, right, advisers in asked:
        grants.reaches(right, advisers)


def _look_up(asked: Sequence[tuple[frozenset, frozenset]]) -> None:
    for reach, advisers in asked:
        reach.isdisjoint(advisers)


def _rate(turn: Callable[[], None], count: int) -> float:
    began = time.perf_counter()
    for _ in range(REPEATED):
        turn()
    return REPEATED * count / (time.perf_counter() - began)


@dataclass(frozen=True, slots=True)
class Weight:
    """Bytes of memory of a grant set, on average over a full cache; of the widest limited one alone; on the wire."""

    average: float
    widest: float
    widest_wire: int
    advisers: int


def weigh(firm: LargeFirm) -> Weight:
    """Sets of all members in turns until a service's cache is full."""
    wire = [message_of(firm, number).SerializeToString() for number in range(len(firm.members))]
    limited = [number for number in range(len(firm.members)) if firm.scope(number) != ALL]
    widest = max(limited, key=lambda number: len(wire[number]))
    average = _bytes_of(lambda: [_read(wire[each % len(wire)]) for each in range(CACHED)]) / CACHED
    alone = _bytes_of(lambda: [_read(wire[widest])])
    return Weight(average, alone, len(wire[widest]), len(firm.reach(widest) or ()))


def _read(wire: bytes) -> GrantSet:
    return from_message(tenancy_pb2.GrantSet.FromString(wire))


def _bytes_of(make: Callable[[], list[GrantSet]]) -> int:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = make()
        return tracemalloc.get_traced_memory()[0] - before if kept else 0
    finally:
        tracemalloc.stop()
