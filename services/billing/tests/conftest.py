"""Fixtures of billing's tests; what they are made of stands in billing_stage."""

import sys
from pathlib import Path

import pytest

from parvis_kit.broker import Broker

sys.path.insert(0, str(Path(__file__).parent))
from billing_stage import Documents, Suite


@pytest.fixture(scope="session")
def service_package() -> str:
    return "parvis_billing"


@pytest.fixture(scope="module")
def documents():
    return Documents()


@pytest.fixture(scope="module")
async def suite(database, nats_url, documents):
    broker = Broker(nats_url, name="billing")
    async with Suite(database, broker, documents).running() as suite:
        yield suite
    await broker.close()


@pytest.fixture
async def firm(suite):
    return await suite.firm()


@pytest.fixture
async def client(suite, firm):
    return await suite.client(firm)
