"""The trail's tests run on the kit's sample service."""

import sys
from pathlib import Path

import asyncpg
import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "kit" / "tests" / "sample")]


@pytest.fixture(scope="session")
def service_package() -> str:
    return "parvis_sample"


@pytest.fixture(scope="module")
async def service(database_urls):
    """A connection of the service's role, for the sealer."""
    connection = await asyncpg.connect(database_urls.service)
    yield connection
    await connection.close()
