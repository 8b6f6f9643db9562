"""A provider says until when its word counts, and when somebody signed in there (SAML core, 2.7.2)."""

from datetime import UTC, datetime, timedelta

import pytest
from saml_parts import at
from saml_stage import Scene
from test_saml_logout import is_open, session_of
from test_saml_pages import begun_at, leave, post

from parvis_identity.domain import saml as names
from parvis_identity.domain.sessions import PASSWORD
from parvis_identity.models import SsoAttempt
from parvis_identity.service import sessions
from parvis_identity.service.sso import vouching
from parvis_identity.service.sso.upstream import Assertion, Refused
from parvis_identity.service.visitor import Visitor
from parvis_kit.ids import uuid7

SECOND = timedelta(seconds=1)


@pytest.fixture
async def scene(stage) -> Scene:
    return Scene.on(stage)


@pytest.fixture
async def provider(scene):
    firm = scene.stage.town.found(f"orsel-{uuid7().hex[-8:]}", "Cabinet Orsel")
    return await scene.provider(organisation_id=firm.id, organisation_slug=firm.slug)


async def sign_in(scene, provider, **changes):
    """Somebody of the directory, signed in here."""
    browser = scene.stage.browser()
    said = {"name_id": f"n-{uuid7()}", "mail": f"{uuid7()}@orsel.example", **changes}
    posted = await post(scene, provider, await leave(browser, provider), **said)
    arrived = await browser.get(posted.headers["location"])
    assert arrived.status_code == 303, arrived.text
    return browser


async def proof_in(scene, provider):
    async with scene.stage.unit() as unit:
        return (await unit.fetch("SELECT * FROM session_proofs WHERE provider_id = $1", provider.id))[0]


async def over(scene, provider) -> int:
    """The moment that the provider named comes; of how many sessions its word is taken back."""
    query = "UPDATE session_proofs SET ends_at = now() - interval '1 second' WHERE provider_id = :id"
    await scene.stage.run(query, id=provider.id)
    return await vouching.end_over(scene.stage.database)


async def test_the_session_ends_when_the_provider_says(scene, provider):
    until = datetime.now(UTC) + timedelta(minutes=20)
    browser = await sign_in(scene, provider, session_until=names.written(until))
    kept = (await proof_in(scene, provider))["ends_at"]

    assert abs(kept - until - names.SKEW) < SECOND
    assert await vouching.end_over(scene.stage.database) == 0
    assert (await browser.get("/links")).status_code == 200
    assert await over(scene, provider) == 1
    assert (await browser.get("/links")).status_code == 303


async def test_what_rests_on_an_own_password_goes_on_without_the_word(scene, provider, stage):
    cookie = await session_of(scene, provider, await stage.person(), proof=PASSWORD)

    assert await over(scene, provider) == 1

    assert await is_open(scene, cookie)
    with pytest.raises(IndexError):
        await proof_in(scene, provider)


async def test_whoever_proves_it_there_again_has_the_new_end(scene, provider):
    browser = await sign_in(scene, provider, name_id="again", session_until=at(minutes=2))
    before = (await proof_in(scene, provider))["ends_at"]

    posted = await post(scene, provider, await leave(browser, provider), name_id="again", session_until=at(hours=2))
    await browser.get(posted.headers["location"])

    assert (await proof_in(scene, provider))["ends_at"] > before + timedelta(hours=1)


@pytest.mark.parametrize(("left", "stands"), [(SECOND * 30, True), (-SECOND, False), (None, True)])
async def test_a_word_that_is_over_when_the_second_factor_comes_opens_nothing(scene, provider, left, stands):
    ends = None if left is None else datetime.now(UTC) + left
    kept = scene.stage.sso.vouching.kept(provider, Assertion("n-1", session_ends=ends))

    async with scene.stage.unit() as unit:
        assert await scene.stage.sso.vouching.stands(unit, kept) is stands


async def test_a_word_that_is_over_when_the_browser_comes_for_it_opens_nothing(scene, provider, stage):
    person, said = await stage.person(), Assertion("n-1", session_ends=datetime.now(UTC) - SECOND)

    async with stage.unit() as unit:
        attempt, visitor = SsoAttempt(created_at=unit.now), Visitor("", "", "")
        with pytest.raises(Refused) as refused:
            await stage.sso.begin_session(unit, provider, person, said, visitor, attempt)

    assert refused.value.check == "provider_session_over"


async def test_a_sign_in_of_minutes_ago_is_a_proof_of_minutes_ago(scene, provider):
    ago = timedelta(minutes=8)
    browser = await sign_in(scene, provider, signed_in_at=names.written(datetime.now(UTC) - ago))

    async with scene.stage.unit() as unit:
        who = await sessions.signed_in(unit, browser.http.cookies[scene.stage.site.cookies.session])
    assert timedelta(0) <= datetime.now(UTC) - who.session.proof_at - ago < timedelta(minutes=1)


async def test_a_sign_in_of_before_is_none_of_now(scene, provider):
    browser = await sign_in(scene, provider)
    left = await browser.get("/sso/step-up", params={"next": "/factors"})

    refused = await post(scene, provider, begun_at(left), signed_in_at=at(minutes=-3))

    assert refused.status_code == 403
    assert "authentication_not_fresh" in refused.text
