"""How a service's database stands: what waits in it, whether its schema is the code's, what time it has."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import structlog

from parvis_watch import metrics

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a database answers, in one question. Ages in seconds; `clock` in seconds since 1970."""

    unsent: int
    unsent_for: float | None
    dead: int
    failing: int
    unsealed: int
    #: Which entry is the next to be sealed: as long as it is the same one, nothing was sealed.
    first_unsealed: int | None
    schema: list[str]
    clock: float
    #: The comment of alembic_version: migrations write there which releases may run on what they made (`since`).
    told: str | None = None


#: Seconds that a start waits for the database before it goes on without having asked it.
_PATIENCE = 3.0


class TooNewError(RuntimeError):
    """The database is ahead of the code by more than one release. The message says so in a line."""


def since(comment: str | None) -> str:
    """The oldest revision that a release must know to run on a schema whose comment this is; empty when it has none."""
    found = re.search(r" since (\S+)$", comment or "")
    return found[1] if found else ""


def refuse(schema: Iterable[str], comment: str | None, known: set[str]) -> None:
    """Raises TooNewError where `too_new` says why."""
    if problem := too_new(schema, comment, known):
        raise TooNewError(problem)


def too_new(schema: Iterable[str], comment: str | None, known: set[str]) -> str:
    """Why a release that has the revisions `known` must not run on this schema; empty when it may: an upgrade can be
    taken back by one release (ADR 0030).
    """
    oldest, ahead = since(comment), sorted(set(schema) - known)
    if not ahead or not oldest or oldest in known:
        return ""
    return (
        f"the database is ahead by more than one release: it is at {' '.join(ahead)}, for releases that know {oldest}, "
        f"and this one ends at {max(known, default='nothing')}. Start a newer release, or restore a backup of this one"
    )


class Standings:
    """Tells it as metrics. `ask` asks the database; `known` are the revisions of the schema that the code knows, and
    `newest` the last of them.
    """

    def __init__(self, ask: Callable[[], Awaitable[Standing]], known: set[str], newest: set[str]) -> None:
        self._ask = ask
        self._known = known
        self._newest = newest
        self._first: tuple[int, float] = (0, 0.0)
        self._current = False

    async def probe(self) -> None:
        """Asks and tells."""
        metrics.DATABASE_UP.set(0)
        asked = time.time()
        found = await self._ask()
        answered = time.time()
        metrics.DATABASE_UP.set(1)
        metrics.OUTBOX.set(found.unsent)
        metrics.OUTBOX_AGE.set(found.unsent_for or 0)
        metrics.DEAD_LETTERS.set(found.dead)
        metrics.FAILING.set(found.failing)
        metrics.UNSEALED.set(found.unsealed)
        first = found.first_unsealed or 0
        if first != self._first[0]:
            self._first = first, answered
        metrics.UNSEALED_AGE.set(answered - self._first[1] if first else 0)
        # Our own clock is read around the question: half the time that it took is the doubt.
        metrics.CLOCK_DRIFT.set(found.clock - (asked + answered) / 2)
        schema = set(found.schema)
        metrics.SCHEMA.clear()
        metrics.SCHEMA.labels(" ".join(sorted(schema)), " ".join(sorted(self._newest))).set(1)
        metrics.SCHEMA_DIFFERENCE.set(1 if schema - self._known else -int(schema != self._newest))

    async def refuse(self) -> None:
        """Raises TooNewError. What cannot be asked now is asked again by `lagging`."""
        try:
            async with asyncio.timeout(_PATIENCE):
                found = await self._ask()
        except Exception:  # noqa: BLE001 - without a database, or without tables, there is nothing to refuse yet
            return
        refuse(found.schema, found.told, self._known)

    async def lagging(self) -> str:
        """Empty when the schema is the code's, or the next release's, on which this one runs; else what is missing.
        Once it is there nobody asks again: schemas do not go back.
        """
        if not self._current:
            try:
                found = await self._ask()
            except Exception as error:  # noqa: BLE001 - a database without tables answers with what it lacks
                return f"the database cannot be used yet: {error}. Its migrations come first (migrate)"
            schema = set(found.schema)
            if problem := too_new(schema, found.told, self._known):
                return problem
            self._current = schema == self._newest or bool(schema - self._known)
            if ahead := schema - self._known:
                _log.warning("schema_ahead", database=sorted(ahead), code=sorted(self._newest))
            if not self._current:
                there, wanted = " ".join(sorted(schema)) or "empty", " ".join(sorted(self._newest))
                return f"the database is behind: {there}, and this release needs {wanted}. Run its migrations (migrate)"
        return ""
