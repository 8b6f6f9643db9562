"""Which attributes an answer has: `attributes` and `excludedAttributes` (RFC 7644, 3.9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from parvis_identity.domain.scim.refusals import invalid_syntax, invalid_value
from parvis_identity.domain.scim.schemas import Place, Resource, place

#: Names in one of the two lists.
MOST = 60
_ALWAYS = frozenset({"schemas", "id"})


@dataclass(frozen=True, slots=True)
class Projection:
    """What is asked for. Neither: everything."""

    wanted: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    def shows(self, resource: Resource, name: str) -> bool:
        """Whether any part of a top attribute is in the answer: what is not is not looked for."""
        if self.wanted:
            return any(_names(found, name) for each in self.wanted if (found := place(resource, each)))
        return not any(
            _names(found, name) and found.sub is None for each in self.excluded if (found := place(resource, each))
        )

    def of(self, document: dict[str, Any], resource: Resource) -> dict[str, Any]:
        """The document with what is asked for. Names that there are not are passed over."""
        if self.wanted:
            chosen: dict[str, Any] = {name: document[name] for name in document if name in _ALWAYS}
            for each in self.wanted:
                _take(document, chosen, each, resource)
            return {name: chosen[name] for name in document if name in chosen}
        for each in self.excluded:
            document = _leave_out(document, each, resource)
        return document


def read(wanted: object, excluded: object) -> Projection:
    """From a query ("userName,emails.value") or a search (a list). Raises ScimRefusal."""
    found = Projection(_names_of(wanted), _names_of(excluded))
    if found.wanted and found.excluded:
        raise invalid_value("attributes and excludedAttributes exclude each other.")
    return found


def _names_of(given: object) -> tuple[str, ...]:
    if given is None:
        return ()
    several = given.split(",") if isinstance(given, str) else given
    if not isinstance(several, Sequence) or not all(isinstance(each, str) for each in several):
        raise invalid_syntax("Attributes are named in a list of texts.")
    if len(several) > MOST:
        raise invalid_value(f"At most {MOST} attributes are named.")
    return tuple(each.strip() for each in several if each.strip())


def _names(found: Place, name: str) -> bool:
    return not found.urn and found.attribute.name == name


def _take(document: dict[str, Any], chosen: dict[str, Any], path: str, resource: Resource) -> None:
    schema = resource.schema_of(path)
    if schema is not None:
        names = [schema.urn] if schema is not resource.schema else [each.name for each in schema.attributes]
        chosen.update({name: document[name] for name in names if name in document})
        return
    found = place(resource, path)
    if found is None:
        return
    source, target = document, chosen
    if found.urn:
        source = document.get(found.urn, {})
        if found.attribute.name in source:
            target = chosen.setdefault(found.urn, {})
    name = found.attribute.name
    if name not in source:
        return
    if found.sub is None:
        target[name] = source[name]
        return
    value, part = source[name], found.sub.name
    if isinstance(value, list):
        held = target.get(name, [{} for _ in value])
        target[name] = [
            {**one, part: each[part]} if part in each else one for one, each in zip(held, value, strict=True)
        ]
    elif part in value:
        target[name] = {**target.get(name, {}), part: value[part]}


def _leave_out(document: dict[str, Any], path: str, resource: Resource) -> dict[str, Any]:
    schema = resource.schema_of(path)
    if schema is not None and schema is not resource.schema:
        return {name: value for name, value in document.items() if name != schema.urn}
    found = place(resource, path)
    if found is None or (not found.urn and found.attribute.name in _ALWAYS):
        return document
    return _without(document, found.keys)


def _without(document: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    name, rest = keys[0], keys[1:]
    if name not in document:
        return document
    if not rest:
        return {key: value for key, value in document.items() if key != name}
    value = document[name]
    less = [_without(each, rest) for each in value] if isinstance(value, list) else _without(value, rest)
    return {**document, name: less}
