"""Users of a directory: each has an account of the firm, which opens as long as the directory lets them in.

An account is locked before its user, always: a sign-in, a change and an end never wait for each other in a ring.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from parvis_identity.domain.scim.refusals import ScimRefusal, stale, taken, unknown
from parvis_identity.domain.scim.resources import Document, compared
from parvis_identity.domain.scim.schemas import USERS
from parvis_identity.models import Account, AccountState
from parvis_identity.service import sessions
from parvis_identity.service.scim import addresses, arrivals, people
from parvis_identity.service.scim.addresses import Addresses
from parvis_identity.service.scim.directories import Directories, Directory
from parvis_identity.service.scim.people import Person
from parvis_identity.service.sso import notices
from parvis_identity.service.viewings import end_of_subject
from parvis_identity.store import scim as log_store
from parvis_identity.store import scim_users as store
from parvis_identity.store import scim_writing as writing
from parvis_identity.store import sso as sso_store
from parvis_identity.store.scim_users import Row
from parvis_kit.unit import UnitOfWork

#: Of writers that meet at one user, each is tried so often before it is told to come again.
_TRIES = 5
#: What a request makes of a document.
Change = Callable[[Document], Document]


class _Met(Exception):
    """Somebody else was there first: what was decided before may not hold any more."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a change comes to, as far as it was seen before it was locked."""

    account_id: UUID
    leaves: bool
    checked: frozenset[str]


class Users:
    """See the module."""

    def __init__(self, directories: Directories, whose: Addresses) -> None:
        self._directories = directories
        self._addresses = whose

    async def create(self, directory: Directory, wanted: Sequence[arrivals.New]) -> list[Row | ScimRefusal]:
        """Users with their accounts; what became of each, in their order. Raises ScimRefusal when none was made."""
        mails = frozenset().union(*(each.person.addresses for each in wanted))
        foreign = await self._addresses.of_others(directory, mails)
        for _ in range(_TRIES):
            try:
                async with self._directories.acting(directory) as unit:
                    made = await arrivals.create(unit, directory.token_id, wanted, foreign=foreign)
            except asyncpg.UniqueViolationError:  # a sign-in made an account of that identifier at this moment
                continue
            await self._close_unwanted(directory, made)
            return made
        raise ScimRefusal(409, "Another request makes the same users. Try again.", check="made_at_once")

    async def _close_unwanted(self, directory: Directory, made: Sequence[Row | ScimRefusal]) -> None:
        """Accounts that were there, of people whom the directory sends as those who may not come in."""
        for each in made:
            if not isinstance(each, ScimRefusal) and not each["active"]:
                async with self._directories.acting(directory, outside=True) as unit:
                    await self._leave(unit, directory, Plan(each["account_id"], leaves=True, checked=frozenset()))

    async def change(self, directory: Directory, user_id: UUID, change: Change, *, versions: frozenset[int]) -> Row:
        """The user after a change. `versions`: those that If-Match names, empty for any. Raises ScimRefusal."""
        return await self._write(directory, user_id, change, versions, deletes=False)

    async def delete(self, directory: Directory, user_id: UUID, *, versions: frozenset[int]) -> None:
        """The user is no more, and the account lets nobody in. Raises ScimRefusal."""
        await self._write(directory, user_id, lambda document: document, versions, deletes=True)

    async def _write(
        self, directory: Directory, user_id: UUID, change: Change, versions: frozenset[int], *, deletes: bool
    ) -> Row:
        for _ in range(_TRIES):
            plan = await self._plan(directory, user_id, change, deletes=deletes)
            try:
                async with self._directories.acting(directory, outside=plan.leaves) as unit:
                    if plan.leaves:
                        await self._leave(unit, directory, plan)
                    await writing.lock_account(unit, plan.account_id)
                    before = await _there(unit, user_id, versions, lock=True)
                    if before["account_id"] != plan.account_id:  # its owner linked another one
                        raise _Met  # noqa: TRY301 - as the others
                    if deletes:
                        return await self._delete(unit, directory, before)
                    return await self._save(unit, directory, before, change, plan)
            except (_Met, asyncpg.UniqueViolationError):
                continue
        raise ScimRefusal(409, "Other requests change the same user. Try again.", check="changed_at_once")

    async def _plan(self, directory: Directory, user_id: UUID, change: Change, *, deletes: bool) -> Plan:
        """What is to be asked of others before anything is locked, and whether the person leaves."""
        async with self._directories.acting(directory) as unit:
            row = await _there(unit, user_id, frozenset())
        if deletes:
            return Plan(row["account_id"], leaves=True, checked=frozenset())
        # Whoever says nothing of `active` lets nobody back in, and sends nobody away.
        before = people.person_of(store.document_of(row), otherwise=row["active"])
        after = people.person_of(change(store.document_of(row)), otherwise=row["active"])
        new = after.addresses - before.addresses
        if new and await self._addresses.of_others(directory, new):
            raise addresses.refusal()
        return Plan(row["account_id"], leaves=row["active"] and not after.active, checked=new)

    async def _leave(self, unit: UnitOfWork, directory: Directory, plan: Plan) -> None:
        """Everything ends that the account had; of a personal one, what it had of this firm. In no organisation: links
        to personal accounts are nothing of the firm's (service.linking).
        """
        account = await writing.lock_account(unit, plan.account_id)
        own = account is not None and account["organisation_id"] == directory.organisation_id and account["directory"]
        if account is not None and own and account["state"] != AccountState.DISABLED:
            await end_of_subject(unit, plan.account_id)
            await sessions.disable_account(unit, plan.account_id, by_directory=True)
        await unit.enter(directory.organisation_id)
        if account is not None and not own:  # it stays its owner's: tenancy cuts their access here
            await sessions.cut(unit, plan.account_id, directory.organisation_id, unit.now)

    async def _save(self, unit: UnitOfWork, directory: Directory, before: Row, change: Change, plan: Plan) -> Row:
        old = store.document_of(before)
        document = change(old)
        was = people.person_of(old, otherwise=before["active"])
        person = people.person_of(document, otherwise=before["active"])
        leaves = before["active"] and not person.active
        if leaves != plan.leaves or not (person.addresses - was.addresses) <= plan.checked:
            raise _Met
        if document == old:
            return before
        await _check_free(unit, before, was, person)
        version = people.version_after(unit, before["version"])
        await writing.save_user(
            unit, before["id"], **columns(document, person, unit.now, version, before["id"], before["created_at"])
        )
        await arrivals.follow(unit, before["account_id"], person)
        count, also, notes = "changed", list[UUID](), list[dict[str, str]]()
        if leaves:
            count = "disabled"
            also = await _leave_too(unit, before, was.names | person.names)
        elif person.active and not before["active"]:
            notes = await arrivals.let_in(unit, before["account_id"], person)
            count = "changed" if notes else "reopened"
        groups = (await store.groups_of(unit, [before["id"]])).get(before["id"], [])
        said = await store.has_groups(unit)
        people.tell(unit, before["account_id"], person, version, groups, groups_said=said, also=also)
        unit.record(f"scim.user_{count}", target_kind="account", target_id=before["account_id"])
        await log_store.note(unit, directory.token_id, {count: 1}, notes)
        return await _there(unit, before["id"], frozenset())

    async def _delete(self, unit: UnitOfWork, directory: Directory, before: Row) -> Row:
        person = people.gone(people.person_of(store.document_of(before)))
        version = people.version_after(unit, before["version"])
        await writing.leave_groups(unit, before["id"])
        await writing.save_user(
            unit, before["id"], deleted_at=unit.now, changed_at=unit.now, version=version, active=False, document={},
            compared={},
        )  # fmt: skip
        also = await _leave_too(unit, before, person.names) if before["active"] else []
        said = await store.has_groups(unit)
        people.tell(unit, before["account_id"], person, version, (), groups_said=said, also=also)
        unit.record("scim.user_deleted", target_kind="account", target_id=before["account_id"])
        await log_store.note(unit, directory.token_id, {"deleted": 1})
        return before


def columns(
    document: Document, person: Person, now: datetime, version: int, user_id: UUID, created: datetime
) -> dict[str, Any]:
    """What a document comes to in a row."""
    return {
        "user_name": person.user_name,
        "user_name_key": person.name_key,
        "external_id": person.external_id,
        "active": person.active,
        "document": document,
        "compared": compared(
            document | {"active": person.active}, USERS, id=str(user_id), created=created, changed=now
        ),
        "version": version,
        "changed_at": now,
    }


async def _there(unit: UnitOfWork, user_id: UUID, versions: frozenset[int], *, lock: bool = False) -> Row:
    row = await store.user(unit, user_id, lock=lock)
    if row is None:
        raise unknown("user")
    if versions and row["version"] not in versions:
        raise stale()
    return row


async def _leave_too(unit: UnitOfWork, before: Row, addresses: Collection[str]) -> list[UUID]:
    """Colleagues' own accounts that are a leaver's, as the address says that the firm gives out; but emergency ones:
    they are there for when the directory errs.
    """
    found, left = await people.beside(unit, before["account_id"], addresses), list[UUID]()
    for each in found:
        told: dict[str, Any] = {"target_kind": "account", "target_id": each}
        told |= {"of": str(before["account_id"]), "why": "mail"}
        if await sso_store.may_break_glass(unit, unit.organisation_id, each):
            unit.record("scim.leaver_kept", **told)
            account = await unit.get(Account, each)
            await notices.tell(unit, "directory_leaver_kept", each, "", person=account.name if account else "")
            continue
        unit.record("scim.leaves_too", **told)
        left.append(each)
    return left


async def _check_free(unit: UnitOfWork, before: Row, was: Person, person: Person) -> None:
    names = [person.name_key] if person.name_key != was.name_key else []
    external = [person.external_id] if person.external_id and person.external_id != was.external_id else []
    if not names and not external:
        return
    for row in await store.taken(unit, names, external):
        if row["id"] != before["id"]:
            raise taken("Another user has that userName or externalId.")
