"""A provider goes out of service, or is deleted: what rested on its word."""

from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from factor_parts import add_application
from identity_stage import PASSWORD, Flow, make_stage
from oidc_directory import directory_running
from sqlalchemy import text
from sso_parts import come_back, leave, provider_of, sign_in

from parvis.identity.v1 import providers_pb2 as pb
from parvis_identity.models import Session, SessionProof
from parvis_identity.rpc import ProviderRpc
from parvis_identity.service import sessions
from parvis_identity.service.organisations import Membership
from parvis_identity.service.sso import providers, vouching
from parvis_kit.ids import uuid7

OFF = pb.PROVIDER_STATE_OFF


@pytest.fixture(scope="module")
async def stage(database):
    return await make_stage(database, private_networks="127.0.0.0/8")


@pytest.fixture(scope="module")
async def running():
    async with directory_running() as made:
        yield made


@pytest.fixture
def directory(running):
    running.forget()
    return running


class Firm:
    """A firm with a provider, and whoever signs in with it."""

    def __init__(self, stage, directory, face, provider):
        self.stage, self.directory, self.face, self.provider = stage, directory, face, provider
        self.rpc = ProviderRpc(stage.providers, public_url="http://localhost:8600")

    async def arrives(self):
        """Somebody of the directory, signed in."""
        self.directory.person |= {"sub": f"u-{uuid7()}", "email": f"{uuid7()}@cabinet.example"}
        self.directory.sid = f"s-{uuid7()}"
        browser = self.stage.browser()
        await sign_in(browser, self.provider, self.directory)
        return browser

    async def colleague(self, acr):
        """Somebody with an account of their own for whom the provider vouched too."""
        person, browser = await self.stage.person(), self.stage.browser()
        await browser.sign_in(person.mail)
        async with self.stage.unit() as unit:
            session = await unit.get(Session, (await self.session(browser)).id)
            session.acr = acr
            unit.add(
                SessionProof(
                    session_id=session.id, provider_id=self.provider.id, organisation_id=self.face.id, at=unit.now,
                    acr="1",
                )
            )  # fmt: skip
        return person, browser

    async def session(self, browser):
        async with self.stage.unit() as unit:
            found = await sessions.signed_in(unit, browser.http.cookies.get(self.stage.site.cookies.session, ""))
            return found.session if found else None

    async def call(self, name, *, session_id=None, **fields):
        @asynccontextmanager
        async def begin():
            async with self.stage.unit(self.face.id, account_id=uuid7(), session_id=session_id) as unit:
                yield unit

        request = getattr(pb, f"{name}Request")(id=str(self.provider.id), **fields)
        if name == "DeleteProvider":
            async with begin() as unit:
                return await self.rpc.DeleteProvider(unit, request)
        return await getattr(self.rpc, name)(begin, request)

    async def withdrawn(self):
        """What the firm's journal says."""
        async with self.stage.unit(self.face.id) as unit:
            query = text(
                "SELECT details FROM audit WHERE act = 'provider.word_withdrawn' AND target_id = :id ORDER BY at"
            )
            rows = await unit.scalars(query, {"id": str(self.provider.id)})
        return [(int(row["ended"]), int(row["kept"])) for row in rows]


@pytest.fixture
async def firm(stage, directory):
    face = stage.town.found(f"cabinet-{uuid7().hex[-8:]}", "Cabinet Roche")
    stage.town.rights.add("sign_in.manage")
    return Firm(stage, directory, face, await provider_of(stage, face, directory))


async def test_out_of_service_ends_the_sessions_of_the_firm_s_accounts_that_rest_on_it(firm):
    browsers = [await firm.arrives() for _ in range(3)]
    before = await firm.call("GetProvider")

    after = await firm.call("SetProviderState", state=OFF)

    assert (before.sessions_ending, before.sessions_kept) == (3, 0)
    assert [await firm.session(each) for each in browsers] == [None] * 3
    assert (after.sessions_ending, await firm.withdrawn()) == (0, [(3, 0)])


async def test_whoever_takes_it_out_stays_signed_in_without_its_word(firm):
    mine, other = await firm.arrives(), await firm.arrives()
    session = await firm.session(mine)

    await firm.call("SetProviderState", session_id=session.id, state=OFF)
    while await vouching.withdraw_due(firm.stage.database):
        pass

    assert (await firm.session(mine)).id == session.id
    assert await firm.session(other) is None
    async with firm.stage.unit() as unit:
        assert await unit.get(SessionProof, (session.id, firm.provider.id)) is None


async def test_a_colleague_keeps_their_own_session_and_loses_what_it_opened_at_the_firm(firm, stage):
    person, browser = await firm.colleague("1")
    flow = Flow(*await stage.relying_party())
    await flow.exchange(browser, await flow.code(browser))
    await stage.run("UPDATE grants SET organisation_id = :firm WHERE account_id = :id", firm=firm.face.id, id=person.id)
    vouched_alone = (await firm.colleague("0"))[1]
    before = await firm.call("GetProvider")

    await firm.call("SetProviderState", state=OFF)

    assert (before.sessions_ending, before.sessions_kept) == (1, 1)
    assert await firm.withdrawn() == [(1, 1)]
    assert await firm.session(browser) is not None
    assert await firm.session(vouched_alone) is None
    async with stage.unit() as unit:
        rows = await unit.fetch("SELECT revoked_at FROM grants WHERE account_id = $1", person.id)
    assert rows
    assert all(row["revoked_at"] for row in rows)


async def test_deleting_it_ends_what_came_meanwhile(firm):
    await firm.call("SetProviderState", state=OFF)
    _, browser = await firm.colleague("0")

    await firm.call("DeleteProvider")

    assert await firm.session(browser) is None
    assert await firm.withdrawn() == [(1, 0)]


async def test_more_than_one_request_ends_follow_by_themselves(firm, monkeypatch):
    monkeypatch.setattr(providers, "_BATCHES", 0)
    browser = await firm.arrives()
    await firm.call("SetProviderState", state=OFF)
    assert await firm.session(browser) is not None

    while await vouching.withdraw_due(firm.stage.database):
        pass

    assert await firm.session(browser) is None
    assert await firm.withdrawn() == [(1, 0)]


async def test_another_provider_of_the_firm_stands(firm, stage):
    browser = await firm.arrives()
    other = Firm(stage, firm.directory, firm.face, await provider_of(stage, firm.face, firm.directory))

    await other.call("SetProviderState", state=OFF)

    assert (await firm.session(browser)).ended_at is None
    assert UUID((await firm.call("GetProvider")).id) == firm.provider.id


@pytest.mark.parametrize("by", ["state", "policy"])
async def test_what_waits_to_be_linked_waits_in_vain(firm, by):
    person, browser = await firm.stage.person(), firm.stage.browser()
    firm.directory.person |= {"sub": f"u-{uuid7()}", "email": person.mail}
    firm.stage.town.memberships[person.id, firm.face.id] = Membership(uuid7(), "staff", person.id)
    here = (await sign_in(browser, firm.provider, firm.directory)).headers["location"]
    await browser.submit(here, password=PASSWORD)
    await withdrawn(firm, by)

    answer = await browser.send(await browser.form(here))

    assert "<code>provider_not_live</code>" in answer.text
    async with firm.stage.unit() as unit:
        query = text("SELECT count(*) FROM sso_identities WHERE account_id = :id")
        assert await unit.scalar(query, {"id": person.id}) == 0


async def test_an_answer_on_its_way_signs_nobody_in(firm, monkeypatch):
    firm.directory.person |= {"sub": f"u-{uuid7()}", "email": f"{uuid7()}@cabinet.example"}
    browser, arrivals = firm.stage.browser(), firm.stage.site.sso._arrivals
    answer, of = firm.directory.sign_in(await leave(browser, firm.provider)), arrivals.of

    async def meanwhile(*args, **kwargs):
        found = await of(*args, **kwargs)
        await withdrawn(firm, "state")
        return found

    monkeypatch.setattr(arrivals, "of", meanwhile)
    page = await come_back(browser, firm.provider, answer)

    assert "<code>provider_not_live</code>" in page.text
    assert await firm.session(browser) is None


async def withdrawn(firm, by):
    """The provider is put out of service, or the firm's policy says that nobody comes with any."""
    if by == "state":
        await firm.stage.run("UPDATE sso_providers SET state = 'off' WHERE id = :id", id=firm.provider.id)
        return
    await firm.stage.run(
        "INSERT INTO sign_in_policies (organisation_id, sso, factors, required_profiles, break_glass, version,"
        " changed_at) VALUES (:firm, 'off', 'off', '{}', '{}', 1, now())",
        firm=firm.face.id,
    )


async def test_whoever_waits_for_their_factor_waits_in_vain(firm):
    application, _ = await add_application(await firm.arrives())
    waiting = firm.stage.browser()
    answer = await sign_in(waiting, firm.provider, firm.directory)
    assert answer.headers["location"].startswith("/factor")
    await withdrawn(firm, "state")

    answer = await waiting.submit("/factor", code=application.code())

    assert answer.status_code == 410, answer.text
    assert await firm.session(waiting) is None
