"""Identity's tests run against a real PostgreSQL; tenancy is a small stand-in that is passed in."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import structlog
from identity_stage import Stage, make_stage
from logout_listener import listening

from parvis_identity.service.logout import LogoutNotices
from parvis_identity.service.outgoing import Outgoing

structlog.configure(processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])


@pytest.fixture(scope="session")
def service_package() -> str:
    return "parvis_identity"


@pytest.fixture(scope="module")
async def stage(database) -> Stage:
    return await make_stage(database)


@pytest.fixture
async def nobody_failed_before(stage) -> None:
    """Tests come from one address and would otherwise wait for each other."""
    await stage.forget_failures()


@pytest.fixture
async def listener():
    async with listening() as made:
        yield made


@pytest.fixture
async def empty_queue(stage):
    await stage.run("DELETE FROM logout_notices")


@pytest.fixture
async def sender(stage):
    outgoing = Outgoing("127.0.0.0/8")
    yield LogoutNotices(stage.database, stage.tokens, outgoing)
    await outgoing.close()
