"""Signing in with a firm's SAML provider, and out, as a browser goes: begun here, answered by a form of another site
without our cookies, finished here.
"""

from urllib.parse import parse_qs, urlsplit

import pytest
from identity_stage import PUBLIC_URL, read
from saml_parts import ISSUER, assertion, form_of, response, signed
from saml_stage import Scene, message_of
from test_saml_logout import Asked

from parvis_identity.service.sso.upstream import Begin


@pytest.fixture(scope="module")
def firm(stage):
    return stage.town.found("orsel", "Cabinet Orsel")


@pytest.fixture
async def scene(stage) -> Scene:
    return Scene.on(stage)


@pytest.fixture
async def provider(scene, firm):
    return await scene.provider(organisation_id=firm.id, organisation_slug=firm.slug)


async def leave(browser, provider, **query) -> Begin:
    """To the provider."""
    return begun_at(await browser.get(f"/sso/{provider.id}/start", params=query))


def begun_at(answer) -> Begin:
    """What a provider was asked."""
    location = answer.headers["location"]
    asked = message_of(location)
    return Begin(location, {"request": asked.get("ID"), "state": parse_qs(urlsplit(location).query)["RelayState"][0]})


async def post(scene, provider, begun, **changes):
    """What the provider's page makes a browser send: no cookie of ours is with it."""
    words = scene.words(provider, begun, **changes)
    form = {"SAMLResponse": form_of(response(words, signed(assertion(words)))), "RelayState": begun.kept["state"]}
    stranger = scene.stage.browser()
    return await stranger.http.post(f"/sso/{provider.id}/acs", data=form, headers={"Origin": ISSUER})


async def test_somebody_signs_in_and_arrives_where_they_were_going(scene, provider):
    browser = scene.stage.browser()
    begun = await leave(browser, provider, next="/links")

    posted = await post(scene, provider, begun, name_id="n-1", mail="n1@orsel.example")
    arrived = await browser.get(posted.headers["location"])

    assert posted.status_code == 303
    assert posted.headers["location"] == f"/sso/finish/{begun.kept['state']}"
    assert (arrived.status_code, arrived.headers["location"]) == (303, "/links")
    assert (await browser.get("/links")).status_code == 200


async def test_an_answer_is_finished_by_the_browser_that_asked(scene, provider):
    victim = scene.stage.browser()
    begun = await leave(scene.stage.browser(), provider)

    posted = await post(scene, provider, begun)
    page = await victim.get(posted.headers["location"])

    assert page.status_code == 410
    assert "browser_differs" in page.text


async def test_an_answer_that_nobody_asked_for_leads_to_the_page_that_begins_one(scene, provider):
    page = await post(scene, provider, Begin("", {"request": "_none", "state": "made-up"}))

    assert page.status_code == 410
    assert "attempt_unknown" in page.text
    assert f"/sso/{provider.id}/start" in page.text


async def test_a_refused_answer_says_so_and_stands_in_the_firms_trail(scene, provider):
    begun = await leave(scene.stage.browser(), provider)

    page = await post(scene, provider, begun, audiences=(("https://autre.exemple.fr",),))

    assert page.status_code == 403
    assert "audience_wrong" in page.text
    assert "Annuaire" in read(page)


async def test_an_answer_at_the_address_of_another_provider_is_refused(scene, provider, firm):
    other = await scene.provider(organisation_id=firm.id, organisation_slug=firm.slug)
    begun = await leave(scene.stage.browser(), provider)

    page = await post(scene, other, begun)

    assert page.status_code == 403
    assert "provider_differs" in page.text


async def test_our_metadata_is_there_for_everybody(scene, provider):
    answer = await scene.stage.browser().get(f"/sso/{provider.id}/metadata")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/samlmetadata+xml")
    assert f'Location="{PUBLIC_URL}/sso/{provider.id}/acs"' in answer.text


async def test_an_openid_provider_has_no_saml_pages(scene, firm):
    other = await scene.provider(organisation_id=firm.id, organisation_slug=firm.slug, kind="oidc")
    assert (await scene.stage.browser().get(f"/sso/{other.id}/metadata")).status_code == 404


async def test_a_sign_out_at_the_provider_ends_the_session_here(scene, provider):
    browser = scene.stage.browser()
    posted = await post(scene, provider, await leave(browser, provider), name_id="n-2", mail="n2@orsel.example")
    await browser.get(posted.headers["location"])
    assert (await browser.get("/links")).status_code == 200

    asked = Asked(f"{PUBLIC_URL}/sso/{provider.id}/slo", name="n-2")
    answer = await browser.get(f"/sso/{provider.id}/slo?{asked.query()}")

    assert answer.headers["location"].startswith(f"{ISSUER}/slo?SAMLResponse=")
    assert (await browser.get("/links")).status_code == 303


async def test_a_sign_out_that_nobody_signed_ends_nothing(scene, provider):
    asked = Asked(f"{PUBLIC_URL}/sso/{provider.id}/slo", name="n-3")

    page = await scene.stage.browser().get(f"/sso/{provider.id}/slo?{asked.query().partition('&SigAlg')[0]}")

    assert page.status_code == 403
    assert "signature_missing" in page.text


@pytest.mark.parametrize(
    ("relay_state", "goes"),
    [("/signed-out?x=1", "/signed-out?x=1"), ("https://intrus.test/", "/signed-out"), ("//intrus.test", "/signed-out")],
)
async def test_a_sign_out_of_ours_comes_back_to_a_page_of_ours(scene, provider, relay_state, goes):
    asked = Asked(f"{PUBLIC_URL}/sso/{provider.id}/slo", kind="LogoutResponse")

    answer = await scene.stage.browser().get(
        f"/sso/{provider.id}/slo?{asked.query(name='SAMLResponse', relay_state=relay_state)}"
    )

    assert (answer.status_code, answer.headers["location"]) == (303, goes)
