"""Refresh tokens are used once; two tabs of one browser are not mistaken for a thief, and a thief not for a tab."""

import asyncio

import pytest
from identity_stage import Flow, claims_of

from parvis_identity.service.token_endpoint import GRACE

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


@pytest.fixture(scope="module")
async def person(stage):
    return await stage.person(mail="famille@cabinet.example")


@pytest.fixture
async def browser(stage, person):
    browser = stage.browser()
    await browser.sign_in(person.mail)
    return browser


@pytest.fixture
async def flow(stage):
    return Flow(*await stage.relying_party())


@pytest.fixture
async def first(flow, browser) -> str:
    return (await flow.exchange(browser, await flow.code(browser))).json()["refresh_token"]


async def later(stage) -> None:
    """As if the grace was over."""
    await stage.run(
        "UPDATE refresh_tokens SET replaced_at = replaced_at - make_interval(secs => :s)", s=GRACE.total_seconds()
    )


async def test_two_tabs_at_once_get_the_same_refresh_token(flow, browser, first):
    answers = await asyncio.gather(*(flow.refresh(browser, first) for _ in range(5)))

    assert [answer.status_code for answer in answers] == [200] * 5
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert (await flow.refresh(browser, answers[0].json()["refresh_token"])).status_code == 200


async def test_a_tab_that_comes_a_moment_later_gets_the_same_answer(flow, browser, first):
    one = (await flow.refresh(browser, first)).json()
    two = (await flow.refresh(browser, first)).json()

    assert one["refresh_token"] == two["refresh_token"] != first
    assert claims_of(one["access_token"])["grant"] == claims_of(two["access_token"])["grant"]


async def test_two_tabs_never_make_two_families(stage, flow, browser, first):
    await asyncio.gather(*(flow.refresh(browser, first) for _ in range(3)))

    async with stage.unit() as unit:
        count = await unit.fetch(
            "SELECT count(*) FROM refresh_tokens WHERE replaced_at IS NULL AND grant_id IN "
            "(SELECT id FROM grants WHERE client_id = $1)",
            flow.client.client_id,
        )
    assert count[0][0] == 1


async def test_after_the_grace_a_used_token_ends_the_family(stage, flow, browser, first):
    second = (await flow.refresh(browser, first)).json()["refresh_token"]
    await later(stage)

    reused, after = await flow.refresh(browser, first), await flow.refresh(browser, second)

    assert (reused.json()["error"], after.json()["error"]) == ("invalid_grant", "invalid_grant")
    assert await stage.audited("grant.reused") >= 1


async def test_a_used_token_ends_the_family_at_once_when_its_successor_was_used(flow, browser, first):
    second = (await flow.refresh(browser, first)).json()["refresh_token"]
    third = (await flow.refresh(browser, second)).json()["refresh_token"]

    reused, after = await flow.refresh(browser, first), await flow.refresh(browser, third)

    assert (reused.json()["error"], after.json()["error"]) == ("invalid_grant", "invalid_grant")


async def test_the_grace_is_for_the_client_that_the_token_is_of(stage, flow, browser, first):
    await flow.refresh(browser, first)
    other = Flow(*await stage.relying_party())

    assert (await other.refresh(browser, first)).json()["error"] == "invalid_grant"
    assert (await flow.refresh(browser, first)).status_code == 200


async def test_a_successor_tells_nothing_without_our_secret(stage, first):
    own = stage.tokens.successor(first)
    before, stage.ring.refresh_secret = stage.ring.refresh_secret, b"another"
    try:
        assert stage.tokens.successor(first) != own
    finally:
        stage.ring.refresh_secret = before
