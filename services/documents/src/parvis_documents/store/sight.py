"""What a caller sees, as a condition that every list and every single read carries: there is no other way to a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from parvis_kit.grants import ALL, Scope
from parvis_kit.unit import UnitOfWork


class Arguments(list[Any]):
    """The values of a hand-written query; `add` answers with the placeholder."""

    def add(self, value: object) -> str:
        """Appends a value; returns "$n"."""
        self.append(value)
        return f"${len(self)}"


@dataclass(frozen=True, slots=True)
class Sight:
    """Staff see contacts by their advisers (None: all); a portal access sees shared folders of its contacts."""

    advisers: frozenset[UUID] | None = None
    #: Contact → folder templates, None for all that are shared.
    contacts: Mapping[UUID, frozenset[UUID] | None] | None = None

    @property
    def is_portal(self) -> bool:
        """Whether it is that of a portal access."""
        return self.contacts is not None

    def of_contacts(self, arguments: Arguments, *, contact: str, organisation: str) -> str:
        """The condition on a contact's id, an SQL expression: "" when all are seen."""
        if self.contacts is not None:
            return f" AND {contact} = ANY({arguments.add(list(self.contacts))}::uuid[])"
        if self.advisers is None:
            return ""
        return (
            f" AND EXISTS (SELECT FROM contact_advisers s WHERE s.organisation_id = {organisation}"
            f" AND s.contact_id = {contact} AND s.adviser_id = ANY({arguments.add(list(self.advisers))}::uuid[]))"
        )

    def of_folders(self, arguments: Arguments, *, contact: str, template: str, organisation: str) -> str:
        """The condition on a contact's folder: `template` is the alias of its folder template."""
        if self.contacts is None:
            return self.of_contacts(arguments, contact=contact, organisation=organisation)
        pairs = [
            (contact_id, template_id)
            for contact_id, templates in self.contacts.items()
            for template_id in (templates if templates is not None else [None])
        ]
        contacts = arguments.add([contact_id for contact_id, _ in pairs])
        templates = arguments.add([template_id for _, template_id in pairs])
        return (
            f" AND {template}.portal AND EXISTS (SELECT FROM unnest({contacts}::uuid[], {templates}::uuid[])"
            f" AS s (contact_id, template_id) WHERE s.contact_id = {contact}"
            f" AND (s.template_id IS NULL OR s.template_id = {template}.id))"
        )


def sight_of(unit: UnitOfWork, right: str) -> Sight:
    """What the caller sees by `right`; a service in its own name, everything. Raises FORBIDDEN right_missing."""
    if unit.caller.is_service:
        return Sight()
    if unit.caller.is_portal:
        return Sight(contacts=unit.grants.portal_contacts)
    return staff_sight(unit.grants.require(right))


def staff_sight(scope: Scope) -> Sight:
    """What a scope of a right lets staff see."""
    return Sight(advisers=None if scope == ALL else frozenset(scope))
