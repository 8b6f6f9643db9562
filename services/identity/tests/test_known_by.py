"""The applications that know a person: listed for them, and taken back by them."""

import pytest
import structlog
from identity_stage import Flow, answer_of

from parvis_identity.service import known_by
from parvis_kit.errors import ServiceError

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


@pytest.fixture
async def known(stage):
    """Somebody who agreed that an application knows them, and is signed in there."""
    person, browser = await stage.person(), stage.browser()
    await browser.sign_in(person.mail)
    party = await stage.relying_party(consent_required=True, backchannel_logout_uri="https://paie.example/fin")
    flow = Flow(*party)
    asked = await flow.authorize(browser)
    agreed = await browser.send(form_of(asked.text), decision="allow")
    tokens = (await flow.exchange(browser, answer_of(agreed)["code"])).json()
    return person, browser, flow, tokens


def form_of(page):
    """The form of the page that asks."""
    import html
    import re

    form = re.search(r'<form[^>]*action="([^"]*consent[^"]*)".*?</form>', page, re.DOTALL)
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[0])
    return html.unescape(form[1]), {name: html.unescape(value) for name, value in hidden}


async def mine(stage, person):
    async with stage.unit(account_id=person.id) as unit:
        return await known_by.mine(unit, gateway_client="web")


async def withdraw(stage, person, client_id):
    async with stage.unit(account_id=person.id) as unit:
        await known_by.withdraw(unit, client_id, gateway_client="web")


async def test_an_application_that_somebody_agreed_to_is_listed_with_what_it_knows(stage, known):
    person, _, flow, _ = known
    [found] = await mine(stage, person)
    assert (found["client_id"], set(found["told"])) == (flow.client.client_id, {"openid", "profile", "email"})
    assert found["given_at"] is not None


async def test_a_product_that_nobody_asked_for_is_listed_while_its_session_goes_on(stage):
    person, browser = await stage.person(), stage.browser()
    await browser.sign_in(person.mail)
    flow = Flow(*await stage.relying_party())
    await flow.exchange(browser, await flow.code(browser))
    [found] = await mine(stage, person)
    assert (found["given_at"], found["signed_in_at"] is not None) == (None, True)
    await stage.run("UPDATE sessions SET ended_at = now() WHERE account_id = :a", a=person.id)
    assert await mine(stage, person) == []


async def test_the_portal_itself_is_none_of_them(stage):
    person, browser = await stage.person(), stage.browser()
    await browser.sign_in(person.mail)
    async with stage.unit() as unit:
        flow = Flow(await stage.clients.find(unit, "web"), "web-secret-of-the-tests")
    await flow.exchange(browser, await flow.code(browser))
    assert await mine(stage, person) == []
    with pytest.raises(ServiceError, match="application_not_found"):
        await withdraw(stage, person, "web")


async def test_taking_it_back_ends_every_token_and_tells_the_application(stage, known):
    person, browser, flow, tokens = known
    await withdraw(stage, person, flow.client.client_id)

    assert (await flow.refresh(browser, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    userinfo = await browser.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert userinfo.status_code == 401
    async with stage.unit() as unit:
        told = await unit.fetch("SELECT 1 FROM logout_notices WHERE account_id = $1", person.id)
    assert len(told) == 1
    assert await mine(stage, person) == []


async def test_an_application_that_was_taken_back_has_to_ask_again(stage, known):
    person, browser, flow, _ = known
    assert "code=" in (await flow.authorize(browser)).headers["location"]
    await withdraw(stage, person, flow.client.client_id)
    again = await flow.authorize(browser)
    assert again.status_code == 200
    assert form_of(again.text)


async def test_taking_back_is_written_down(stage, known):
    before = await stage.audited("consent.withdrawn")
    await withdraw(stage, known[0], known[2].client.client_id)
    assert await stage.audited("consent.withdrawn") == before + 1


@pytest.mark.parametrize("client_id", ["nobody", "", "a\0b", "0192f3c8-7a10-7b3e-9d52-5e0c1f6a8b47"])
async def test_what_does_not_know_somebody_cannot_be_taken_back(stage, client_id):
    with pytest.raises(ServiceError, match="application_not_found"):
        await withdraw(stage, await stage.person(), client_id)


async def test_nobody_takes_back_for_somebody_else(stage, known):
    _, browser, flow, tokens = known
    with pytest.raises(ServiceError, match="application_not_found"):
        await withdraw(stage, await stage.person(), flow.client.client_id)
    assert (await flow.refresh(browser, tokens["refresh_token"])).status_code == 200


async def test_a_refused_request_of_a_client_leaves_a_line_without_what_it_carried(stage):
    flow = Flow(*await stage.relying_party())
    with structlog.testing.capture_logs() as lines:
        await flow.exchange(stage.browser(), "a-code-that-nobody-made")
    [line] = [line for line in lines if line["event"] == "protocol_refused"]
    assert (line["path"], line["error"]) == ("/oauth2/token", "invalid_grant")
    assert "a-code-that-nobody-made" not in str(line)


async def test_a_refused_authorization_leaves_a_line_too(stage):
    flow = Flow(*await stage.relying_party())
    with structlog.testing.capture_logs() as lines:
        await flow.authorize(stage.browser(), prompt="none")
    [line] = [line for line in lines if line["event"] == "authorization_refused"]
    assert (line["client"], line["error"]) == (flow.client.client_id, "login_required")
