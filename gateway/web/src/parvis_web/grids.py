"""Grids of rights: what is granted, how far, and how far whoever edits may go. For profiles and for members.

A form sends `right.<code>` with the number of a scope, 0 where the right is not granted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from parvis.tenancy.v1 import tenancy_pb2
from parvis_ui.translations import Words
from parvis_web.rights import group_label, right_label
from parvis_web.sentences import N_
from parvis_web.visit import Form

NONE = tenancy_pb2.SCOPE_UNSPECIFIED
ALL = tenancy_pb2.SCOPE_ALL
#: Scopes by how far they reach. Their numbers are not in this order.
ORDER = (NONE, tenancy_pb2.SCOPE_MINE, tenancy_pb2.SCOPE_ATTACHED, tenancy_pb2.SCOPE_GROUP, ALL)
#: Code → how far it is granted.
Granted = Mapping[str, int]

_PREFIX = "right."
#: Scope → heading of its column, its name, what it means.
_WORDS = {
    tenancy_pb2.SCOPE_MINE: (
        N_("Own"),
        N_("their own clients"),
        N_("The clients of whom they are an adviser, in charge or not."),
    ),
    tenancy_pb2.SCOPE_ATTACHED: (
        N_("+ attached"),
        N_("their own clients and those of colleagues attached to them"),
        N_("Also the clients of colleagues who are attached to them, and of those attached to these in turn."),
    ),
    tenancy_pb2.SCOPE_GROUP: (
        N_("+ group"),
        N_("their own clients and those of their group"),
        N_("Also the clients of everybody attached to the same superior. Who has no superior has no group."),
    ),
    ALL: (N_("All"), N_("all clients"), N_("Every client of the organisation, also those without an adviser.")),
}


def rank(scope: int) -> int:
    """How far a scope reaches: 0 for nothing."""
    return ORDER.index(tenancy_pb2.Scope.ValueType(scope))


@dataclass(frozen=True, slots=True)
class ScopeWords:
    """A scope in words."""

    scope: int
    short: str
    name: str
    meaning: str


def scopes(words: Words) -> tuple[ScopeWords, ...]:
    """The four scopes, from the nearest to the furthest."""
    return tuple(ScopeWords(scope, *(words(each) for each in _WORDS[scope])) for scope in ORDER[1:])


def scope_name(words: Words, scope: int) -> str:
    """How far a right reaches: "their own clients"; "no" where it is not granted."""
    return words(_WORDS[tenancy_pb2.Scope.ValueType(scope)][1]) if scope else words("no")


def _short(words: Words, scope: int) -> str:
    return words(_WORDS[tenancy_pb2.Scope.ValueType(scope)][0])


def reach_of(words: Words, right: tenancy_pb2.Right, scope: int) -> str:
    """The same, of a right that may have no scope."""
    return scope_name(words, scope) if right.scoped or not scope else words("yes")


def label_of(words: Words, right: tenancy_pb2.Right) -> str:
    """What a right lets one do, as the portal or the product that declares it says."""
    declared = right.name_fr if words.language == "fr" else right.name_en
    return declared or right_label(words, right.code)


def labels(words: Words, rights: Iterable[tenancy_pb2.Right]) -> dict[str, str]:
    """Code → what the right lets one do."""
    return {right.code: label_of(words, right) for right in rights}


@dataclass(frozen=True, slots=True)
class Choice:
    """A cell: how far, and whether that is above whoever edits."""

    scope: int
    name: str
    above: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A right. `stored`: as it is saved; `chosen`: as it is shown. `fixed`: whoever edits may not change it."""

    code: str
    label: str
    scoped: bool
    stored: int
    chosen: int
    choices: tuple[Choice, ...]
    fixed: bool
    #: Why not everything can be chosen; empty where it can.
    limit: str
    #: What else is to be said of it.
    note: str = ""

    @property
    def change(self) -> str:
        """What saving would do to it: "added", "removed", or nothing."""
        difference = rank(self.chosen) - rank(self.stored)
        return "added" if difference > 0 else "removed" if difference < 0 else ""


@dataclass(frozen=True, slots=True)
class Group:
    """Rights under one heading: a tab."""

    key: str
    label: str
    rows: tuple[Row, ...]

    @property
    def scoped(self) -> bool:
        """Whether some of them can be limited."""
        return any(row.scoped for row in self.rows)


def grid(
    words: Words,
    rights: Iterable[tenancy_pb2.Right],
    *,
    stored: Granted,
    chosen: Granted,
    held: Granted,
    notes: Mapping[str, str] | None = None,
) -> list[Group]:
    """The rights that exist, by group. `held`: what whoever edits holds; `notes`: more to say of a right, by code."""
    found: dict[str, list[Row]] = {}
    for right in rights:
        row = _row(words, right, stored.get(right.code, 0), chosen.get(right.code, 0), held.get(right.code, 0))
        found.setdefault(right.group, []).append(replace(row, note=(notes or {}).get(right.code, "")))
    return [
        Group(f"g{place}", group_label(words, group), tuple(rows))
        for place, (group, rows) in enumerate(found.items(), start=1)
    ]


def _row(words: Words, right: tenancy_pb2.Right, stored: int, chosen: int, held: int) -> Row:
    most = rank(held)
    offered: Sequence[int] = ORDER if right.scoped else (NONE, ALL)
    choices = tuple(Choice(scope, reach_of(words, right, scope), above=rank(scope) > most) for scope in offered)
    limit = ""
    if not held:
        limit = words("You do not hold this right: you can neither give it nor take it back.")
    elif rank(stored) > most:
        limit = words("Granted further than you hold it (“%(held)s”): you cannot change it.", held=_short(words, held))
    elif choices[-1].above:
        limit = words("You hold it as far as “%(held)s”: you cannot give it further.", held=_short(words, held))
    fixed = not held or rank(stored) > most
    return Row(
        right.code, label_of(words, right), right.scoped, stored, stored if fixed else chosen, choices, fixed, limit
    )


def granted(rights: Iterable[tenancy_pb2.GrantedRight]) -> dict[str, int]:
    """What an answer grants."""
    return {right.code: int(right.scope) for right in rights}


def typed(form: Form) -> list[tenancy_pb2.GrantedRight]:
    """What a form grants. What is no scope is sent on as one that the service refuses."""
    found = []
    for name, value in form.items():
        if name.startswith(_PREFIX) and value != "0":
            scope = int(value) if value in {str(each) for each in ORDER} else NONE
            found.append(
                tenancy_pb2.GrantedRight(code=name.removeprefix(_PREFIX), scope=tenancy_pb2.Scope.ValueType(scope))
            )
    return found


def everything(stored: Granted, held: Granted) -> dict[str, int]:
    """What is granted when all that whoever edits holds is added: nothing is narrowed."""
    return {code: max(stored.get(code, 0), held.get(code, 0), key=rank) for code in stored.keys() | held.keys()}


def within(wanted: Granted, held: Granted) -> dict[str, int]:
    """As much of what is wanted as whoever edits holds."""
    return {code: min(scope, held[code], key=rank) for code, scope in wanted.items() if held.get(code)}


def said_of_carried(
    words: Words, carried: Iterable[tenancy_pb2.CarriedRight], rights: Sequence[tenancy_pb2.Right]
) -> str:
    """What a change carried along, in a sentence for each right that it was for; empty when there is nothing."""
    named, scoped = labels(words, rights), {right.code for right in rights if right.scoped}
    by_cause: dict[tuple[str, bool], list[str]] = {}
    for each in carried:
        name = named.get(each.code, each.code)
        told = (
            words("%(right)s (%(scope)s)", right=name, scope=scope_name(words, each.scope))
            if (each.scope and each.code in scoped)
            else name
        )
        by_cause.setdefault((each.because, bool(each.scope)), []).append(told)
    said = []
    for (because, stands), names in by_cause.items():
        source = _CARRIED if stands else _DROPPED
        said.append(words(source, right=named.get(because, because), rights=", ".join(names)))
    return " ".join(said)


_CARRIED = N_("For “%(right)s” to work, these go with it: %(rights)s.")
_DROPPED = N_("Without “%(right)s”, these could not stand and were taken back: %(rights)s.")
