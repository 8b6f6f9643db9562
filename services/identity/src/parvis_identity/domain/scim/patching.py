"""PATCH (RFC 7644, 3.5.2): operations on a document, as Entra ID and Okta write them too.

What they write beside the RFC and means one thing: operations in capitals, true and false as texts, attributes with
dots or schema names as keys of a value without path, a manager by id alone, and removing members by a value.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from parvis_identity.domain.scim import resources
from parvis_identity.domain.scim.filters import And, Compare, Node, Path, comparable, fits, parse_path
from parvis_identity.domain.scim.refusals import (
    ScimRefusal,
    invalid_path,
    invalid_syntax,
    invalid_value,
    no_target,
    not_mutable,
)
from parvis_identity.domain.scim.resources import Document
from parvis_identity.domain.scim.schemas import Attribute, Place, Resource, place

PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MOST: Final = 1000
#: Ours to say, and what clients send back of it is no change.
_PASSED_OVER: Final = frozenset({"schemas", "id", "meta", "groups"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One change. `path` None: the value's keys are the paths."""

    kind: str
    path: str | None
    value: Any = None


@dataclass(frozen=True, slots=True)
class MemberChange:
    """What becomes of a group's members: "add" or "remove" these, or "set": these alone. `fitting`: remove who fits."""

    kind: str
    ids: tuple[str, ...] = ()
    fitting: Node | None = None


def operations(body: object) -> list[Operation]:
    """The operations of a request. Raises ScimRefusal invalidSyntax."""
    if not isinstance(body, Mapping):
        raise invalid_syntax("The body is no object.")
    by_name = {str(name).lower(): value for name, value in body.items()}
    schemas, several = by_name.get("schemas"), by_name.get("operations")
    if schemas is not None and (not isinstance(schemas, list) or PATCH not in schemas):
        raise invalid_syntax(f"schemas must name {PATCH}.")
    if not isinstance(several, list) or not several:
        raise invalid_syntax("Operations is a list of one operation or more.")
    if len(several) > MOST:
        raise ScimRefusal(413, f"A request has {MOST} operations at most.", scim_type="tooMany")
    return [_operation(each) for each in several]


def _operation(said: object) -> Operation:
    if not isinstance(said, Mapping):
        raise invalid_syntax("An operation is an object.")
    by_name = {str(name).lower(): value for name, value in said.items()}
    kind, path = str(by_name.get("op", "")).lower(), by_name.get("path")
    if kind not in {"add", "replace", "remove"}:
        raise invalid_syntax("op is add, replace or remove.")
    if path is not None and not isinstance(path, str):
        raise invalid_path("path is a text.")
    if kind == "remove" and not path:
        raise no_target("remove needs a path.")
    if kind != "remove" and "value" not in by_name:
        raise invalid_value(f"{kind} needs a value.")
    return Operation(kind, path or None, by_name.get("value"))


def apply(document: Document, changes: Sequence[Operation], resource: Resource) -> tuple[Document, list[MemberChange]]:
    """The document after all operations, and what becomes of a group's members. All or none: raises ScimRefusal."""
    after = copy.deepcopy(document)
    members: list[MemberChange] = []
    for change in changes:
        for kind, path, value in _spread(change, resource):
            if path.place.attribute.name == "members" and resource.name == "Group":
                members.append(_member_change(kind, path, value))
            else:
                _change(after, kind, path, value)
    return resources.checked(_without_empty(after), resource), members


def _spread(change: Operation, resource: Resource) -> list[tuple[str, Path, Any]]:
    """An operation as one or several, each with its path."""
    if change.path is not None:
        extension = resource.schema_of(change.path)
        if extension is None:
            return [(change.kind, parse_path(change.path, resource), change.value)]
        if change.kind == "remove":
            return [("remove", Path(Place(extension.urn, each)), None) for each in extension.attributes]
        return _keys(change.kind, {change.path: change.value}, resource)
    return _keys(change.kind, change.value, resource)


def _keys(kind: str, value: Any, resource: Resource) -> list[tuple[str, Path, Any]]:
    if not isinstance(value, Mapping):
        raise invalid_value("A value without a path is an object.")
    found: list[tuple[str, Path, Any]] = []
    for key, part in value.items():
        name = str(key)
        if name.lower() in _PASSED_OVER:
            continue
        schema = resource.schema_of(name)
        if schema is not None:
            if not isinstance(part, Mapping):
                raise invalid_value(f"{schema.name} has parts: it is an object.")
            for inner, one in part.items():
                if str(inner).lower() in _PASSED_OVER:
                    continue
                where = place(resource, f"{schema.urn}:{inner}")
                if where is None:
                    raise invalid_path(f"There is no attribute {inner} of {schema.name}.")
                found.append((kind, Path(where), one))
        else:
            found.append((kind, parse_path(name, resource), part))
    return found


def _change(document: Document, kind: str, path: Path, value: Any) -> None:
    where = path.place
    if where.attribute.read_only or (where.sub is not None and where.sub.read_only):
        raise not_mutable(where.last.name)
    if kind == "remove" and where.attribute.required and where.sub is None:
        raise not_mutable(where.attribute.name)
    holder = document.setdefault(where.urn, {}) if where.urn else document
    if not where.attribute.multi:
        _single(holder, kind, where, value)
    elif path.node is None and where.sub is None:
        _whole(holder, kind, where.attribute, value)
    else:
        _chosen(holder, kind, path, value)


def _single(holder: Document, kind: str, where: Place, value: Any) -> None:
    attribute = where.attribute
    if where.sub is None:
        kept = None if kind == "remove" else resources.value_of(attribute, value)
        if kept is not None and attribute.type == "complex" and isinstance(holder.get(attribute.name), dict):
            kept = holder[attribute.name] | kept
        _put(holder, attribute.name, kept)
        return
    parts = holder.setdefault(attribute.name, {})
    _put(parts, where.sub.name, None if kind == "remove" else resources.value_of(where.sub, value))


def _whole(holder: Document, kind: str, attribute: Attribute, value: Any) -> None:
    kept = resources.value_of(attribute, value) or []
    before = holder.get(attribute.name, [])
    if kind == "replace":
        _put(holder, attribute.name, kept)
    elif kind == "add":
        new = [each for each in kept if each not in before]
        _put(holder, attribute.name, _one_primary(before, new) + new)
    elif value is None:
        holder.pop(attribute.name, None)
    else:  # Entra ID names what it removes by its value
        gone = [each.get("value") for each in kept if isinstance(each, dict)]
        _put(holder, attribute.name, [each for each in before if each.get("value") not in gone])


def _chosen(holder: Document, kind: str, path: Path, value: Any) -> None:
    """Values of a list: those that fit the path's filter, or all."""
    attribute, sub = path.place.attribute, path.place.sub
    values = holder.get(attribute.name, [])
    chosen = [each for each in values if path.node is None or _fits(path.node, each, attribute)]
    if not chosen:
        if kind == "remove" and path.node is None:
            return
        made = _made_of(path.node) if kind == "add" else None
        if made is None:
            raise no_target("No value fits the path's filter.")
        values.append(made)
        chosen = [made]
    if kind == "remove" and sub is None:
        _put(holder, attribute.name, [each for each in values if not any(each is one for one in chosen)])
        return
    for each in chosen:
        if sub is not None:
            _put(each, sub.name, None if kind == "remove" else resources.value_of(sub, value))
            continue
        kept = resources.value_of(attribute, value)
        each.update(kept[0] if kept else {})
    if any(each.get("primary") is True for each in chosen) and len(chosen) == 1:
        for each in values:
            if each is not chosen[0]:
                each.pop("primary", None)
    _put(holder, attribute.name, [each for each in values if each])


def _fits(node: Node, value: Document, attribute: Attribute) -> bool:
    plain = {name: comparable(sub, part) for name, part in value.items() if (sub := attribute.sub(name)) is not None}
    return fits(node, plain, inside=True)


def _made_of(node: Node | None) -> Document | None:
    """The value that a filter of equalities describes: `emails[type eq "work"].value` is added to a work address."""
    if node is None:
        return {}
    several = node.nodes if isinstance(node, And) else (node,)
    made: Document = {}
    for each in several:
        if not isinstance(each, Compare) or each.operator != "eq" or each.value is None:
            return None
        made[each.place.last.name] = each.value
    return made


def _one_primary(before: list[Document], new: list[Document]) -> list[Document]:
    if not any(each.get("primary") is True for each in new if isinstance(each, dict)):
        return list(before)
    return [{name: part for name, part in each.items() if name != "primary"} for each in before]


def _member_change(kind: str, path: Path, value: Any) -> MemberChange:
    if path.place.sub is not None:
        raise not_mutable(f"members.{path.place.sub.name}")
    if path.node is not None:
        if kind != "remove":
            raise no_target("A member is added or removed; its parts do not change.")
        node = path.node
        if isinstance(node, Compare) and node.operator == "eq" and node.place.last.name == "value":
            return MemberChange("remove", (str(node.value),))
        return MemberChange("remove", fitting=node)
    if kind == "remove":
        ids = None if value is None else tuple(resources.member_ids(value))
        return MemberChange("set") if ids is None else MemberChange("remove", ids)
    ids = tuple(resources.member_ids(value)) if value is not None else ()
    return MemberChange("add" if kind == "add" else "set", ids)


def _put(holder: Document, name: str, value: Any) -> None:
    if value is None or value in ([], {}):
        holder.pop(name, None)
    else:
        holder[name] = value


def _without_empty(document: Document) -> Document:
    return {name: value for name, value in document.items() if value not in ([], {})}
