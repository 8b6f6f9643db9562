"""The running suite that tests drive: real servers, the demonstration loaded, ports and data of its own.

`PARVIS_TEST_DATA` names the data folder of a suite that already runs (`./parvis up --data …`) to use instead: quicker
while writing tests.
"""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from parvis_local.demo.portal import Portal
from parvis_local.demonstration import Context
from parvis_local.ports import PortInUse, check_free
from parvis_local.suite import Suite


def free_base() -> int:
    """A base port whose whole range is free: other suites of this machine go on."""
    for base in range(12_000, 22_000, 50):
        try:
            check_free({"a test suite": range(base, base + 45)})
        except PortInUse:
            continue
        return base
    raise RuntimeError("There is no free range of 45 ports between 12000 and 22000.")


@pytest.fixture(scope="session")
def suite() -> Iterator[Suite]:
    """A suite with its demonstration, for the whole run."""
    if folder := os.environ.get("PARVIS_TEST_DATA"):
        suite = Suite(Path(folder))
        suite.start()
        yield suite
        return
    with tempfile.TemporaryDirectory(prefix="parvis-suite-", ignore_cleanup_errors=True) as data:
        Path(data).chmod(0o755)  # PostgreSQL's account must reach its folder when the tests run as root
        with Suite(Path(data), port=free_base()) as suite:
            yield suite


@pytest.fixture(scope="session")
def context(suite: Suite) -> Context:
    """What the demonstration knew while it was made."""
    return Context(
        data=suite.layout.data,
        addresses=suite.addresses,
        environment=suite.environment,
        setup_token=suite.credentials.setup_token,
        logins_file=suite.layout.demo_logins,
        product_file=suite.layout.product_client,
        report=lambda _: None,
    )


@pytest.fixture(scope="session")
async def portal(context: Context) -> AsyncIterator[Portal]:
    """People with browsers of their own, gRPC as the gateway, and the mails that were sent."""
    async with Portal(context) as portal:
        yield portal
