"""The kit's tests run against a sample service with a schema of its own."""

import sys
from pathlib import Path

import nats
import pytest
import structlog
from nats.js.errors import NotFoundError

from parvis_kit.broker import Broker
from parvis_kit.outbox import Relay
from parvis_kit.testing import running

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "sample")]
structlog.configure(
    processors=[
        structlog.stdlib.add_log_level,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture(scope="session")
def service_package() -> str:
    return "parvis_sample"


@pytest.fixture
async def broker(nats_url):
    """A connection to a broker that knows nothing of the tests before. Not a new stream: relays would feed it."""
    client = await nats.connect(nats_url)
    try:
        await client.jsm().purge_stream("PARVIS")
    except NotFoundError:
        pass
    finally:
        await client.close()
    broker = Broker(nats_url, name="test")
    yield broker
    await broker.close()


@pytest.fixture
async def relay(database_urls, broker):
    """The sample service's relay, running."""
    async with running(Relay(database_urls.service, broker, source="sample").run):
        yield
