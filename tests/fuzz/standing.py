"""What strange requests must leave as it was: every process, the logs without an error, no dead letter."""

import json

import pytest
from ledger import Ledger

from parvis_local.suite import Suite

#: The processes that answer.
PARTS = ("identity", "tenancy", "documents", "notify", "billing", "web")


class Standing:
    """See the module."""

    def __init__(self, suite: Suite, ledger: Ledger) -> None:
        self._suite = suite
        self._ledger = ledger
        self._pids: dict[str, int] = {}
        self._read: dict[str, int] = {}
        self._dead: dict[str, int] = {}

    async def begin(self) -> None:
        """Remembers how everything stands."""
        self._pids = {part: self._suite.pid(part) for part in PARTS}
        self._read = {part: self._suite.layout.log(part).stat().st_size for part in PARTS}
        self._dead = await self._dead_letters()

    async def troubles(self) -> list[str]:
        """What is not as it was: processes that ended, errors and tracebacks in the logs, letters that died."""
        found = [
            f"{part} is another process than before" for part in PARTS if self._suite.pid(part) != self._pids[part]
        ]
        for part in PARTS:
            with self._suite.layout.log(part).open("rb") as log:
                log.seek(self._read[part])
                found += [f"{part}: {line}" for line in log.read().decode(errors="replace").splitlines() if wrong(line)]
        dead = await self._dead_letters()
        return found + [
            f"{part}: {dead[part] - count} new dead letters"
            for part, count in self._dead.items()
            if dead[part] != count
        ]

    async def _dead_letters(self) -> dict[str, int]:
        return {
            part: await connection.fetchval("SELECT count(*) FROM dead_letters")
            for part, connection in self._ledger.connections.items()
        }


def wrong(line: str) -> bool:
    """Whether a line of a log tells of a mistake of ours."""
    try:
        told = json.loads(line)
    except ValueError:
        return "Traceback" in line or "Error" in line
    return told.get("level") in {"error", "critical"} or "exception" in told


@pytest.fixture(scope="session")
async def standing(suite, ledger):
    """How everything stands before anything strange is sent."""
    standing = Standing(suite, ledger)
    await standing.begin()
    return standing
