"""Seeing the portal as somebody else: what a token says, what ends it, and what is kept of it."""

import asyncio
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest
from identity_stage import PUBLIC_URL, Flow, claims_of
from sqlalchemy import text

from parvis.identity.v1 import identity_pb2 as pb
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis_identity import events
from parvis_identity.models import FactorMode, SignInPolicy
from parvis_identity.rpc import SessionRpc, ViewingRpc
from parvis_identity.service import closing, sessions
from parvis_identity.service.organisations import Membership, Viewed
from parvis_identity.store import sweeping
from parvis_kit.bus import Envelope
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind, ServiceError, forbidden, unavailable
from parvis_kit.ids import uuid7
from parvis_kit.tokens import TokenVerifier
from parvis_records.retention import apply

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


class Scene:
    """An administrator of a firm who is signed in to the portal, and a client of it."""

    def __init__(self, stage):
        self.stage = stage
        self.viewings, self.sessions = ViewingRpc(stage.viewings), SessionRpc(stage.exchange, stage.ring, gateway="web")
        self.own, self.seen = uuid7(), uuid7()

    async def open(self):
        stage = self.stage
        self.firm = stage.town.found(f"firm-{uuid7().hex}", "Cabinet")
        self.viewer, self.client = await stage.person(), await stage.client_of(self.firm, f"C{uuid7().hex[-8:]}")
        browser = stage.browser()
        await browser.sign_in(self.viewer.mail)
        async with stage.unit() as unit:
            flow = Flow(await stage.clients.find(unit, "web"), "web-secret-of-the-tests")
        self.refresh = (await flow.exchange(browser, await flow.code(browser))).json()["refresh_token"]
        stage.town.memberships[self.viewer.id, self.firm.id] = Membership(self.own, "staff")
        self.allow()
        self.session = (await self.token()).session_id
        return self

    def allow(self, answer=None):
        whom = Viewed(self.client.id, "portal", "Luc Morel", "Anne Roche", self.own)
        self.stage.town.views[self.viewer.id, self.firm.id, self.seen] = answer or whom

    @property
    def caller(self):
        return Caller(
            "web", account_id=self.viewer.id, organisation_id=self.firm.id, membership_id=self.own, kind="staff",
            session_id=UUID(self.session),
        )  # fmt: skip

    async def token(self, viewing_id=""):
        request = pb.GetOrganisationTokenRequest(
            refresh_token=self.refresh, organisation_id=str(self.firm.id), viewing_id=viewing_id
        )
        async with self.stage.database.begin(Caller("web")) as unit:
            return await self.sessions.GetOrganisationToken(unit, request)

    async def start(self, reason="Appel du 3 juillet"):
        async with self.stage.database.begin(self.caller) as unit:
            request = pb.StartViewingRequest(membership_id=str(self.seen), reason=reason)
            return await self.viewings.StartViewing(unit, request)

    async def end(self, viewing_id):
        async with self.stage.database.begin(self.caller) as unit:
            return await self.viewings.EndViewing(unit, pb.EndViewingRequest(id=viewing_id))

    async def rights_changed(self, *memberships):
        event = tenancy_events.GrantsChanged(membership_ids=map(str, memberships), revision=2)
        envelope = Envelope(
            id=uuid7(), organisation_id=self.firm.id, version=2, source="tenancy", subject="", time=datetime.now(UTC),
            delivered=1, headers={},
        )  # fmt: skip
        handlers = {}
        bus = SimpleNamespace(on=handlers.__setitem__, on_steps=handlers.__setitem__, broadcast=lambda *_: None)
        events.listen(bus, self.stage.viewings, None)
        async with self.stage.unit(self.firm.id) as unit:
            await handlers[tenancy_events.GrantsChanged](unit, event, envelope)

    async def acts(self):
        """What the firm's trail says of viewings: the act, and why it ended."""
        async with self.stage.unit(self.firm.id) as unit:
            rows = await unit.fetch("SELECT act, details FROM audit WHERE act LIKE 'viewing.%' ORDER BY at, id")
        return [row["act"] for row in rows], [str(row["details"]) for row in rows]


@pytest.fixture
async def scene(stage):
    return await Scene(stage).open()


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value.kind, caught.value.reason


OVER = (Kind.PRECONDITION, "viewing_ended")


async def test_a_token_names_the_viewed_person_as_subject_and_the_viewer_as_actor(stage, scene):
    viewing = await scene.start()
    issued = await scene.token(viewing.id)

    async def keys():
        return stage.ring.internal_keys()

    caller = await TokenVerifier(keys, issuer=PUBLIC_URL).verify(issued.token, service="web")
    assert (caller.account_id, caller.actor) == (scene.client.id, scene.viewer.id)
    assert (caller.membership_id, caller.kind, str(caller.session_id)) == (scene.seen, "portal", viewing.id)


async def test_a_token_of_a_viewing_lives_no_longer_than_it(stage, scene):
    viewing = await scene.start()
    await stage.run("UPDATE viewings SET expires_at = now() + interval '20 seconds' WHERE id = :i", i=viewing.id)
    assert claims_of((await scene.token(viewing.id)).token)["exp"] <= time.time() + 20


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201, "deux\nlignes"])
async def test_nobody_looks_without_a_reason(scene, reason):
    assert await refused(scene.start(reason)) == (Kind.INVALID, "fields_invalid")


async def test_a_refusal_of_tenancy_is_answered_and_kept(scene):
    scene.allow(forbidden("above_ceiling", right="members.manage"))
    assert await refused(scene.start()) == (Kind.FORBIDDEN, "above_ceiling")
    assert (await scene.acts())[0] == ["viewing.refused"]


async def test_the_trail_names_both_people_and_the_reason(scene):
    viewing = await scene.start()
    await scene.end(viewing.id)
    acts, details = await scene.acts()
    assert acts == ["viewing.started", "viewing.ended"]
    for each in ("Luc Morel", "Anne Roche", str(scene.client.id), str(scene.viewer.id)):
        assert all(each in told for told in details)
    assert "Appel du 3 juillet" in details[0]


async def test_a_viewing_that_was_left_is_over_and_the_stream_says_so(stage, scene):
    viewing = await scene.start()
    await scene.end(viewing.id)
    assert await refused(scene.token(viewing.id)) == OVER
    assert any(viewing.id.encode() in told for told in await stage.events("SessionEnded"))
    assert (await scene.token()).account_id == str(scene.viewer.id)


async def test_another_viewing_in_the_same_organisation_ends_the_one_before(scene):
    first = await scene.start()
    second = await scene.start()
    assert await refused(scene.token(first.id)) == OVER
    assert (await scene.token(second.id)).account_id == str(scene.client.id)


async def test_of_two_viewings_begun_at_once_one_goes_on(stage, scene):
    begun = await asyncio.gather(*(scene.start() for _ in range(4)))
    query = text("SELECT count(*) FROM viewings WHERE session_id = :i AND ended_at IS NULL")
    async with stage.unit() as unit:
        assert await unit.scalar(query, {"i": scene.session}) == 1
    assert len({each.id for each in begun}) == 4


async def test_nobody_begins_to_view_in_a_session_that_has_ended(stage, scene):
    async with stage.unit() as unit:
        await sessions.end(unit, scene.viewer.id)
    assert await refused(scene.start()) == (Kind.UNAUTHENTICATED, "session_ended")


async def test_a_viewing_ends_with_its_time(stage, scene):
    viewing = await scene.start()
    await stage.run("UPDATE viewings SET expires_at = now() WHERE id = :i", i=viewing.id)
    assert await refused(scene.token(viewing.id)) == OVER


async def test_a_viewing_ends_with_its_viewers_session(stage, scene):
    viewing = await scene.start()
    async with stage.unit() as unit:
        await sessions.end(unit, scene.viewer.id)
    assert any(viewing.id.encode() in told for told in await stage.events("SessionEnded"))
    assert await refused(scene.token(viewing.id)) == (Kind.UNAUTHENTICATED, "session_ended")


@pytest.mark.parametrize("whose", ["own", "seen", "everybody"])
async def test_a_viewing_ends_with_the_right_to_it_whoever_s_rights_changed(stage, scene, whose):
    viewing = await scene.start()
    scene.allow(forbidden("right_missing", right="accesses.view_as"))
    await scene.rights_changed(*([] if whose == "everybody" else [getattr(scene, whose)]))
    assert any(viewing.id.encode() in told for told in await stage.events("SessionEnded"))
    assert await refused(scene.token(viewing.id)) == OVER


async def test_changes_of_others_and_changes_that_leave_the_right_end_nothing(scene):
    viewing = await scene.start()
    await scene.rights_changed(uuid7())
    await scene.rights_changed(scene.own)
    assert (await scene.token(viewing.id)).account_id == str(scene.client.id)


async def test_while_tenancy_is_down_a_change_is_heard_again_later(scene):
    await scene.start()
    scene.allow(unavailable("service_unavailable"))
    assert (await refused(scene.rights_changed(scene.own)))[0] is Kind.UNAVAILABLE


async def test_a_viewing_is_of_the_session_that_began_it(stage, scene):
    viewing, other = await scene.start(), await Scene(stage).open()
    assert await refused(other.token(viewing.id)) == OVER
    assert await refused(other.end(viewing.id)) == (Kind.NOT_FOUND, "viewing_not_found")


async def test_a_service_that_heard_nothing_is_told_whether_a_viewing_goes_on(stage, scene):
    viewing = await scene.start()
    request = pb.CheckSessionRequest(session_id=viewing.id, account_id=str(scene.client.id))
    told = []
    for _ in range(2):
        async with stage.unit() as unit:
            told.append((await scene.sessions.CheckSession(unit, request)).open)
        await scene.end(viewing.id)
    assert told == [True, False]


async def test_a_viewing_gets_no_token_once_the_door_asks_its_viewer_for_more(stage, scene):
    viewing = await scene.start()
    assert (await scene.token(viewing.id)).token
    policy = SignInPolicy(organisation_id=scene.firm.id, factors=FactorMode.REQUIRED, changed_at=datetime.now(UTC))
    async with stage.unit() as unit:
        unit.add(policy)

    with pytest.raises(ServiceError, match="door_closed") as refused:
        await scene.token(viewing.id)

    assert refused.value.params == {"step": "enrol", "organisation": str(scene.firm.id)}
    await stage.run("DELETE FROM sign_in_policies WHERE organisation_id = :firm", firm=scene.firm.id)
    assert (await scene.token(viewing.id)).token


async def test_the_history_says_who_looked_and_why(stage, scene):
    await scene.start()
    async with stage.database.begin(scene.caller) as unit:
        found = await scene.viewings.ListViewings(unit, pb.ListViewingsRequest(membership_id=str(scene.seen)))
    assert [(each.viewer_name, each.reason) for each in found.viewings] == [("Anne Roche", "Appel du 3 juillet")]


async def test_what_is_told_of_viewings_is_told_for_a_year(stage, scene):
    viewing = await scene.start()
    await stage.run("UPDATE viewings SET started_at = now() - interval '366 days' WHERE id = :i", i=viewing.id)
    async with stage.unit() as unit:
        await apply(unit, next(each for each in sweeping.SWEPT if each.table == "viewings"))
        query = text("SELECT count(*) FROM viewings WHERE id = :i")
        assert await unit.scalar(query, {"i": viewing.id}) == 0


async def test_what_others_see_as_an_account_ends_when_an_operator_closes_it(stage, scene):
    begun = await scene.start()
    assert (await scene.token(begun.id)).token

    async with stage.unit() as unit:
        await closing.close(unit, scene.client.identifier, scene.firm.id)

    with pytest.raises(ServiceError):
        await scene.token(begun.id)
    async with stage.unit() as unit:
        query = text("SELECT count(*) FROM viewings WHERE id = :id AND ended_at IS NOT NULL")
        assert await unit.scalar(query, {"id": begun.id}) == 1
