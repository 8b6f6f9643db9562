"""The suite that a bench measures, and who is in front of it.

`PARVIS_BENCH_DATA` names the data folder of a suite that already runs (`./parvis up --data …`) to use instead of a
new one.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpcore
import httpx
import psutil
from machine import cpu_seconds, plain_resident_bytes
from report import console

from parvis_kit.errors import ServiceError
from parvis_local.demo.portal import DemonstrationError, Person, Portal
from parvis_local.ports import free_base
from parvis_local.suite import Suite

ADMINISTRATOR = "claire.orsel@orsel.example"
FIRM = "cabinet-orsel"
#: The suite does not start, refuses, or is gone.
_TROUBLE = RuntimeError, ServiceError, DemonstrationError, httpx.HTTPError, httpcore.NetworkError, psutil.Error


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs a bench. Where it cannot measure, it says so in one line."""
    try:
        asyncio.run(main())
    except _TROUBLE as error:
        console.print(f"Not measured: {error}", style="red", markup=False)
        sys.exit(1)


@contextmanager
def running_suite() -> Iterator[Suite]:
    """A suite with its demonstration, stopped and removed afterwards."""
    if folder := os.environ.get("PARVIS_BENCH_DATA"):
        suite = Suite(Path(folder))
        suite.start()
        yield suite
        return
    with tempfile.TemporaryDirectory(prefix="parvis-bench-", ignore_cleanup_errors=True) as data:
        Path(data).chmod(0o755)  # PostgreSQL's account must reach its folder when this runs as root
        console.print("starting a suite with its demonstration", style="dim")
        with Suite(Path(data), port=free_base()) as suite:
            yield suite


def used(suite: Suite) -> dict[str, float]:
    """Seconds of CPU that each part of the suite has used so far."""
    current = running_state(suite)
    return cpu_seconds(current.supervisor, {part.pid: part.name for part in current.parts if part.pid})


def resident_bytes(suite: Suite) -> int:
    """Plain resident memory of all processes of the suite."""
    return plain_resident_bytes(running_state(suite).supervisor)


def running_state(suite: Suite):
    """What the supervisor says now."""
    current = suite.state()
    if current is None:
        raise RuntimeError(f"No suite runs on {suite.layout.data}.")
    return current


@dataclass(frozen=True, slots=True)
class Seat:
    """The administrator of the demonstration firm, signed in."""

    suite: Suite
    portal: Portal
    person: Person
    organisation_id: str

    def acting(self):
        """Calls inside the block are the administrator's, for the firm."""
        return self.person.acting_for(self.organisation_id)


@asynccontextmanager
async def administrator(suite: Suite) -> AsyncIterator[Seat]:
    """Signs the administrator in; gRPC through `seat.portal.peers` goes as the gateway's."""
    async with Portal(suite.context) as portal:
        person = Person(portal, ADMINISTRATOR)
        await person.sign_in()
        try:
            yield Seat(suite, portal, person, (await person.organisations())[FIRM])
        finally:
            await person.close()
