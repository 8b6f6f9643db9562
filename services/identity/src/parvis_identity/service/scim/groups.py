"""Groups of a directory. Tenancy gives profiles by their names: it hears of every person whose groups change."""

from collections.abc import Callable, Collection, Sequence
from uuid import UUID

from parvis_identity.domain.scim.filters import Node, fits
from parvis_identity.domain.scim.patching import MemberChange
from parvis_identity.domain.scim.refusals import invalid_value, stale, unknown
from parvis_identity.domain.scim.resources import Document, compared
from parvis_identity.domain.scim.schemas import GROUPS
from parvis_identity.models import ScimGroup
from parvis_identity.service.scim import people
from parvis_identity.service.scim.directories import Directories, Directory
from parvis_identity.store import scim as log_store
from parvis_identity.store import scim_users as store
from parvis_identity.store import scim_writing as writing
from parvis_identity.store.scim_users import Row
from parvis_kit.unit import UnitOfWork

#: What a request makes of a document, and of the members.
Change = Callable[[Document], tuple[Document, Sequence[MemberChange]]]


class Groups:
    """See the module. A group is locked before the users in it, and those in one order."""

    def __init__(self, directories: Directories) -> None:
        self._directories = directories

    async def create(self, directory: Directory, group_id: UUID, document: Document, members: Sequence[str]) -> Row:
        """A new group. Raises ScimRefusal invalidValue for members that there are not."""
        async with self._directories.acting(directory) as unit:
            version = people.version_after(unit)
            await writing.insert_group(
                unit,
                ScimGroup(
                    id=group_id,
                    organisation_id=unit.organisation_id,
                    display_name=document["displayName"],
                    external_id=document.get("externalId", ""),
                    document=document,
                    compared=compared(document, GROUPS, id=str(group_id), created=unit.now, changed=unit.now),
                    version=version,
                    created_at=unit.now,
                    changed_at=unit.now,
                ),
            )
            await self._put(unit, group_id, added=_ids(members), removed=set(), renamed=False)
            unit.record(
                "scim.group_created", target_kind="scim_group", target_id=group_id, name=document["displayName"]
            )
            await log_store.note(unit, directory.token_id, {"groups": 1})
            return await _there(unit, group_id, frozenset())

    async def change(self, directory: Directory, group_id: UUID, change: Change, *, versions: frozenset[int]) -> Row:
        """The group after a change. `versions`: those that If-Match names, empty for any. Raises ScimRefusal."""
        async with self._directories.acting(directory) as unit:
            before = await _there(unit, group_id, versions, lock=True)
            old = store.document_of(before)
            document, changes = change(old)
            held = await writing.member_ids(unit, group_id) if changes else set()
            wanted = await self._wanted(unit, group_id, held, changes)
            if document == old and wanted == held:
                return before
            version = people.version_after(unit, before["version"])
            await writing.save_group(
                unit,
                group_id,
                display_name=document["displayName"],
                external_id=document.get("externalId", ""),
                document=document,
                compared=compared(document, GROUPS, id=str(group_id), created=before["created_at"], changed=unit.now),
                version=version,
                changed_at=unit.now,
            )
            renamed = (document["displayName"], document.get("externalId")) != (
                old["displayName"],
                old.get("externalId"),
            )
            await self._put(unit, group_id, added=wanted - held, removed=held - wanted, renamed=renamed)
            told = {"name": document["displayName"], "added": str(len(wanted - held)), "left": str(len(held - wanted))}
            unit.record("scim.group_changed", target_kind="scim_group", target_id=group_id, **told)
            await log_store.note(unit, directory.token_id, {"groups": 1})
            return await _there(unit, group_id, frozenset())

    async def delete(self, directory: Directory, group_id: UUID, *, versions: frozenset[int]) -> None:
        """The group is no more. Raises ScimRefusal."""
        async with self._directories.acting(directory) as unit:
            before = await _there(unit, group_id, versions, lock=True)
            held = await writing.member_ids(unit, group_id)
            touched = await writing.touch_users(unit, list(held), people.version_after(unit))
            await writing.delete_group(unit, group_id)
            await _tell(unit, touched)
            unit.record("scim.group_deleted", target_kind="scim_group", target_id=group_id, name=before["display_name"])
            await log_store.note(unit, directory.token_id, {"groups": 1})

    async def _wanted(
        self, unit: UnitOfWork, group_id: UUID, held: set[UUID], changes: Sequence[MemberChange]
    ) -> set[UUID]:
        wanted = set(held)
        for each in changes:
            if each.fitting is not None:
                wanted -= await _fitting(unit, group_id, each.fitting)
            elif each.kind == "remove":
                wanted -= _known(each.ids)
            elif each.kind == "add":
                wanted |= _ids(each.ids)
            else:
                wanted = _ids(each.ids)
        return wanted

    async def _put(
        self, unit: UnitOfWork, group_id: UUID, *, added: set[UUID], removed: set[UUID], renamed: bool
    ) -> None:
        """Who is in the group from now on; everybody whom it concerns is told of."""
        concerned = added | removed
        if renamed:
            concerned |= await writing.member_ids(unit, group_id)
        touched = await writing.touch_users(unit, list(concerned), people.version_after(unit))
        if missing := added - {row["id"] for row in touched}:
            raise invalid_value(f"There is no user {min(map(str, missing))}.")
        await writing.remove_members(unit, group_id, list(removed))
        await writing.add_members(unit, group_id, list(added))
        await _tell(unit, touched)


async def _tell(unit: UnitOfWork, touched: Sequence[Row]) -> None:
    groups = await store.groups_of(unit, [row["id"] for row in touched])
    said = await store.has_groups(unit)
    for row in touched:
        person = people.person_of(store.document_of(row), otherwise=row["active"])
        people.tell(unit, row["account_id"], person, row["version"], groups.get(row["id"], ()), groups_said=said)


async def _there(unit: UnitOfWork, group_id: UUID, versions: frozenset[int], *, lock: bool = False) -> Row:
    row = await store.group(unit, group_id, lock=lock)
    if row is None:
        raise unknown("group")
    if versions and row["version"] not in versions:
        raise stale()
    return row


async def _fitting(unit: UnitOfWork, group_id: UUID, node: Node) -> set[UUID]:
    """Members that fit the filter of a path."""
    rows = (await store.members_of(unit, [group_id])).get(group_id, [])
    return {
        row["id"]
        for row in rows
        if fits(node, {"value": str(row["id"]), "display": row["display"].casefold(), "type": "user"}, inside=True)
    }


def _ids(members: Collection[str]) -> set[UUID]:
    """Raises ScimRefusal invalidValue for what is no id of ours."""
    found = _known(members)
    if len(found) < len(set(members)):
        raise invalid_value("A member is no user of this organisation.")
    return found


def _known(members: Collection[str]) -> set[UUID]:
    found = set()
    for each in members:
        try:
            found.add(UUID(each))
        except ValueError:
            continue
    return found
