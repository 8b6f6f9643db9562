"""The running suite that tests drive: real servers, the demonstration loaded, ports and data of its own.

`PARVIS_TEST_DATA` names the data folder of a suite that already runs (`./parvis up --data …`) to use instead: quicker
while writing tests.
"""

import asyncio
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from parvis_local.demo.portal import Portal
from parvis_local.demonstration import Context
from parvis_local.ports import free_base
from parvis_local.suite import Suite


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a failure, what the services called an error: an answer names a line of a log that is gone soon."""
    report = yield
    suite = getattr(item, "funcargs", {}).get("suite")
    if report.failed and isinstance(suite, Suite):
        report.sections.append(("errors in the logs of the suite", _errors_since(suite, call.start)))
    return report


def _errors_since(suite: Suite, start: float) -> str:
    since = datetime.fromtimestamp(start, UTC).isoformat()
    lines = [line for log in sorted(suite.layout.logs.glob("*.log")) for line in log.read_text("utf-8").splitlines()]
    errors = [line for line in lines if '"level": "error"' in line]
    return "\n".join(line for line in errors if line.partition('"timestamp": "')[2] >= since)


@pytest.fixture(scope="session")
def suite_data() -> Iterator[Path]:
    """The folder of the suite below, which is new; parts of the tests prepare theirs."""
    with tempfile.TemporaryDirectory(prefix="parvis-suite-", ignore_cleanup_errors=True) as data:
        Path(data).chmod(0o755)  # PostgreSQL's account must reach its folder when the tests run as root
        yield Path(data)


@pytest.fixture(scope="session")
def suite_replicas() -> bool:
    """Whether second replicas may be started beside it."""
    return False


@pytest.fixture(scope="session")
def suite(request: pytest.FixtureRequest) -> Iterator[Suite]:
    """A suite with its demonstration, for the whole run."""
    if folder := os.environ.get("PARVIS_TEST_DATA"):
        suite = Suite(Path(folder))
        suite.start()
        with _just_proven(suite):
            yield suite
        return
    data, replicas = request.getfixturevalue("suite_data"), request.getfixturevalue("suite_replicas")
    with Suite(data, port=free_base(), replicas=replicas) as suite, _just_proven(suite):
        yield suite


@contextmanager
def _just_proven(suite: Suite) -> Iterator[None]:
    """A run lasts longer than a proof counts for what is sensitive: whoever proved who they are goes on doing so, no
    more often than that needs, since some tests look for rows that change. Tests of that very thing set a proof back by
    an hour.
    """
    over = threading.Event()

    async def prove() -> None:
        connection = await asyncpg.connect(suite.superuser_url("identity"), timeout=5)
        try:
            await connection.execute(_PROVE)
        finally:
            await connection.close()

    def go_on() -> None:
        while not over.wait(60):
            with suppress(OSError, asyncpg.PostgresError, TimeoutError):  # a test may have stopped the database
                asyncio.run(prove())

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


_PROVE = """
UPDATE sessions SET proof_at = now()
 WHERE ended_at IS NULL AND proof_at BETWEEN now() - interval '20 min' AND now() - interval '7 min'
"""


@pytest.fixture(scope="session")
def context(suite: Suite) -> Context:
    """What the demonstration knew while it was made."""
    return suite.context


@pytest.fixture(scope="session")
async def portal(context: Context) -> AsyncIterator[Portal]:
    """People with browsers of their own, gRPC as the gateway, and the mails that were sent."""
    async with Portal(context) as portal:
        yield portal
