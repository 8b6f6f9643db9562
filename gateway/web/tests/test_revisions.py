"""Whoever changed something sees it on the next page, whichever process answers."""

from typing import Any

import pytest

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.caller import acting
from parvis_kit.errors import precondition
from parvis_web import revisions
from parvis_web.testing import FIRM, OTHER, Suite, make_frame

COOKIE = "test-revisions"


def carried(suite: Suite, method: str = "GetFrame") -> list[dict[str, int]]:
    """What each call of a method carries from now on."""
    seen: list[dict[str, int]] = []
    frame = make_frame()

    def answer(_: Any) -> tenancy_pb2.Frame:
        seen.append(dict(acting().revisions))
        return frame

    suite.services.answers[method] = answer
    return seen


def leads_to(suite: Suite, method: str, revision: int) -> None:
    """The answer of a method says that it led to a revision, as the kit's client reads it."""

    def answer(_: Any) -> tenancy_pb2.Home:
        acting().saw(FIRM, revision)
        return tenancy_pb2.Home(frame=make_frame())

    suite.services.answers[method] = answer


def forget(suite: Suite) -> None:
    """Another process answers from here on: it knows what the browser brings."""
    suite.session.revisions.clear()


async def test_the_next_page_carries_what_this_one_led_to(suite: Suite):
    leads_to(suite, "GetHome", 7)
    await suite.get("/o/durand/")
    calls = carried(suite)
    await suite.get("/o/durand/contacts")
    assert calls == [{FIRM: 7}]


async def test_another_process_learns_it_from_the_browser(suite: Suite):
    leads_to(suite, "GetHome", 7)
    await suite.get("/o/durand/")
    forget(suite)
    calls = carried(suite)
    await suite.get("/o/durand/contacts")
    assert calls == [{FIRM: 7}]


async def test_an_answer_that_came_late_never_takes_the_browser_back(suite: Suite):
    suite.session.revisions[FIRM] = 9
    suite.client.cookies.set(COOKIE, revisions.pack(suite.session, {FIRM: 7}))
    answer = await suite.get("/o/durand/contacts")
    assert revisions.unpack(suite.session, answer.cookies[COOKIE]) == {FIRM: 9}


@pytest.mark.parametrize("value", ["", "nonsense", "e30.", "eyJhIjogOTl9.signature"])
async def test_what_the_session_did_not_sign_counts_for_nothing(suite: Suite, value):
    suite.client.cookies.set(COOKIE, value)
    calls = carried(suite)
    await suite.get("/o/durand/contacts")
    assert calls == [{}]


async def test_a_page_that_changes_nothing_sets_no_cookie(suite: Suite):
    answer = await suite.get("/o/durand/contacts")
    assert COOKIE not in answer.headers.get("set-cookie", "")


async def test_a_revision_that_tenancy_does_not_know_any_more_is_forgotten_and_the_page_comes(suite: Suite):
    suite.client.cookies.set(COOKIE, revisions.pack(suite.session, {FIRM: 99, OTHER: 3}))
    frame = make_frame()

    def answer(_: Any) -> Any:
        return precondition("revision_ahead") if FIRM in acting().revisions else frame

    suite.services.answers["GetFrame"] = answer
    page = await suite.get("/o/durand/contacts")
    assert page.status_code == 200
    assert revisions.unpack(suite.session, page.cookies[COOKIE]) == {OTHER: 3}


async def test_a_form_that_met_it_says_that_nothing_was_done(suite: Suite):
    suite.services.answers["CreateContact"] = precondition("revision_ahead")
    answer = await suite.post("/o/durand/contacts/new", {"kind": "client", "name": "Durand"})
    assert "set back to an earlier state" in answer.text


async def test_no_more_organisations_are_kept_than_a_cookie_has_room_for(suite: Suite):
    revisions.remember(suite.session, {f"organisation-{number}": number for number in range(20)})
    assert len(revisions.pack(suite.session, suite.session.revisions)) < 1024
    assert list(suite.session.revisions.values()) == list(range(12, 20))
