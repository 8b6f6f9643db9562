"""Going back from the sign-in page to the client, without signing in."""

import pytest
from identity_stage import PUBLIC_URL, Flow, answer_of, read
from protocol_parts import decline, make_fapi_party


@pytest.fixture
async def party(stage):
    return await make_fapi_party(stage)


async def authorize(browser, address: dict[str, str]):
    return await browser.get("/oauth2/authorize", params=address)


async def test_whoever_declines_goes_back_to_the_client(stage, party):
    browser = stage.browser()
    address = await party.pushed(browser.http, state="x" * 128)
    asked = await authorize(browser, address)

    answer = await decline(browser, asked.headers["location"])

    assert answer.headers["location"].startswith("https://paie.example/retour")
    said = answer_of(answer)
    assert (said["error"], said["state"], said["iss"]) == ("access_denied", "x" * 128, PUBLIC_URL)
    assert "code" not in said
    assert (await authorize(browser, address)).status_code == 400


async def test_declining_serves_requests_that_were_not_pushed_too(stage):
    party, browser = await stage.relying_party(), stage.browser()
    asked = await Flow(*party).authorize(browser)

    said = answer_of(await decline(browser, asked.headers["location"]))

    assert (said["error"], said["state"]) == ("access_denied", "s-123")


async def test_nobody_declines_to_sign_in_to_the_portal(stage):
    browser = stage.browser()
    async with stage.unit() as unit:
        web = await stage.clients.find(unit, "web")
    asked = await Flow(web, "").authorize(browser)

    for location in (asked.headers["location"], "/login"):
        assert "/oauth2/decline" not in read(await browser.get(location))


@pytest.mark.parametrize("after", ["", "https://attacker.example/", "/password", "/oauth2/authorize?client_id=nobody",
                                   "/oauth2/authorize?redirect_uri=https://attacker.example/"])  # fmt: skip
async def test_declining_leads_nowhere_else(stage, after):
    browser = stage.browser()
    _, fields = await browser.form("/login")
    sent = {"csrf": fields["csrf"], "next": after}

    answer = await browser.http.post("/oauth2/decline", data=sent, headers={"Origin": PUBLIC_URL})

    assert (answer.status_code, answer.headers.get("location")) == (400, None)


async def test_another_site_declines_for_nobody(stage, party):
    browser = stage.browser()
    asked = await authorize(browser, await party.pushed(browser.http))

    for headers in ({"Origin": "https://attacker.example"}, {"Origin": PUBLIC_URL}):
        answer = await browser.http.post("/oauth2/decline", data={"next": asked.headers["location"]}, headers=headers)
        assert answer.status_code == 403
