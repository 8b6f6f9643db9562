"""Rights: the rules as written, an engine of others, and the product's evaluators are asked the same questions."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from standing import at_work


@pytest.fixture(scope="session")
def service_package() -> str:
    return "parvis_tenancy"


@pytest.fixture(scope="module")
async def stage(database_urls, nats_url, tmp_path_factory):
    """A running tenancy."""
    async with at_work(database_urls, nats_url, tmp_path_factory.mktemp("tls")) as stage:
        yield stage
