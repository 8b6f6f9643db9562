"""What the tests of isolation stand on, for whoever else calls every RPC as everybody."""

import httpx
import pytest
from callers import Wires
from forging import Forger
from ledger import Ledger
from people import Cast
from stage import Stage
from world import World


@pytest.fixture(scope="session")
async def ledger(suite):
    ledger = await Ledger.open(suite.superuser_url, suite.nats_url)
    yield ledger
    await ledger.close()


@pytest.fixture(scope="session")
async def wires(suite):
    wires = Wires(suite.environment)
    yield wires
    await wires.close()


@pytest.fixture(scope="session")
async def http():
    """A browser of nobody."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        yield http


@pytest.fixture(scope="session")
async def cast(context, portal, wires):
    cast = Cast(context, portal, wires)
    await cast.open()
    return cast


@pytest.fixture(scope="session")
async def world(cast, ledger):
    # Of an earlier run on the same suite: nobody may have many under way.
    await ledger.connections["documents"].execute("UPDATE uploads SET state = 'aborted' WHERE state = 'sending'")
    world = World(cast, tenancy=ledger.connections["tenancy"])
    await world.open()
    return world


@pytest.fixture(scope="session")
async def stage(suite, cast, world, ledger):
    encryption_keys = suite.environment("identity")["PARVIS_KEY_ENCRYPTION_KEYS"]
    forger = await Forger.with_keys_of(ledger.connections["identity"], encryption_keys)
    return Stage(cast, world, ledger, forger)
