"""Profiles as sets of rights: what of them exists, what can stand in one, and the ceiling.

A profile is flat: rights, each with a scope. The *Administrator* profile holds all that exists, also what later
releases and products add: its rights are computed, not stored. Nobody grants what they do not hold.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from parvis_tenancy.domain.catalogue import ADMINISTRATOR, Right, Rights
from parvis_tenancy.domain.scopes import Scope

#: In place of a scope, where a member's rights differ from their profile: the right is withdrawn.
WITHDRAWN = 0


def of_profile(built_in: str, stored: Iterable[tuple[str, int]], existing: Mapping[str, Right]) -> Rights:
    """The rights of a profile: the stored pairs (code, scope) that exist; all for *Administrator*.

    A right that has no scope (any more) reaches everything it is about.
    """
    if built_in == ADMINISTRATOR:
        return dict.fromkeys(existing, Scope.ALL)
    return {
        code: Scope(scope) if existing[code].scoped else Scope.ALL for code, scope in sorted(stored) if code in existing
    }


def with_difference(rights: Rights, difference: Mapping[str, int], existing: Mapping[str, Right]) -> Rights:
    """The rights of a member whose own differ from their profile's (requirement O6)."""
    pairs = {code: int(scope) for code, scope in rights.items()} | dict(difference)
    return of_profile("", [(code, scope) for code, scope in pairs.items() if scope != WITHDRAWN], existing)


def difference(profile: Rights, wanted: Rights) -> Mapping[str, int]:
    """What `wanted` has otherwise than the profile: code → scope, or WITHDRAWN."""
    return {
        code: int(wanted.get(code, WITHDRAWN))
        for code in sorted(profile.keys() | wanted.keys())
        if profile.get(code) != wanted.get(code)
    }


def told(rights: Rights) -> str:
    """Rights as the trail tells them: "contacts.read:mine members.read:all"."""
    return " ".join(f"{code}:{scope.name.lower()}" for code, scope in sorted(rights.items()))


def above(wanted: Rights, held: Rights) -> tuple[str, ...]:
    """The codes of `wanted` above the ceiling `held`: rights that are not held, or held with a shorter reach."""
    return tuple(code for code, scope in wanted.items() if code not in held or held[code].rank < scope.rank)


def above_when_saving(old: Rights, new: Rights, held: Rights) -> tuple[str, ...]:
    """The codes that a change of a profile touches although they lie above the ceiling of whoever changes it.

    Adding, widening, narrowing and removing all touch a right: nobody takes away either what they could not give.
    """
    touched = {
        code: max(old.get(code, Scope.MINE), new.get(code, Scope.MINE), key=lambda scope: scope.rank)
        for code in old.keys() | new.keys()
        if old.get(code) != new.get(code)
    }
    return tuple(sorted(above(touched, held)))


def above_when_moving(old: Rights, new: Rights, held: Rights) -> tuple[str, ...]:
    """The codes that forbid giving a member the rights `new` instead of `old`: nobody acts on who is above them."""
    return tuple(sorted({*above(old, held), *above(new, held)}))


@dataclass(frozen=True, slots=True)
class WrongRight:
    """A right that cannot stand in a profile: "unknown", "twice", "has_no_scope" or "scope_missing"."""

    code: str
    reason: str


def wrong_rights(wanted: Sequence[tuple[str, int]], existing: Mapping[str, Right]) -> tuple[WrongRight, ...]:
    """What is wrong with pairs (code, scope) that somebody typed, in their order."""
    seen: set[str] = set()
    found: list[WrongRight] = []
    for code, scope in wanted:
        if code not in existing:
            found.append(WrongRight(code, "unknown"))
        elif code in seen:
            found.append(WrongRight(code, "twice"))
        elif scope not in set(Scope):
            found.append(WrongRight(code, "scope_missing"))
        elif scope != Scope.ALL and not existing[code].scoped:
            found.append(WrongRight(code, "has_no_scope"))
        seen.add(code)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Carried:
    """A right that another one, `because`, carried along: `scope` is what it has now, None when it is gone."""

    code: str
    scope: Scope | None
    because: str


def settle(old: Rights, wanted: Rights, existing: Mapping[str, Right]) -> tuple[Rights, tuple[Carried, ...]]:
    """What `wanted` becomes so that no right stands without those it requires, and what was carried along for it.

    What was granted or widened since `old` carries what it requires; what was withdrawn or narrowed carries away, or
    narrows, what requires it. Where both meet, what was granted wins: nothing that somebody just asked for is dropped.
    """
    settled = dict(wanted)
    carried: dict[str, Carried] = {}
    waiting = sorted(code for code, scope in wanted.items() if code not in old or old[code].rank < scope.rank)
    while waiting:
        code = waiting.pop(0)
        for required, needed in _lacking(code, settled, existing):
            settled[required] = needed
            carried[required] = Carried(required, needed, code)
        waiting.extend(each for each in existing[code].requires if each in existing)
    while bare := [(code, lacking[0]) for code in sorted(settled) if (lacking := _lacking(code, settled, existing))]:
        for code, (required, _) in bare:
            narrower = settled.get(required)
            if narrower is None:
                del settled[code]
            else:
                settled[code] = narrower
            carried[code] = Carried(code, narrower, required)
    return settled, tuple(carried[code] for code in sorted(carried))


def _lacking(code: str, rights: Rights, existing: Mapping[str, Right]) -> list[tuple[str, Scope]]:
    """What a right requires and `rights` do not hold, or not as far: (code, how far it would have to reach)."""
    found = []
    for each in existing[code].requires:
        if each not in existing:
            continue
        needed = _needed(existing[code], rights[code], existing[each])
        if each not in rights or rights[each].rank < needed.rank:
            found.append((each, needed))
    return found


def _needed(right: Right, scope: Scope, required: Right) -> Scope:
    if not required.scoped:
        return Scope.ALL
    return scope if right.scoped else Scope.MINE
