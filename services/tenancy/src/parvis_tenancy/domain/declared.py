"""Rights that products declare: what can be declared, beside the catalogue and the rights of other products."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from parvis_tenancy.domain.catalogue import CATALOGUE, Right

#: Rights of one product, at most.
MOST = 100
_CODE = re.compile(r"[a-z][a-z0-9_]{1,30}\.[a-z][a-z0-9_]{1,30}")
#: First words of codes that are ours: a later release may add to them.
RESERVED = frozenset({
    *(right.code.partition(".")[0] for right in CATALOGUE),
    "account", "accounts", "audit", "billing", "identity", "mailings", "messages", "notify", "organisation", "payments",
    "quotes", "rights", "seats", "settings", "signatures", "structures", "subscriptions", "tenancy", "tickets", "usage",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Declared:
    """A right as a product declares it. `scoped`: it can be limited to the contacts of some advisers."""

    code: str
    tab: str
    name_fr: str
    name_en: str
    scoped: bool = False
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """A right of some product of the provider, also one that was withdrawn: its code is never given to another."""

    own: bool
    scoped: bool


@dataclass(frozen=True, slots=True)
class WrongDeclaration:
    """What is wrong with a field ("code", "scoped", "requires") of the declared right at `index`."""

    index: int
    field: str
    reason: str
    about: str = ""


def wrong_declarations(wanted: Sequence[Declared], standing: Mapping[str, Standing]) -> tuple[WrongDeclaration, ...]:
    """All that forbids declaring these rights, in their order.

    Of codes "right_code_malformed", "right_code_reserved", "right_code_taken", "right_declared_twice"; of reach
    "scope_lost" (whoever holds it over some contacts would reach all); of what is required "required_unknown",
    "requires_itself", "requires_scoped", "requires_in_a_circle".
    """
    catalogue = {right.code: right for right in CATALOGUE if not right.provider_only}
    own = {each.code: each for each in wanted}
    seen: set[str] = set()
    found: list[WrongDeclaration] = []
    for index, each in enumerate(wanted):
        if reason := _wrong_code(each.code, standing, seen):
            found.append(WrongDeclaration(index, "code", reason, each.code))
        elif each.code in standing and standing[each.code].scoped and not each.scoped:
            found.append(WrongDeclaration(index, "scoped", "scope_lost", each.code))
        seen.add(each.code)
        found += [
            WrongDeclaration(index, "requires", reason, required)
            for required in each.requires
            if (reason := _wrong_requirement(each, required, catalogue, own))
        ]
    circle = _first_circle(own)
    found += [
        WrongDeclaration(index, "requires", "requires_in_a_circle", circle)
        for index, each in enumerate(wanted)
        if each.code == circle
    ]
    return tuple(found)


def _wrong_code(code: str, standing: Mapping[str, Standing], seen: Iterable[str]) -> str:
    if _CODE.fullmatch(code) is None:
        return "right_code_malformed"
    if code.partition(".")[0] in RESERVED:
        return "right_code_reserved"
    if code in standing and not standing[code].own:
        return "right_code_taken"
    return "right_declared_twice" if code in seen else ""


def _wrong_requirement(
    each: Declared, required: str, catalogue: Mapping[str, Right], own: Mapping[str, Declared]
) -> str:
    if required == each.code:
        return "requires_itself"
    there = own.get(required) or catalogue.get(required)
    if there is None:
        return "required_unknown"
    return "requires_scoped" if there.scoped and not each.scoped else ""


def _first_circle(own: Mapping[str, Declared]) -> str:
    """A right that requires itself through others; empty when none does."""
    for code in own:
        waiting, met = [*own[code].requires], set[str]()
        while waiting:
            next_one = waiting.pop()
            if next_one == code and own[code].requires != (code,):
                return code
            if next_one in own and next_one not in met:
                met.add(next_one)
                waiting.extend(own[next_one].requires)
    return ""
