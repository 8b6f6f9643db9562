"""Clients are told of every end by back channel: a sign-out, a reset, a closed account, a cut access."""

from datetime import UTC, datetime, timedelta

import pytest
from identity_stage import Flow, answer_of, claims_of
from logout_listener import deliver, opened

from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis_identity import events
from parvis_identity.domain.links import Purpose, token_of
from parvis_identity.service import sessions
from parvis_kit.bus import Envelope
from parvis_kit.ids import uuid7

pytestmark = pytest.mark.usefixtures("nobody_failed_before", "empty_queue")


@pytest.fixture
async def person(stage):
    return await stage.person()


@pytest.fixture
async def browser(stage, person):
    browser = stage.browser()
    await browser.sign_in(person.mail)
    return browser


async def test_a_sign_out_that_did_not_happen_is_not_told(stage, browser, person, sender, listener):
    await opened(stage, browser, listener)

    async def sign_out_and_fail():
        async with stage.unit() as unit:
            await sessions.end(unit, person.id)
            raise LookupError

    with pytest.raises(LookupError):
        await sign_out_and_fail()

    assert await deliver(sender) == 0


async def test_a_reset_of_the_password_is_told(stage, browser, person, sender, listener):
    await opened(stage, browser, listener)
    link_id = uuid7()
    async with stage.unit() as unit:
        await stage.links.mint(unit, link_id=link_id, account_id=person.id, purpose=Purpose.RESET, slug="")
    secret = token_of(stage.ring.link_secret, link_id, Purpose.RESET)

    await stage.browser().submit(f"/reset/{secret}", password="Un-autre-2027!")
    await deliver(sender)

    assert len(listener.tokens) == 1


async def test_a_disabled_account_is_told(stage, browser, person, sender, listener):
    await opened(stage, browser, listener)

    async with stage.unit() as unit:
        await sessions.disable_account(unit, person.id)
    await deliver(sender)

    assert len(listener.tokens) == 1


async def cut(stage, account, organisation, *, when: datetime | None = None) -> None:
    """Tenancy says that an access was cut."""
    event = tenancy_events.MembershipCut(membership_id=str(uuid7()), account_id=str(account.id))
    envelope = Envelope(
        id=uuid7(), organisation_id=organisation.id, version=0, source="tenancy",
        subject="", time=when or datetime.now(UTC), delivered=1, headers={},
    )  # fmt: skip
    async with stage.unit(organisation.id) as unit:
        await events.membership_cut(unit, event, envelope)


async def launched(stage, browser, person, listener, *organisations):
    """A product opened for each of the organisations."""
    party = await stage.relying_party(product_id=uuid7(), backchannel_logout_uri=listener.url)
    stage.town.products[person.id, party[0].client_id] = list(organisations)
    found = []
    for each in organisations:
        flow = Flow(*party, extra={"organisation": each.slug})
        found.append((flow, (await flow.exchange(browser, await flow.code(browser))).json()))
    return found


async def test_a_cut_access_ends_what_was_granted_for_that_organisation_alone(stage, browser, person, sender, listener):
    durand, petit = stage.town.found("durand", "Cabinet Durand"), stage.town.found("petit", "Cabinet Petit")
    (first, gone), (second, stays) = await launched(stage, browser, person, listener, durand, petit)

    await cut(stage, person, durand)
    await deliver(sender)

    assert (await first.refresh(browser, gone["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await second.refresh(browser, stays["refresh_token"])).status_code == 200
    assert [claims_of(token)["sid"] for token in listener.tokens] == [claims_of(gone["id_token"])["sid"]]
    assert answer_of(await second.authorize(browser))["code"]


async def test_a_cut_access_ends_the_sessions_of_the_firms_own_account(stage, sender, listener):
    firm = stage.town.found("morel", "Cabinet Morel")
    client = await stage.client_of(firm, f"C-{uuid7().hex[:8]}")
    browser = stage.browser()
    await browser.sign_in(client.identifier, at="/login/morel")
    flow, _ = await opened(stage, browser, listener)

    await cut(stage, client, firm)
    await deliver(sender)

    assert len(listener.tokens) == 1
    assert (await flow.authorize(browser)).headers["location"].startswith("/login")


async def test_an_access_that_was_given_again_since_is_not_cut(stage, browser, person, sender, listener):
    firm = stage.town.found("leroy", "Cabinet Leroy")
    [(flow, tokens)] = await launched(stage, browser, person, listener, firm)

    await cut(stage, person, firm, when=datetime.now(UTC) - timedelta(minutes=1))

    assert await deliver(sender) == 0
    assert (await flow.refresh(browser, tokens["refresh_token"])).status_code == 200
