"""Documents: what a directory sent of a user or a group, checked against the schema and in one form.

A document has the attributes by their names as the schema writes them, nothing that is unassigned, and extensions under
their own names. What is ours to say (id, meta, groups) is not in it.
"""

import json
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from parvis_identity.domain.scim.filters import comparable, moment, written
from parvis_identity.domain.scim.refusals import invalid_syntax, invalid_value
from parvis_identity.domain.scim.schemas import Attribute, Resource

#: Characters of one text; values of one list; bytes of a document.
LONGEST_TEXT: Final = 1000
MOST_VALUES: Final = 50
LARGEST: Final = 32 * 1024
Document = dict[str, Any]


def read(body: object, resource: Resource) -> Document:
    """The document of a whole resource (POST, PUT). What is unknown or ours to say is passed over (RFC 7644, 3.3).

    Raises ScimRefusal invalidSyntax or invalidValue. Members of a group are not read: see `members`.
    """
    if not isinstance(body, dict):
        raise invalid_syntax("The body is no object.")
    _check_schemas(body, resource)
    found: Document = {}
    for name, value in body.items():
        extension = resource.schema_of(name) if name.lower().startswith("urn:") else None
        if extension is not None and extension is not resource.schema:
            if parts := _object(value, extension.attributes, extension.name):
                found[extension.urn] = parts
            continue
        attribute = resource.attribute(name)
        if attribute is None or attribute.read_only or attribute.name == "members":
            continue
        if (kept := value_of(attribute, value)) is not None:
            found[attribute.name] = kept
    return checked(found, resource)


def _check_schemas(body: Mapping[str, Any], resource: Resource) -> None:
    told = next((value for name, value in body.items() if name.lower() == "schemas"), None)
    if told is None:  # RFC 7643, 3: required; some directories leave it out of groups
        return
    if not isinstance(told, list) or not all(isinstance(each, str) for each in told):
        raise invalid_syntax("schemas is a list of names.")
    if resource.schema.urn.lower() not in {each.lower() for each in told}:
        raise invalid_syntax(f"schemas must name {resource.schema.urn}.")


def checked(document: Document, resource: Resource) -> Document:
    """The document, when it has what every such resource has. Raises ScimRefusal invalidValue."""
    for attribute in resource.schema.attributes:
        if attribute.required and attribute.name not in document:
            raise invalid_value(f"{attribute.name} is missing.")
        values = document.get(attribute.name)
        if attribute.multi and isinstance(values, list) and sum(each.get("primary") is True for each in values) > 1:
            raise invalid_value(f"One of {attribute.name} is primary, no more.")
    if len(json.dumps(document)) > LARGEST:
        raise invalid_value(f"A resource has {LARGEST} bytes at most.")
    return document


def value_of(attribute: Attribute, value: object) -> Any:
    """A value as it is kept; None when it is unassigned (null, or empty). Raises ScimRefusal invalidValue."""
    if value is None:
        return None
    if not attribute.multi:
        return _single(attribute, value)
    if isinstance(value, Mapping | str):  # one value in the place of a list
        value = [value]
    if not isinstance(value, list):
        raise invalid_value(f"{attribute.name} is a list.")
    if len(value) > MOST_VALUES:
        raise invalid_value(f"{attribute.name} has {MOST_VALUES} values at most.")
    kept: list[Any] = []
    for each in value:
        found = _single(attribute, each)
        if found is not None and found not in kept:
            kept.append(found)
    return kept or None


def _single(attribute: Attribute, value: object) -> Any:
    if attribute.type == "complex":
        if isinstance(value, str):  # Entra ID: a manager, or an address, by its value alone
            value = {"value": value} if value and attribute.sub("value") else None
        return _object(value, attribute.subs, attribute.name)
    if attribute.type == "boolean":
        if isinstance(value, str) and value.lower() in {"true", "false"}:  # Entra ID: "False"
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise invalid_value(f"{attribute.name} is true or false.")
        return value
    return _text(attribute, value)


def _text(attribute: Attribute, value: object) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):  # a number of the staff, without quotes
        value = str(value)
    if not isinstance(value, str):
        raise invalid_value(f"{attribute.name} is a text.")
    text = unicodedata.normalize("NFC", value.strip())
    if len(text) > LONGEST_TEXT:
        raise invalid_value(f"{attribute.name} has {LONGEST_TEXT} characters at most.")
    if any(unicodedata.category(each) in {"Cc", "Cs"} and each not in "\n\r\t" for each in text):
        raise invalid_value(f"{attribute.name} holds characters that no text holds.")
    if attribute.type == "dateTime" and text and not moment(text):
        raise invalid_value(f"{attribute.name} is a moment: 2026-01-31T08:00:00Z.")
    return text or None


def _object(value: object, attributes: tuple[Attribute, ...], name: str) -> Document | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise invalid_value(f"{name} has parts: it is an object.")
    by_name = {each.name.lower(): each for each in attributes}
    found: Document = {}
    for key, part in value.items():
        attribute = by_name.get(str(key).lower())
        if attribute is None or attribute.read_only:
            continue
        if (kept := value_of(attribute, part)) is not None:
            found[attribute.name] = kept
    return found or None


def members(body: Mapping[str, Any]) -> list[str] | None:
    """The ids of the users that a group's body names; None where it says nothing of members."""
    given = next((value for name, value in body.items() if name.lower() == "members"), None)
    return None if given is None else member_ids(given)


def member_ids(given: object) -> list[str]:
    """The ids in a list of members. Raises ScimRefusal invalidValue."""
    if isinstance(given, Mapping | str):
        given = [given]
    if not isinstance(given, list):
        raise invalid_value("members is a list.")
    found: dict[str, None] = {}
    for each in given:
        value = each.get("value") if isinstance(each, Mapping) else each
        if not isinstance(value, str) or not value:
            raise invalid_value("A member is named by its value, the id of a user.")
        if isinstance(each, Mapping) and str(each.get("type") or "User").lower() != "user":
            raise invalid_value("A group holds users; it cannot hold groups.")
        found[value] = None
    return list(found)


def compared(document: Document, resource: Resource, *, id: str, created: datetime, changed: datetime) -> Document:  # noqa: A002 - its name
    """The document in the form in which it is compared with filters, with what we know of it."""
    found = {"schemas": schemas_of(document, resource), **_folded(document, resource)}
    meta = {"resourceType": resource.name, "created": written(created), "lastModified": written(changed)}
    return found | {"id": id, "meta": meta}


def _folded(document: Document, resource: Resource) -> Document:
    found: Document = {}
    for name, value in document.items():
        schema = resource.schema_of(name)
        attributes: tuple[Attribute, ...] = schema.attributes if schema else tuple(resource.top())
        found[name] = _folded_parts(value, attributes) if schema else _folded_value(name, value, attributes)
    return found


def _folded_parts(parts: Document, attributes: tuple[Attribute, ...]) -> Document:
    return {name: _folded_value(name, value, attributes) for name, value in parts.items()}


def _folded_value(name: str, value: Any, attributes: tuple[Attribute, ...]) -> Any:
    attribute = next(each for each in attributes if each.name == name)
    several = value if isinstance(value, list) else [value]
    done = [
        _folded_parts(each, attribute.subs) if isinstance(each, dict) else comparable(attribute, each)
        for each in several
    ]
    return done if isinstance(value, list) else done[0]


def schemas_of(document: Document, resource: Resource) -> list[str]:
    """The names of the schemas that a document uses."""
    return [resource.schema.urn, *(each.urn for each in resource.extensions if each.urn in document)]
