"""Sessions on real PostgreSQL: what is stored, what a cookie opens, what ends them."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from parvis.identity.v1 import identity_pb2
from parvis.identity.v1.events_pb2 import AccountDisabled
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.caller import Caller
from parvis_kit.envelope import Envelope
from parvis_kit.errors import Kind, ServiceError, unauthenticated
from parvis_kit.ids import uuid7
from parvis_kit.postgres import first_id_at
from parvis_web import sessions as module
from parvis_web.clients import Clients
from parvis_web.main import listen
from parvis_web.sessions import Sessions
from parvis_web.testing import FakeServices

REFRESH = "a-refresh-token-of-identity"


@pytest.fixture
def services() -> FakeServices:
    played = FakeServices()

    def token(request: identity_pb2.GetOrganisationTokenRequest) -> identity_pb2.OrganisationToken:
        made = identity_pb2.OrganisationToken(token=f"token {request.organisation_id}")
        made.expires_at.FromDatetime(datetime.now(UTC) + timedelta(minutes=5))
        return made

    played.answers["GetOrganisationToken"] = token
    return played


@pytest.fixture
def stale() -> list[bool]:
    """Whether the revocation stream is silent; a test changes it."""
    return [False]


@pytest.fixture
def sessions(database, services, stale) -> Sessions:
    return Sessions(database, Clients(services.channel), hours=1, stale=lambda: stale[0])


class Hears:
    """What the process hears of others, brought to it by hand."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self._handlers: dict[type, Any] = {}
        bus = SimpleNamespace(broadcast=self._handlers.__setitem__)
        listen(cast("Any", SimpleNamespace(bus=bus)), sessions)

    async def disabled(self, account_id: UUID, at: datetime) -> None:
        envelope = Envelope(uuid7(), "", "identity", at, None, 0, 1, {})
        await self._handlers[AccountDisabled](AccountDisabled(account_id=str(account_id)), envelope)


@pytest.fixture
def hears(sessions) -> Hears:
    return Hears(sessions)


async def start(sessions: Sessions, **ids) -> str:
    given = {"account_id": uuid4(), "session_id": uuid4(), **ids}
    return await sessions.start(refresh_token=REFRESH, id_token="id", **given)


async def rows(database):
    async with database.begin(Caller("web")) as unit:
        return await unit.fetch("SELECT * FROM web_sessions")


async def test_a_cookie_opens_its_session_and_another_opens_none(sessions):
    session_id = uuid4()
    cookie = await start(sessions, session_id=session_id)
    found = await sessions.find(cookie)
    assert found is not None
    assert (found.session_id, found.refresh_token) == (session_id, REFRESH)
    assert await sessions.find(cookie[:-1] + ("A" if cookie[-1] != "A" else "B")) is None
    assert await sessions.find("") is None


async def test_the_database_holds_neither_cookie_nor_token(sessions, database):
    cookie = await start(sessions)
    stored = b"".join(value for row in await rows(database) for value in row.values() if isinstance(value, bytes))
    assert cookie.encode() not in stored
    assert REFRESH.encode() not in stored


async def test_a_session_in_memory_costs_no_statement_while_revocations_are_heard(
    sessions, database, stale, monkeypatch
):
    cookie = await start(sessions)
    await sessions.find(cookie)
    asked = []
    begin = database.begin
    monkeypatch.setattr(database, "begin", lambda *a, **k: asked.append(1) or begin(*a, **k))
    await sessions.find(cookie)
    assert asked == []
    stale[0] = True
    await sessions.find(cookie)
    assert asked == [1]


async def test_a_session_that_identity_ended_is_gone_here_and_in_the_database(sessions, database):
    session_id = uuid4()
    cookie = await start(sessions, session_id=session_id)
    await sessions.find(cookie)
    await sessions.session_ended(session_id)
    assert await sessions.find(cookie) is None
    assert session_id not in {row["session_id"] for row in await rows(database)}


async def test_an_account_that_was_disabled_has_no_session_left(hears):
    sessions, account_id = hears.sessions, uuid4()
    cookies = [await start(sessions, account_id=account_id, session_id=uuid7()) for _ in range(2)]
    await sessions.find(cookies[0])
    await hears.disabled(account_id, datetime.now(UTC))
    assert [await sessions.find(cookie) for cookie in cookies] == [None, None]


async def test_an_old_end_that_is_heard_again_leaves_who_signed_in_after_it(hears, stale):
    """A broker that was fed again says it again, long after the account was opened again."""
    sessions, account_id, at = hears.sessions, uuid4(), datetime.now(UTC) - timedelta(days=2)
    began = {"before": -timedelta(hours=1), "at once": timedelta(milliseconds=500), "after": timedelta(seconds=2)}
    cookies = {
        name: await start(sessions, account_id=account_id, session_id=first_id_at(at + later))
        for name, later in began.items()
    }
    for cookie in cookies.values():
        assert await sessions.find(cookie)
    for _ in range(2):
        await hears.disabled(account_id, at)
    assert [name for name, cookie in cookies.items() if await sessions.find(cookie)] == ["after"]
    stale[0] = True  # the database is asked
    assert [name for name, cookie in cookies.items() if await sessions.find(cookie)] == ["after"]


async def test_a_session_is_over_when_its_time_is(database, services):
    short = Sessions(database, Clients(services.channel), hours=0, stale=lambda: False)
    assert await short.find(await start(short)) is None


async def test_another_process_knows_the_session_too(sessions, database, services):
    cookie = await start(sessions)
    other = Sessions(database, Clients(services.channel), hours=1)
    found = await other.find(cookie)
    mine = await sessions.find(cookie)
    assert found is not None
    assert mine is not None
    assert found.csrf == mine.csrf


async def test_a_token_is_asked_for_once_until_shortly_before_it_expires(sessions, services, monkeypatch):
    found = await sessions.find(await start(sessions))
    assert found is not None
    await sessions.token(found, "a")
    await sessions.token(found, "a")
    await sessions.token(found, "b")
    assert services.calls == ["GetOrganisationToken"] * 2
    monkeypatch.setattr(module, "TOKEN_MARGIN", 301.0)
    await sessions.token(found, "a")
    assert len(services.calls) == 3


async def test_a_refused_refresh_token_ends_the_session(sessions, services):
    cookie = await start(sessions)
    found = await sessions.find(cookie)
    assert found is not None
    services.answers["GetOrganisationToken"] = unauthenticated("session_ended")
    with pytest.raises(ServiceError):
        await sessions.token(found)
    assert await sessions.find(cookie) is None


async def test_requests_at_once_find_the_same_session(sessions):
    cookie = await start(sessions)
    found = await asyncio.gather(*(sessions.find(cookie) for _ in range(8)))
    assert len({each.csrf for each in found if each}) == 1
    assert all(found)


async def test_requests_at_once_are_all_told_that_the_access_ended(sessions, services):
    found = await sessions.find(await start(sessions))
    assert found is not None
    found.enter(tenancy_pb2.MyOrganisation(face=tenancy_pb2.Face(slug="armor", name="Cabinet Armor")))
    found.ask_again()
    services.answers["ListMyOrganisations"] = tenancy_pb2.ListMyOrganisationsResponse()
    told = await asyncio.gather(*(sessions.organisation(found, "armor") for _ in range(4)), return_exceptions=True)
    assert [(each.kind, each.reason) for each in told if isinstance(each, ServiceError)] == [
        (Kind.NOT_FOUND, "access_ended")
    ] * 4
