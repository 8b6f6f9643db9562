"""How long a service keeps what: terms, and the one job that applies them.

Each term is a table, a moment in it, and how long rows are kept after that moment; then they are deleted, or lose what
they say. Any number of replicas may run the job: a lock of the database lets one work at a time, a batch at a time, so
that nobody waits long for what a batch locks. Tables of organisations are looked at once a day, in a transaction of
each organisation, whose trail says what went; the others every hour.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import Counter
from pydantic import Field

from parvis_kit.audit import ERASED
from parvis_kit.caller import Caller
from parvis_kit.settings import ServiceSettings
from parvis_kit.unit import Database, UnitOfWork
from parvis_records.erasure import COUNTED, witness
from parvis_watch import jobs

#: Days; more than a century is a mistake, and no moment to count from.
CENTURY: Final = 36_500
#: Rows of a batch.
BATCH: Final = 1000
EVERY: Final = 3600.0  # s
_DAILY: Final = 24 * 3600.0  # s
_LOCK: Final = 0x7061727669730002  # "parvis", 2: one advisory lock per database for whoever applies terms
_ALONE = "SELECT pg_try_advisory_xact_lock($1) AS alone"
_ORGANISATIONS = "SELECT organisation_id FROM audit_heads ORDER BY organisation_id"  # each has acts before rows

EXPIRED = Counter(
    "parvis_records_expired", "Rows whose time was over: deleted, or emptied of what they said", ["table"]
)

_log = structlog.get_logger(__name__)


class RetentionSettings(ServiceSettings):
    """What every service keeps for a time."""

    #: Days that an event which could not be handled waits for an operator; then it is given up.
    kept_dead_letters_days: int = Field(default=90, ge=1, le=CENTURY)
    #: Days after which an act outside organisations (a sign-in) says no more than who, what and when.
    kept_trail_days: int = Field(default=365, ge=30, le=CENTURY)


@dataclass(frozen=True, slots=True)
class Term:
    """Rows of `table` whose `column` is older than `kept`."""

    table: str
    column: str
    kept: timedelta
    #: A condition in SQL: such rows stay.
    unless: str = ""
    #: Assignments in SQL: rows lose these and stay; empty: they are deleted.
    blanks: str = ""
    #: The table is of organisations: each is entered.
    owned: bool = False
    #: Without an index on the column: looked at once a day, as those of organisations are.
    daily: bool = False


def days(count: int) -> timedelta:
    """So many days."""
    return timedelta(days=count)


def common(settings: RetentionSettings) -> tuple[Term, ...]:
    """What is kept for a time in every service's database; the relay deletes what was sent and what was handled."""
    return (
        Term("dead_letters", "dead_at", days(settings.kept_dead_letters_days), daily=True),
        Term(
            "audit", "at", days(settings.kept_trail_days), f"seq IS NULL OR details IS NULL OR act = '{ERASED}'",
            blanks="details = NULL, salt = NULL", daily=True,
        ),
    )  # fmt: skip


def statement(term: Term) -> str:
    """Applies a term to a batch: $1 the moment, $2 how many. Rows that somebody holds wait for the next time."""
    # Names of the services' own modules.
    but = f" AND NOT ({term.unless})" if term.unless else ""
    what = f"UPDATE {term.table} SET {term.blanks}" if term.blanks else f"DELETE FROM {term.table}"  # noqa: S608
    rows = f"SELECT ctid FROM {term.table} WHERE {term.column} < $1{but} LIMIT $2 FOR UPDATE SKIP LOCKED"  # noqa: S608
    told = COUNTED if term.table == "audit" else "true"
    return f"{what} WHERE ctid = ANY(ARRAY({rows})) RETURNING {told} AS counted"


async def apply(unit: UnitOfWork, term: Term, *, most: int = BATCH) -> int:
    """Applies a term to so many rows at most; how many they were."""
    rows = await unit.fetch(statement(term), unit.now - term.kept, most)
    gone = len(rows)
    EXPIRED.labels(term.table).inc(gone)
    if term.table == "audit":
        witness(unit, rows)
    if gone and term.owned:
        unit.record("records.expired", target_kind="table", target_id=term.table, rows=str(gone))
    return gone


class Retention:
    """The job of one process. `also`: what else is done every hour, each in a transaction of its own."""

    def __init__(
        self, database: Database, terms: Sequence[Term], *also: Callable[[UnitOfWork], Awaitable[None]]
    ) -> None:
        self._database = database
        self._terms = terms
        self._also = also
        self._caller = Caller(database.service)
        self._daily_at = 0.0

    async def run(self) -> None:
        """Every hour, until cancelled."""
        while True:
            await self.once()
            await jobs.rest("retention", EVERY)

    async def once(self) -> bool:
        """Applies every term that is due. False when another replica was at it: it does the rest."""
        daily = not self._daily_at or time.monotonic() - self._daily_at >= _DAILY
        for term in self._terms:
            if (term.owned or term.daily) and not daily:
                continue
            for organisation_id in await self._organisations() if term.owned else [None]:
                if not await self._exhaust(term, organisation_id):
                    return False
        for work in self._also:
            async with self._database.begin(self._caller) as unit:
                if not await _alone(unit):
                    return False
                await work(unit)
        if daily:
            self._daily_at = time.monotonic()
        return True

    async def _exhaust(self, term: Term, organisation_id: UUID | None) -> bool:
        total, gone = 0, BATCH
        while gone == BATCH:
            async with self._database.begin(self._caller, organisation_id=organisation_id) as unit:
                if not await _alone(unit):
                    return False
                gone = await apply(unit, term)
            total += gone
        if total:
            _log.info("records_expired", table=term.table, rows=total, organisation=str(organisation_id or ""))
        return True

    async def _organisations(self) -> list[UUID]:
        async with self._database.begin(self._caller) as unit:
            return [row["organisation_id"] for row in await unit.fetch(_ORGANISATIONS)]


async def _alone(unit: UnitOfWork) -> bool:
    return bool((await unit.fetch(_ALONE, _LOCK))[0]["alone"])
