"""Who advises which contact, as services that filter by it keep it: an index that knows how far it has come.

Tenancy decides on advisers; a service that filters by them keeps a copy, fed by ContactChanged. Each change of a
contact's advisers has a revision of the organisation's rights and names the one before it, so the copy knows whether it
has seen them all: `reached` is the last revision up to which nothing is missing, in whatever order the news came. A
reader whose rights are newer waits a little, then what is missing is asked of tenancy itself (docs/adr/0016).

The service makes the table (`TABLE`, in a migration) and says how it keeps a contact: a version that is not newer than
what it has changes nothing there.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final
from uuid import UUID

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.caller import Caller, acting_for
from parvis_kit.errors import unavailable

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from parvis_kit.grants import GrantSet
    from parvis_kit.unit import Database, UnitOfWork

#: How long news is waited for before tenancy is asked, and how often it is looked for, in seconds.
PATIENCE, PAUSE = 0.3, 0.02
PAGE = 200

#: One row for each organisation. `ahead`: changes seen beyond one that is missing, by the one before them.
TABLE: Final = """
CREATE TABLE adviser_index (
    organisation_id uuid PRIMARY KEY, reached bigint NOT NULL DEFAULT 0, ahead jsonb NOT NULL DEFAULT '{}'
)"""

Keep = Callable[["UnitOfWork", tenancy_pb2.Contact], Awaitable[None]]
#: Asks tenancy, in the service's own name.
Ask = Callable[[tenancy_pb2.ListAdviserChangesRequest], Awaitable[tenancy_pb2.ListAdviserChangesResponse]]

_HOLD = """
INSERT INTO adviser_index AS held (organisation_id) VALUES ($1)
ON CONFLICT (organisation_id) DO UPDATE SET reached = held.reached RETURNING reached, ahead::text"""
_SAVE = "UPDATE adviser_index SET reached = $2, ahead = $3::text::jsonb WHERE organisation_id = $1"
_REACHED = "SELECT reached FROM adviser_index WHERE organisation_id = $1"


def advance(reached: int, ahead: Mapping[int, int]) -> tuple[int, dict[int, int]]:
    """How far a copy is that had `reached` and saw the changes `ahead` (the one before → the change): up to the first
    that is missing; and what is still ahead of that.
    """
    while reached in ahead:
        reached = ahead[reached]
    return reached, {previous: revision for previous, revision in ahead.items() if previous > reached}


class AdviserIndex:
    """See the module. `keep` writes a contact as tenancy told it."""

    def __init__(self, database: "Database", ask: Ask, keep: Keep) -> None:
        self._database = database
        self._ask = ask
        self._keep = keep
        #: What was seen to be reached: it only grows.
        self._reached: dict[UUID, int] = {}

    async def told(self, unit: "UnitOfWork", event: events_pb2.ContactChanged) -> None:
        """News of a contact, in the transaction that remembers it. Changes of advisers take their turn."""
        if event.revision:
            reached, ahead = await _hold(unit)
            await self._keep(unit, event.contact)
            await _save(unit, *advance(reached, {**ahead, event.previous: event.revision}))
        else:
            await self._keep(unit, event.contact)

    async def ready(self, grants: "GrantSet") -> None:
        """Returns once the copy is as new as these rights. Raises UNAVAILABLE when tenancy is needed and down, or does
        not have what is missing (index_behind).
        """
        give_up = time.monotonic() + PATIENCE
        while not await self._has(grants):
            if time.monotonic() > give_up:
                await self.catch_up(grants.organisation_id, self._reached[grants.organisation_id])
                if not await self._has(grants):
                    raise unavailable("index_behind", service="tenancy")
                return
            await asyncio.sleep(PAUSE)

    async def _has(self, grants: "GrantSet") -> bool:
        organisation_id = grants.organisation_id
        if self._reached.get(organisation_id, 0) < grants.advisers_revision:
            async with self._begin(organisation_id) as unit:
                rows = await unit.fetch(_REACHED, organisation_id)
            self._reached[organisation_id] = rows[0]["reached"] if rows else 0
        return self._reached.get(organisation_id, 0) >= grants.advisers_revision

    async def catch_up(self, organisation_id: UUID, after: int) -> None:
        """Keeps what tenancy changed after a revision, as it is now."""
        asked = tenancy_pb2.ListAdviserChangesRequest(after_revision=after, page_size=PAGE)
        while True:
            with acting_for(organisation_id):
                page = await self._ask(asked)
            asked.page_token = page.next_page_token
            async with self._begin(organisation_id) as unit:
                reached, ahead = await _hold(unit)
                for contact in page.contacts:
                    await self._keep(unit, contact)
                if not asked.page_token:  # before that, a contact of a later page may lack what an earlier one has
                    await _save(unit, *advance(max(reached, page.revision), ahead))
                    return

    def _begin(self, organisation_id: UUID) -> "AbstractAsyncContextManager[UnitOfWork]":
        return self._database.begin(Caller(self._database.service), organisation_id=organisation_id)


async def _hold(unit: "UnitOfWork") -> tuple[int, dict[int, int]]:
    """Before any contact is written: two that wait for each other would wait for ever."""
    [row] = await unit.fetch(_HOLD, unit.organisation_id)
    return row["reached"], {int(previous): revision for previous, revision in json.loads(row["ahead"]).items()}


async def _save(unit: "UnitOfWork", reached: int, ahead: Mapping[int, int]) -> None:
    await unit.fetch(_SAVE, unit.organisation_id, reached, json.dumps(ahead))
