"""What ended is refused everywhere, also by a process that starts later; silence makes the set stale."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from stage import ME

from parvis.identity.v1.events_pb2 import AccountDisabled, RevocationHeartbeat, SessionEnded
from parvis.tenancy.v1.events_pb2 import MembershipCut
from parvis_kit.broker import Broker
from parvis_kit.bus import Bus
from parvis_kit.ids import uuid7
from parvis_kit.outbox import Relay
from parvis_kit.revocations import Revocations
from parvis_kit.testing import eventually, make_caller, running


@pytest.fixture
async def identity(database_urls, broker):
    """A relay that publishes heartbeats."""
    relay = Relay(database_urls.service, broker, source="identity", heartbeat=RevocationHeartbeat())
    async with running(relay.run):
        yield


def listening(broker, database, **options):
    bus = Bus(broker, database, consumer="edge")
    return Revocations(bus, sources=["identity"], **options), bus.listen


async def end(database, event):
    async with database.begin(ME) as unit:
        unit.emit(event, aggregate_id=uuid7())


ENDINGS = {
    "session": lambda caller: SessionEnded(session_id=str(caller.session_id)),
    "membership": lambda caller: MembershipCut(membership_id=str(caller.membership_id)),
    "account": lambda caller: AccountDisabled(account_id=str(caller.account_id)),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_what_ended_is_refused_and_nothing_else(database, broker, identity, ending):
    caller, other = make_caller(uuid7()), make_caller(uuid7())
    revocations, listen = listening(broker, database)
    async with running(listen):
        assert not revocations.is_revoked(caller)
        await end(database, ENDINGS[ending](caller))
        await eventually(lambda: revoked(revocations, caller), within=2)
    assert not revocations.is_revoked(other)


async def revoked(revocations, caller):
    return revocations.is_revoked(caller)


async def test_a_process_that_starts_later_learns_what_ended_before(database, broker, identity):
    caller = make_caller(uuid7())
    await end(database, SessionEnded(session_id=str(caller.session_id)))
    revocations, listen = listening(broker, database)
    assert revocations.stale
    async with running(listen):
        await eventually(lambda: fresh(revocations))
        assert revocations.is_revoked(caller)


async def fresh(revocations):
    return not revocations.stale


async def test_a_token_issued_after_an_account_came_back_is_good(database, broker, identity):
    caller = make_caller(uuid7())
    revocations, listen = listening(broker, database)
    async with running(listen):
        await end(database, AccountDisabled(account_id=str(caller.account_id)))
        await eventually(lambda: revoked(revocations, caller), within=2)
    later = make_caller(account_id=caller.account_id, issued_at=datetime.now(UTC) + timedelta(minutes=1))
    assert not revocations.is_revoked(later)


async def test_silence_makes_the_set_stale_until_it_is_heard_again(database, broker, identity, nats_server, nats_url):
    revocations, listen = listening(broker, database, silence=timedelta(seconds=6))
    async with running(listen):
        await eventually(lambda: fresh(revocations))
        nats_server.kill()
        await asyncio.sleep(6.5)
        assert revocations.stale
        nats_server.start()
        await eventually(lambda: fresh(revocations))


async def test_without_heartbeat_the_set_stays_stale(database, broker, relay, nats_url):
    other = Broker(nats_url, name="edge")
    revocations, listen = listening(other, database)
    async with running(listen):
        caller = make_caller()
        await end(database, SessionEnded(session_id=str(caller.session_id)))
        await eventually(lambda: revoked(revocations, caller), within=2)
        assert revocations.stale
    await other.close()
