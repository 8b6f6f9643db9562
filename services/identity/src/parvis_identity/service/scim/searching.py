"""Users and groups are found: by filter, sorted, a page at a time (RFC 7644, 3.4.2; cursors of RFC 9865)."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg

from parvis_identity.domain.scim import filters, jsonpath
from parvis_identity.domain.scim.filters import And, Compare, Node, Values
from parvis_identity.domain.scim.projection import Projection
from parvis_identity.domain.scim.projection import read as projection_of
from parvis_identity.domain.scim.refusals import ScimRefusal, invalid_value, too_many, unknown
from parvis_identity.domain.scim.schemas import GROUPS, USERS, Resource, place
from parvis_identity.service.scim.directories import Directories, Directory
from parvis_identity.service.scim.rendering import Rendering
from parvis_identity.store import scim_users as store
from parvis_identity.store.scim_users import Query
from parvis_kit.unit import UnitOfWork

LIST: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
#: Resources of a page unless fewer are asked for, and at most.
PAGE, LARGEST_PAGE = 100, 500
_TABLES: Final = {USERS.name: "scim_users", GROUPS.name: "scim_groups"}
#: Attributes that an index finds, by resource: the column, or whose groups or members.
_INDEXED: Final = {
    ("User", "id", None): "id",
    ("User", "externalId", None): "external_id",
    ("User", "userName", None): "user_name_key",
    ("User", "groups", "value"): "group",
    ("Group", "id", None): "id",
    ("Group", "externalId", None): "external_id",
    ("Group", "members", "value"): "member",
}
_IDS: Final = {"id", "group", "member"}


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked for."""

    filter: str = ""
    sort_by: str = ""
    descending: bool = False
    start: int = 1
    count: int = PAGE
    #: None: pages by number. Empty: the first page by cursor.
    cursor: str | None = None
    projection: Projection = field(default_factory=Projection)


def read(said: Mapping[str, Any]) -> Search:
    """A search from a query or the body of `.search`. Raises ScimRefusal."""
    by_name = {str(name).lower(): value for name, value in said.items()}
    order = str(by_name.get("sortorder") or "ascending").lower()
    if order not in {"ascending", "descending"}:
        raise invalid_value("sortOrder is ascending or descending.")
    cursor = by_name.get("cursor")
    if cursor is not None and by_name.get("startindex") is not None:
        raise invalid_value("startIndex and cursor exclude each other.")
    return Search(
        filter=_text(by_name, "filter"),
        sort_by=_text(by_name, "sortby"),
        descending=order == "descending",
        start=max(1, _number(by_name, "startindex", 1)),
        count=max(0, min(LARGEST_PAGE, _number(by_name, "count", PAGE))),
        cursor=None if cursor is None else str(cursor),
        projection=projection_of(by_name.get("attributes"), by_name.get("excludedattributes")),
    )


class Searching:
    """See the module."""

    def __init__(self, directories: Directories, rendering: Rendering) -> None:
        self._directories = directories
        self._rendering = rendering

    async def get(self, directory: Directory, resource: Resource, row_id: UUID, projection: Projection) -> Any:
        """One resource as it is answered, with its version. Raises ScimRefusal 404."""
        async with self._directories.acting(directory) as unit:
            find = store.user if resource is USERS else store.group
            row = await find(unit, row_id)
            if row is None:
                raise unknown(resource.name.lower())
            return (await self._rendering.of(unit, resource, [row], projection))[0]

    async def find(self, directory: Directory, resources: Sequence[Resource], search: Search) -> dict[str, Any]:
        """A page of what fits, of one kind of resource or of several, one after the other. Raises ScimRefusal."""
        if search.cursor is not None and (len(resources) > 1 or search.sort_by):
            raise invalid_value("A cursor leads through one kind of resource, in its own order.")
        queries = [(each, query) for each in resources if (query := self._query(each, search, len(resources)))]
        try:
            async with self._directories.acting(directory) as unit:
                return await self._page(unit, queries, search)
        except asyncpg.QueryCanceledError as error:
            raise too_many("The filter takes too long. Make it narrower.") from error

    async def _page(
        self, unit: UnitOfWork, queries: Sequence[tuple[Resource, Query]], search: Search
    ) -> dict[str, Any]:
        total, found, last = 0, [], None
        offset, left = search.start - 1, search.count
        for resource, query in queries:
            table = _TABLES[resource.name]
            many = await store.count(unit, table, query)
            total += many
            if left and (search.cursor is not None or offset < many):
                after = _cursor(search.cursor) if search.cursor else None
                start = 0 if search.cursor is not None else offset
                rows = await store.page(unit, table, query, offset=start, most=left + 1, after=after)
                shown = rows[:left]
                last = shown[-1]["id"] if len(rows) > left else None
                found += await self._rendering.of(unit, resource, shown, search.projection)
                left -= len(shown)
            offset = max(0, offset - many)
        told: dict[str, Any] = {"schemas": [LIST], "totalResults": total, "itemsPerPage": len(found)}
        if search.cursor is None:
            told["startIndex"] = search.start
        elif last is not None:
            told["nextCursor"] = base64.urlsafe_b64encode(last.bytes).decode().rstrip("=")
        return told | {"Resources": [each for each, _ in found]}

    def _query(self, resource: Resource, search: Search, several: int) -> Query | None:
        """What to look for in a table; None where nothing can fit (RFC 7644, 3.4.2.1: of several kinds of resource,
        one that lacks the attribute does not fit).
        """
        try:
            return query_of(resource, search)
        except ScimRefusal as refusal:
            if several > 1 and refusal.scim_type == "invalidFilter" and _fits_another(resource, search):
                return None
            raise


def query_of(resource: Resource, search: Search) -> Query:
    """A search as it is asked of the database. Raises ScimRefusal invalidFilter, tooMany, invalidValue."""
    sort: tuple[str, ...] = ()
    if search.sort_by:
        where = place(resource, search.sort_by)
        if where is not None and where.last.type == "complex":
            where = place(resource, f"{search.sort_by}.value")
        if where is None or where.attribute.name in {"members", "groups"}:
            raise invalid_value("sortBy names no attribute that can be sorted by.")
        sort = (*((where.urn,) if where.urn else ()), where.attribute.name, *(("[]",) if where.attribute.multi else ()))
        sort += (where.sub.name,) if where.sub else ()
    if not search.filter:
        return Query(sort=sort, descending=search.descending)
    node = filters.parse(search.filter, resource)
    return Query(
        predicate=jsonpath.predicate(node),
        equal=tuple(_equalities(resource, node)),
        with_groups=any(each.attribute.name in {"groups", "members"} for each in filters.places(node)),
        sort=sort,
        descending=search.descending,
    )


def _equalities(resource: Resource, node: Node) -> list[tuple[str, Any]]:
    """What must be equal for the whole filter to fit: an index finds it, the filter is asked of what was found."""
    several = node.nodes if isinstance(node, And) else (node,)
    found: list[tuple[str, Any]] = []
    for each in several:
        inner = each.node if isinstance(each, Values) else each
        if not isinstance(inner, Compare) or inner.operator != "eq" or not isinstance(inner.value, str):
            continue
        where = inner.place
        column = _INDEXED.get((resource.name, where.attribute.name, where.sub.name if where.sub else None))
        if column is None:
            continue
        try:
            found.append((column, UUID(inner.value) if column in _IDS else inner.value))
        except ValueError:  # no id of ours: the filter itself fits nobody
            continue
    return found


def _fits_another(resource: Resource, search: Search) -> bool:
    others = (each for each in (USERS, GROUPS) if each is not resource)
    for other in others:
        try:
            filters.parse(search.filter, other)
        except ScimRefusal:
            continue
        return True
    return False


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid_value(f"{name} is a text.")
    return value or ""


def _number(said: Mapping[str, Any], name: str, otherwise: int) -> int:
    value = said.get(name)
    if value is None or value == "":
        return otherwise
    try:
        found = int(value)
    except (TypeError, ValueError) as error:
        raise invalid_value(f"{name} is a number.") from error
    return max(-(2**31), min(found, 2**31 - 1))


def _cursor(text: str) -> UUID:
    try:
        return UUID(bytes=base64.urlsafe_b64decode(text + "=="))
    except (ValueError, binascii.Error) as error:
        raise ScimRefusal(400, "The cursor is none of ours.", scim_type="invalidCursor") from error


def row_id(text: str, kind: str) -> UUID:
    """The id in an address. Raises ScimRefusal 404 for what is none."""
    try:
        return UUID(text)
    except ValueError as error:
        raise unknown(kind) from error
