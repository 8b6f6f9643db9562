"""Background work: it comes back after anything, and a job that no longer comes to its end is seen."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn

import asyncpg
import structlog

from parvis_watch.metrics import INTERRUPTED, JOBS, JOBS_EVERY

_log = structlog.get_logger(__name__)
#: Seconds: what was away is found so late at most; and whoever ran for longer begins anew with a short pause.
_LONGEST_PAUSE, _STEADY = 2.0, 5.0


async def rest(job: str, seconds: float) -> None:
    """A recurring job came to its end, and rests for so long; 0 where there is more to do at once."""
    done(job, seconds)
    await asyncio.sleep(seconds)


def done(job: str, seconds: float) -> None:
    """A recurring job came to its end, and is due again in so many seconds."""
    JOBS.labels(job).set(time.time())
    if seconds:
        JOBS_EVERY.labels(job).set(seconds)


def heed_the_end() -> None:
    """Raises CancelledError where the current task was told to end, and what it awaited kept that from it: a failed
    rollback does, and `wait_for` of Python 3.11, by which nats-py waits, where an answer came at the same moment.
    """
    if (task := asyncio.current_task()) and task.cancelling():
        raise asyncio.CancelledError


async def for_ever(work: Callable[[], Awaitable[None]], name: str = "") -> NoReturn:
    """Runs `work` again and again: after a failure 0.1 to 2 s later, until cancelled."""
    pause, name = 0.1, name or getattr(work, "__qualname__", repr(work))
    while True:
        started = asyncio.get_running_loop().time()
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - for ever means whatever happens: the rows are still there
            heed_the_end()  # a failed rollback may have taken its place
            INTERRUPTED.inc()
            # A stack says nothing of what is away, and all work of all processes stops at the same moment.
            (_log.warning if _is_away(error) else _log.exception)("background_interrupted", work=name, error=error)
        pause = 0.1 if asyncio.get_running_loop().time() - started > _STEADY else min(pause * 2, _LONGEST_PAUSE)
        await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads reconnections, guards nothing


def _is_away(error: Exception) -> bool:
    """Whether a server is, or a neighbour (`ServiceError` of kind unavailable); else it is a mistake of ours."""
    if isinstance(error, OSError | asyncpg.PostgresError | asyncpg.InterfaceError):
        return True
    return getattr(error, "kind", "") == "unavailable"
