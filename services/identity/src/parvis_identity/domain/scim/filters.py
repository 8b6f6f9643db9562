"""Filters and paths: their grammar (RFC 7644, 3.4.2.2 and 3.5.2), read into a tree, and whether a document fits.

A filter is bounded in length, depth and number of comparisons before anything is asked of the database.

    Compare(place, operator, value)      userName eq "anna"
    Present(place)                       title pr
    Values(place, node)                  emails[type eq "work"]
    Not(node), And(nodes), Or(nodes)
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from parvis_identity.domain.scim.refusals import invalid_filter, invalid_path, too_many
from parvis_identity.domain.scim.schemas import Attribute, Place, Resource, place

LONGEST: Final = 4000
DEEPEST: Final = 12
MOST_TERMS: Final = 40
ORDERED: Final = frozenset({"gt", "ge", "lt", "le"})
WITHIN: Final = frozenset({"co", "sw", "ew"})
Literal = str | bool | float | int | None


@dataclass(frozen=True, slots=True)
class Compare:
    """An attribute against a value, which is in the form in which both are compared (`comparable`)."""

    place: Place
    operator: str
    value: Literal


@dataclass(frozen=True, slots=True)
class Present:
    """An attribute has a value."""

    place: Place


@dataclass(frozen=True, slots=True)
class Values:
    """One value of a list fits all of what is in the brackets."""

    place: Place
    node: "Node"


@dataclass(frozen=True, slots=True)
class Not:
    """What does not fit."""

    node: "Node"


@dataclass(frozen=True, slots=True)
class And:
    """What fits all."""

    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """What fits one at least."""

    nodes: tuple["Node", ...]


Node = Compare | Present | Values | Not | And | Or


@dataclass(frozen=True, slots=True)
class Path:
    """Where an operation of PATCH works: an attribute or its part; of a list, the values that fit `node`."""

    place: Place
    node: Node | None = None


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*")
    | (?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![\w.:$-])
    | (?P<name>(?:urn:(?:[A-Za-z0-9_-]+[:.])+)?[A-Za-z$][A-Za-z0-9_$-]*(?:\.[A-Za-z$][A-Za-z0-9_$-]*)?)
    | (?P<mark>[()\[\]]|\.(?=[A-Za-z$]))
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_END = ("end", "")


def comparable(attribute: Attribute, value: object) -> object:
    """A value in the form in which it is compared: texts in one case unless the attribute is exact, moments in UTC."""
    if not isinstance(value, str):
        return value
    if attribute.type == "dateTime":
        return moment(value) or value
    plain = unicodedata.normalize("NFC", value)
    return plain if attribute.exact else unicodedata.normalize("NFC", plain.casefold())


def moment(text: str) -> str:
    """A moment as it is compared: UTC, microseconds; empty when it is none (RFC 7643, 2.3.5)."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return ""
    return written(found) if found.tzinfo else ""


def written(when: datetime) -> str:
    """A moment of ours, in the one form that sorts as time does."""
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class _Reader:
    """Reads a text from left to right."""

    def __init__(self, text: str, resource: Resource, refuse: Callable[[str], Exception]) -> None:
        if len(text) > LONGEST:
            raise too_many(f"A filter has {LONGEST} characters at most.")
        self._resource = resource
        self._refuse = refuse
        self._tokens = self._split(text)
        self._at = 0
        self._terms = 0

    def _split(self, text: str) -> list[tuple[str, str]]:
        found, position, end = [], 0, len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise self._refuse(f"It cannot be read from character {position + 1}.")
            found.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        return found

    @property
    def _next(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def _take(self) -> tuple[str, str]:
        found = self._next
        self._at += 1
        return found

    def _takes(self, mark: str) -> bool:
        if self._next[1].lower() != mark or self._next[0] not in {"mark", "name"}:
            return False
        self._at += 1
        return True

    def _expect(self, mark: str) -> None:
        if not self._takes(mark):
            raise self._refuse(f"Here {mark!r} is missing.")

    def ended(self) -> None:
        """Nothing is left to read."""
        if self._next is not _END:
            raise self._refuse("There is more after its end.")

    def filter(self, within: Place | None = None, depth: int = 0) -> Node:
        """FILTER, or valFilter with the list `within` whose values it is about."""
        if depth > DEEPEST:
            raise too_many(f"A filter is nested {DEEPEST} deep at most.")
        nodes = [self._all(within, depth)]
        while self._takes("or"):
            nodes.append(self._all(within, depth))
        return nodes[0] if len(nodes) == 1 else Or(tuple(nodes))

    def _all(self, within: Place | None, depth: int) -> Node:
        nodes = [self._one(within, depth)]
        while self._takes("and"):
            nodes.append(self._one(within, depth))
        return nodes[0] if len(nodes) == 1 else And(tuple(nodes))

    def _one(self, within: Place | None, depth: int) -> Node:
        if self._takes("("):
            found = self.filter(within, depth + 1)
            self._expect(")")
            return found
        if self._next[1].lower() == "not" and self._tokens[self._at + 1 : self._at + 2] == [("mark", "(")]:
            self._at += 2
            found = Not(self.filter(within, depth + 1))
            self._expect(")")
            return found
        self._terms += 1
        if self._terms > MOST_TERMS:
            raise too_many(f"A filter has {MOST_TERMS} comparisons at most.")
        where = self._place(within)
        if within is None and self._takes("["):
            return self._values(where, depth)
        return self._compared(where)

    def _values(self, where: Place, depth: int) -> Node:
        inner = self._bracket(where, depth)
        if not self._takes("."):
            return Values(where, inner)
        # `emails[type eq "work"].value eq "x"` is no filter of the RFC, but one that Entra ID sends.
        kind, name = self._take()
        sub = where.attribute.sub(name) if kind == "name" else None
        if sub is None:
            raise self._refuse(f"There is no such attribute of {where.attribute.name}.")
        return Values(where, And((inner, self._compared(Place("", where.attribute, sub)))))

    def _bracket(self, where: Place, depth: int) -> Node:
        if not where.attribute.multi or where.attribute.type != "complex" or where.sub is not None:
            raise self._refuse(f"{where.last.name} is no list of values with parts.")
        found = self.filter(where, depth + 1)
        self._expect("]")
        return found

    def _place(self, within: Place | None) -> Place:
        kind, name = self._take()
        if kind != "name":
            raise self._refuse("Here the name of an attribute is missing.")
        if within is not None:
            sub = within.attribute.sub(name)
            found = Place("", within.attribute, sub) if sub else None
        else:
            found = place(self._resource, name)
        if found is None:
            raise self._refuse(f"There is no attribute {name}.")
        return found

    def _compared(self, where: Place) -> Node:
        kind, word = self._take()
        operator = word.lower() if kind == "name" else ""
        if operator == "pr":
            return Present(where)
        if operator not in {"eq", "ne"} | ORDERED | WITHIN:
            raise self._refuse("Here an operator is missing: eq, ne, co, sw, ew, gt, ge, lt, le or pr.")
        if where.last.type == "complex":
            # A reference is compared by what it refers to: `members eq "…"`, and Entra ID asks `manager eq "…"`.
            value = where.attribute.sub("value") if where.sub is None else None
            if value is None:
                raise self._refuse(f"{where.last.name} has parts: say which one is compared.")
            where = Place(where.urn, where.attribute, value)
        return Compare(where, operator, self._literal(where.last, operator))

    def _literal(self, attribute: Attribute, operator: str) -> Literal:
        kind, word = self._take()
        if kind == "name" and word.lower() == "null":
            if operator not in {"eq", "ne"}:
                raise self._refuse("null is equal or not; it is neither more nor less.")
            return None
        value: Literal
        if kind == "text":
            value = json.loads(word)
        elif kind == "number":
            value = float(word)
        elif kind == "name" and word.lower() in {"true", "false"}:
            value = word.lower() == "true"
        else:
            raise self._refuse('Here a value is missing: "text", a number, true, false or null.')
        return self._fitting(attribute, operator, value)

    def _fitting(self, attribute: Attribute, operator: str, value: Literal) -> Literal:
        if attribute.type == "boolean":
            if isinstance(value, str) and value.lower() in {"true", "false"}:  # as Entra ID writes them
                value = value.lower() == "true"
            if not isinstance(value, bool) or operator not in {"eq", "ne"}:
                raise self._refuse(f"{attribute.name} is true or false: it is compared with eq or ne.")
            return value
        if not isinstance(value, str):
            raise self._refuse(f"{attribute.name} is compared with a text.")
        if "\0" in value or any(unicodedata.category(each) == "Cs" for each in value):
            raise self._refuse("The value holds what no text holds.")
        if attribute.type == "dateTime" and operator not in WITHIN and not moment(value):
            raise self._refuse(f"{attribute.name} is compared with a moment: 2026-01-31T08:00:00Z.")
        found = comparable(attribute, value)
        return found if isinstance(found, str) else value

    def path(self) -> Path:
        """PATH of PATCH: an attribute, its part, or values of a list and a part of them."""
        where = self._place(None)
        if not self._takes("["):
            return Path(where)
        node = self._bracket(where, 0)
        if self._takes("."):
            kind, name = self._take()
            sub = where.attribute.sub(name) if kind == "name" else None
            if sub is None:
                raise self._refuse(f"There is no such attribute of {where.attribute.name}.")
            where = Place(where.urn, where.attribute, sub)
        return Path(where, node)


def parse(text: str, resource: Resource) -> Node:
    """The tree of a filter. Raises ScimRefusal invalidFilter, or tooMany where it is too costly to look at."""
    reader = _Reader(text, resource, invalid_filter)
    found = reader.filter()
    reader.ended()
    return found


def parse_path(text: str, resource: Resource) -> Path:
    """The path of an operation. Raises ScimRefusal invalidPath."""
    reader = _Reader(text, resource, invalid_path)
    found = reader.path()
    reader.ended()
    return found


def places(node: Node) -> Iterator[Place]:
    """Every attribute that a filter looks at."""
    match node:
        case Compare() | Present():
            yield node.place
        case Values():
            yield node.place
        case Not():
            yield from places(node.node)
        case And() | Or():
            for each in node.nodes:
                yield from places(each)


def fits(node: Node, document: Any, *, inside: bool = False) -> bool:
    """Whether a document (`resources.compared` has made it comparable) fits; `inside`: a value of a list."""
    match node:
        case Present():
            found = bool(_found(node.place, document, inside=inside))
        case Compare():
            found = _equals(node, _found(node.place, document, inside=inside))
        case Values():
            found = any(fits(node.node, each, inside=True) for each in _found(node.place, document, inside=False))
        case Not():
            found = not fits(node.node, document, inside=inside)
        case And():
            found = all(fits(each, document, inside=inside) for each in node.nodes)
        case Or():
            found = any(fits(each, document, inside=inside) for each in node.nodes)
    return found


def _equals(node: Compare, values: list[Any]) -> bool:
    """Whether one value fits; of `ne`, whether none is equal: what an attribute lacks is not equal to anything."""
    if node.value is None:
        return bool(values) == (node.operator == "ne")
    if node.operator == "ne":
        return not any(_holds("eq", each, node.value) for each in values)
    return any(_holds(node.operator, each, node.value) for each in values)


def _found(where: Place, document: Any, *, inside: bool) -> list[Any]:
    keys = (where.last.name,) if inside else where.keys
    found = [document]
    for key in keys:
        found = [each[key] for each in found if isinstance(each, dict) and key in each]
        found = [one for each in found for one in (each if isinstance(each, list) else [each])]
    return found


def _holds(operator: str, found: Any, wanted: Any) -> bool:
    if type(found) is not type(wanted):
        return False
    compared: dict[str, Callable[[], Any]] = {
        "eq": lambda: found == wanted,
        "co": lambda: wanted in found,
        "sw": lambda: found.startswith(wanted),
        "ew": lambda: found.endswith(wanted),
        "gt": lambda: found > wanted,
        "ge": lambda: found >= wanted,
        "lt": lambda: found < wanted,
        "le": lambda: found <= wanted,
    }
    return bool(compared[operator]())
