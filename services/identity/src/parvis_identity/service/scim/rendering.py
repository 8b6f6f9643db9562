"""Resources as they are answered: what the directory said, and what we know of it (RFC 7643, 3.1)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from parvis_identity.domain.scim.projection import Projection
from parvis_identity.domain.scim.resources import schemas_of
from parvis_identity.domain.scim.schemas import GROUPS, USERS, Resource
from parvis_identity.store import scim_users as store
from parvis_identity.store.scim_users import Row
from parvis_kit.unit import UnitOfWork

#: A resource, and its entity tag.
Rendered = tuple[dict[str, Any], str]


class Rendering:
    """See the module."""

    def __init__(self, address: str) -> None:
        """`address`: of the endpoints, without a slash at its end."""
        self._address = address

    async def of(
        self, unit: UnitOfWork, resource: Resource, rows: Sequence[Row], projection: Projection
    ) -> list[Rendered]:
        """Rows as resources; groups and members are looked for where they are asked for."""
        ids = [row["id"] for row in rows]
        users: dict[Any, list[Row]] = {}
        groups: dict[Any, list[Row]] = {}
        if resource is USERS and projection.shows(USERS, "groups"):
            groups = await store.groups_of(unit, ids)
        if resource is GROUPS and projection.shows(GROUPS, "members"):
            users = await store.members_of(unit, ids)
        named = any(each.lower().endswith("members.display") for each in projection.wanted)
        found = []
        for row in rows:
            whole = self._whole(resource, row)
            if row["id"] in groups:
                whole["groups"] = [self._group(each) for each in groups[row["id"]]]
            if row["id"] in users:
                whole["members"] = [self._member(each, named=named) for each in users[row["id"]]]
            found.append((projection.of(whole, resource), entity_tag(row)))
        return found

    def location(self, resource: Resource, row_id: object) -> str:
        """The address of a resource."""
        return f"{self._address}{resource.endpoint}/{row_id}"

    def _whole(self, resource: Resource, row: Row) -> dict[str, Any]:
        document = store.document_of(row)
        meta = {
            "resourceType": resource.name,
            "created": _moment(row["created_at"]),
            "lastModified": _moment(row["changed_at"]),
            "location": self.location(resource, row["id"]),
            "version": entity_tag(row),
        }
        return {"schemas": schemas_of(document, resource), "id": str(row["id"]), **document, "meta": meta}

    def _group(self, row: Row) -> dict[str, str]:
        reference = self.location(GROUPS, row["id"])
        return {"value": str(row["id"]), "$ref": reference, "display": row["display_name"], "type": "direct"}

    def _member(self, row: Row, *, named: bool) -> dict[str, str]:
        told = {"value": str(row["id"]), "$ref": self.location(USERS, row["id"]), "type": "User"}
        return told | {"display": row["display"]} if named else told


def entity_tag(row: Row) -> str:
    """The version of a resource as a weak entity tag (RFC 7644, 3.14)."""
    return f'W/"{row["version"]}"'


def _moment(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
