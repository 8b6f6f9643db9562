"""The closing of an organisation: asked for, read only until its day, reopened; or erased on it, and answered by every
service.

From the moment on in which it is asked for, every grant set of the organisation says so, and the door of each service
refuses what changes anything (docs/adr/0032). Nothing is taken away before the day: reopening needs no repair.
"""

from collections.abc import Collection
from datetime import timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from parvis.records.v1 import events_pb2 as records_events
from parvis.tenancy.v1 import closing_pb2, events_pb2
from parvis_kit.bus import Envelope, Retry
from parvis_kit.caller import Caller
from parvis_kit.errors import Violation, forbidden, invalid, precondition
from parvis_kit.ids import uuid7
from parvis_kit.unit import Database, UnitOfWork
from parvis_records import closing
from parvis_tenancy.domain.states import OrganisationKind
from parvis_tenancy.holdings import HOLDINGS
from parvis_tenancy.models import Closing
from parvis_tenancy.service import authority
from parvis_tenancy.service.invitations import own_organisation
from parvis_tenancy.store import closings as store
from parvis_tenancy.store import rights
from parvis_watch import jobs
from parvis_watch.logs import evidence

#: Days in which everything can be read, exported and taken back.
DAYS: Final = 30
#: So long before the day, administrators are told again.
NEAR: Final = timedelta(days=7)
#: Who answers.
SERVICES: Final = ("tenancy", "identity", "documents", "notify", "billing")
_EVERY = 30.0  # s
_NOBODY = UUID(int=0)
_SELF = Caller("tenancy")


def digest_of(organisation_id: UUID) -> str:
    """What is left of an organisation that was erased."""
    return sha256(str(organisation_id).encode()).hexdigest()


async def stand(unit: UnitOfWork) -> closing_pb2.Closing:
    """Where the closing of the caller's organisation stands, and who may do something about it."""
    organisation, found = await own_organisation(unit), await store.waiting(unit, unit.organisation_id)
    people = await store.administrators(unit)
    names = {row["id"]: _name(row["given_name"], row["family_name"]) for row in people}
    answer = closing_pb2.Closing(
        may_close=unit.caller.membership_id in names,
        administrators=[name for each, name in names.items() if each != unit.caller.membership_id],
        is_provider=organisation.kind == OrganisationKind.PROVIDER,
        days=DAYS,
    )
    if found is not None:
        answer.closes_at.FromDatetime(found.due_at)
        answer.asked_at.FromDatetime(found.asked_at)
        answer.asked_by = names.get(found.asked_by, "") if found.asked_by else ""
    return answer


async def close(unit: UnitOfWork, name: str) -> closing_pb2.Closing:
    """Begins it, for an administrator who typed the name. Raises FORBIDDEN, INVALID, PRECONDITION: see the contract."""
    await _administrators_only(unit)
    organisation = await own_organisation(unit)
    if organisation.kind == OrganisationKind.PROVIDER:
        raise precondition("provider_stays")
    if " ".join(name.split()).casefold() != " ".join(organisation.name.split()).casefold():
        raise invalid("fields_invalid", [Violation("name", "name_differs")])
    await ask(unit, by=unit.caller.membership_id, within=timedelta(days=DAYS))
    return await stand(unit)


async def ask(unit: UnitOfWork, *, by: UUID | None, within: timedelta) -> Closing:
    """The organisation of the unit is to be erased; `by`: a membership, None: an operator. Asked for again, the first
    day stands unless the new one is sooner.
    """
    revision = await rights.next_revision(unit, "organisation.closing_asked")  # nobody else asks meanwhile
    found = await store.waiting(unit, unit.organisation_id)
    due_at = unit.now + within
    if found is None:
        found = Closing(
            id=uuid7(), organisation_id=unit.organisation_id, digest=digest_of(unit.organisation_id),
            asked_by=by, asked_at=unit.now, due_at=due_at,
        )  # fmt: skip
        unit.add(found)
        if within > NEAR:
            await _tell(unit, "organisation_closing", found)
        else:
            found.warned_at = unit.now
            await _tell(unit, "organisation_closes_soon", found)
    found.due_at = min(found.due_at, due_at)
    authority.grants_changed(unit, revision)
    day = found.due_at.date().isoformat()
    unit.record("organisation.closing_asked", target_kind="organisation", target_id=unit.organisation_id, day=day)
    await unit.flush()
    return found


async def reopen(unit: UnitOfWork) -> closing_pb2.Closing:
    """Ends it: everything is as it was. Raises FORBIDDEN administrators_only."""
    await _administrators_only(unit)
    revision = await rights.next_revision(unit, "organisation.reopened")
    found = await store.waiting(unit, unit.organisation_id)
    if found is not None:
        found.ended_at, found.ended_as = unit.now, "reopened"
        await _tell(unit, "organisation_reopened", found)
        authority.grants_changed(unit, revision)
        unit.record("organisation.reopened", target_kind="organisation", target_id=unit.organisation_id)
        await unit.flush()
    return await stand(unit)


async def settle_for_ever(database: Database) -> None:
    """Tells administrators when the day is near, and erases when it has come."""
    while True:
        await settle(database)
        await jobs.rest("close_organisations", _EVERY)


async def settle(database: Database) -> int:
    """One round: each organisation in a transaction of its own; how many were erased."""
    while True:
        async with database.begin(_SELF) as unit:
            found = await store.near(unit, NEAR)
            if found is None or found.organisation_id is None:
                break
            found.warned_at = unit.now
            await unit.enter(found.organisation_id)
            await _tell(unit, "organisation_closes_soon", found)
    done = 0
    while True:
        try:
            async with database.begin(_SELF) as unit:
                found = await store.due(unit)
                if found is None or found.organisation_id is None:
                    return done
                await _erase(unit, found, found.organisation_id)
        except Retry:  # its last acts are not sealed yet: in half a minute they are
            return done
        done += 1


async def again(unit: UnitOfWork, organisation_id: UUID) -> None:
    """Has an organisation erased that a restore brought back here, or in another service only."""
    await unit.enter(organisation_id)
    if await unit.fetch("SELECT FROM organisations WHERE id = $1", organisation_id):
        await ask(unit, by=None, within=timedelta(0))
        return
    found = Closing(
        id=uuid7(), organisation_id=organisation_id, digest=digest_of(organisation_id), asked_at=unit.now,
        due_at=unit.now, warned_at=unit.now,
    )  # fmt: skip
    unit.add(found)
    await unit.flush()


async def answered(unit: UnitOfWork, event: records_events.OrganisationRecordsErased, _: Envelope) -> None:
    """A service is done."""
    await store.answered(unit, UUID(event.closing_id), event.service, event.erased, event.kept)


def missing(services: Collection[str]) -> list[str]:
    """Services that have not answered, where these have."""
    return [each for each in SERVICES if each not in services]


async def _erase(unit: UnitOfWork, found: Closing, organisation_id: UUID) -> None:
    await unit.enter(organisation_id)
    people = await store.administrators(unit)
    for row in await store.entering(unit):
        cut = events_pb2.MembershipCut(membership_id=str(row["id"]), account_id=str(row["account_id"]))
        unit.emit(cut, aggregate_id=row["id"])
    names = await unit.fetch("SELECT name FROM organisations WHERE id = $1", organisation_id)
    if names:
        gone = events_pb2.OrganisationGone(
            organisation_name=names[0]["name"],
            administrators=[
                events_pb2.Recipient(
                    mail=row["mail"], given_name=row["given_name"], family_name=row["family_name"], locale=row["locale"]
                )
                for row in people
                if row["mail"]
            ],
        )
        unit.emit(gone, aggregate_id=found.id)
    # Without a revision, the triggers of facts keep no past of what goes.
    done = await closing.erase_all(unit, HOLDINGS, first=("rights_revisions",))
    event = records_events.OrganisationErased(closing_id=str(found.id), organisation_id=str(organisation_id))
    unit.emit(event, aggregate_id=found.id)
    found.organisation_id, found.asked_by, found.ended_at, found.ended_as = None, None, unit.now, "erased"
    await unit.flush()
    await unit.enter(_NOBODY)
    await store.answered(unit, found.id, "tenancy", done.erased, done.kept)
    unit.record("organisation.erased", target_kind="closing", target_id=found.id)
    # The log is outside of what a restore brings back: from it, organisations are erased again (docs/operations.md).
    evidence.info("organisation_erased", digest=found.digest)


async def _administrators_only(unit: UnitOfWork) -> None:
    people = await store.administrators(unit)
    if all(row["id"] != unit.caller.membership_id for row in people):
        names = ", ".join(_name(row["given_name"], row["family_name"]) for row in people[:5])
        raise forbidden("administrators_only", helpers=names)


async def _tell(unit: UnitOfWork, kind: str, found: Closing) -> None:
    people = await store.administrators(unit)
    values = {"until": found.due_at.date().isoformat()}
    who = next((row for row in people if row["id"] == unit.caller.membership_id), None)
    if who is not None:
        values["who"] = _name(who["given_name"], who["family_name"])
    event = events_pb2.AdministratorsNoticed(
        kind=kind, values=values, membership_ids=[str(row["id"]) for row in people]
    )
    unit.emit(event, aggregate_id=found.id)


def _name(given: str, family: str) -> str:
    return f"{given} {family}".strip()
