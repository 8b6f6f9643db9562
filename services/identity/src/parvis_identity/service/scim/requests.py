"""Requests of a directory, whether they come alone or in a bulk: what is to be done with which resource."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from parvis_identity.domain.scim import patching, resources
from parvis_identity.domain.scim.projection import Projection
from parvis_identity.domain.scim.refusals import ScimRefusal
from parvis_identity.domain.scim.schemas import GROUPS, USERS, Resource
from parvis_identity.service.organisations import Organisations
from parvis_identity.service.scim import people
from parvis_identity.service.scim.addresses import Addresses
from parvis_identity.service.scim.arrivals import New
from parvis_identity.service.scim.directories import Directories, Directory
from parvis_identity.service.scim.groups import Groups
from parvis_identity.service.scim.log import Refusals
from parvis_identity.service.scim.rendering import Rendering
from parvis_identity.service.scim.searching import Searching
from parvis_identity.service.scim.users import Users
from parvis_identity.store.scim_users import Row
from parvis_kit.ids import uuid7
from parvis_kit.unit import Database


@dataclass(frozen=True, slots=True)
class Act:
    """A change of one resource. `versions`: those that If-Match names, empty for any."""

    method: str
    resource: Resource
    id: UUID
    body: object = None
    versions: frozenset[int] = frozenset()

    @property
    def name(self) -> str:
        """How the log calls it: by the name that the request gives, else by its id."""
        if isinstance(self.body, Mapping):
            for name in ("userName", "displayName"):
                if isinstance(self.body.get(name), str):
                    return str(self.body[name])
        return str(self.id)


class Scim:
    """What the pages of the protocol ask for."""

    def __init__(self, database: Database, organisations: Organisations, *, address: str) -> None:
        """`address`: of the endpoints, without a slash at its end."""
        self.address = address
        self.directories = Directories(database)
        self.rendering = Rendering(address)
        self.searching = Searching(self.directories, self.rendering)
        self.refusals = Refusals(self.directories)
        self.users = Users(self.directories, Addresses(self.directories, organisations))
        self.groups = Groups(self.directories)

    async def create(self, directory: Directory, resource: Resource, body: object) -> Row:
        """A new resource. Raises ScimRefusal."""
        act = Act("POST", resource, uuid7(), body)
        if resource is USERS:
            made = (await self.users.create(directory, [new_user(act)]))[0]
            if isinstance(made, ScimRefusal):
                raise made
            return made
        return await self.do(directory, act)

    async def do(self, directory: Directory, act: Act) -> Row:
        """Does what is to be done with a group, or with a user that is there. Raises ScimRefusal."""
        if act.resource is GROUPS and act.method == "POST":
            document = resources.read(act.body, GROUPS)
            return await self.groups.create(directory, act.id, document, _members(act.body) or ())
        if act.resource is GROUPS:
            return await self.groups.change(directory, act.id, _of_group(act), versions=act.versions)
        return await self.users.change(directory, act.id, _of_user(act), versions=act.versions)

    async def delete(self, directory: Directory, act: Act) -> None:
        """The resource is no more. Raises ScimRefusal."""
        doing = self.users if act.resource is USERS else self.groups
        await doing.delete(directory, act.id, versions=act.versions)

    async def shown(
        self, directory: Directory, resource: Resource, row: Row, projection: Projection
    ) -> tuple[dict[str, Any], str]:
        """A resource as it is answered, and its entity tag."""
        async with self.directories.acting(directory) as unit:
            return (await self.rendering.of(unit, resource, [row], projection))[0]


def new_user(act: Act) -> New:
    """A user who is to be made. Raises ScimRefusal."""
    document = resources.read(act.body, USERS)
    return New(act.id, document, people.person_of(document))


def _of_user(act: Act) -> Any:
    if act.method == "PUT":
        wanted = resources.read(act.body, USERS)
        return lambda _: wanted
    operations = patching.operations(act.body)
    return lambda before: patching.apply(before, operations, USERS)[0]


def _of_group(act: Act) -> Any:
    if act.method == "PUT":
        wanted, members = resources.read(act.body, GROUPS), _members(act.body)
        change = patching.MemberChange("set", tuple(members or ()))
        return lambda _: (wanted, [change])
    operations = patching.operations(act.body)
    return lambda before: patching.apply(before, operations, GROUPS)


def _members(body: object) -> Sequence[str] | None:
    return resources.members(body) if isinstance(body, Mapping) else None
