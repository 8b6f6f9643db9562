"""Tenancy on real PostgreSQL and NATS, over real mutual TLS. Only identity is played."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from tenancy_stage import at_work


@pytest.fixture(scope="session")
def service_package() -> str:
    return "parvis_tenancy"


@pytest.fixture(scope="module")
async def stage(database_urls, nats_url, tmp_path_factory):
    async with at_work(database_urls, nats_url, tmp_path_factory.mktemp("tls")) as stage:
        yield stage


@pytest.fixture(scope="module")
async def provider(stage):
    """The provider's administrator."""
    return await stage.set_up()


@pytest.fixture
async def admin(stage, provider):
    """The administrator of a firm of this test's own."""
    return await stage.firm(provider)
