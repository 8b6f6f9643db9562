"""A provider that never says when somebody signed in (Google): nobody is locked out, and nothing sensitive rests on its
word alone.
"""

import pytest
from factor_parts import add_application
from identity_stage import PUBLIC_URL, make_stage
from oidc_directory import directory_running
from sso_parts import come_back, provider_of, sign_in

from parvis_identity.service import sessions
from parvis_kit.ids import uuid7

SENSITIVE = "/factors/codes"


@pytest.fixture(scope="module")
async def stage(database):
    return await make_stage(database, private_networks="127.0.0.0/8")


@pytest.fixture
async def directory():
    async with directory_running() as made:
        made.person |= {"sub": f"u-{uuid7()}", "email": f"{uuid7()}@cabinet.example"}
        made.configured = {"claims_supported": ["sub", "email"]}
        made.claims = lambda said: said.pop("auth_time", None)
        yield made


@pytest.fixture
async def provider(stage, directory):
    return await provider_of(stage, stage.town.found("roche", "Cabinet Roche"), directory)


@pytest.fixture
async def browser(stage, provider, directory):
    """Somebody of the firm, who has just come."""
    made = stage.browser()
    await sign_in(made, provider, directory)
    return made


async def session_of(stage, browser):
    async with stage.unit() as unit:
        return (await sessions.signed_in(unit, browser.http.cookies[stage.site.cookies.session])).session


async def ten_minutes_pass(stage, browser) -> None:
    session = (await session_of(stage, browser)).id
    await stage.run("UPDATE session_proofs SET at = at - interval '11 minutes' WHERE session_id = :id", id=session)
    await stage.run(
        "UPDATE sessions SET auth_time = auth_time - interval '11 minutes', proof_at = proof_at - interval '11 minutes'"
        " WHERE id = :id",
        id=session,
    )


async def step_up(browser, provider, directory, after: str):
    """Proves it at the directory once more."""
    to = (await browser.get("/step-up", params={"next": after})).headers["location"]
    left = await browser.get(to.removeprefix(PUBLIC_URL))
    return await come_back(browser, provider, directory.sign_in(left.headers["location"]))


async def test_whoever_has_just_come_adds_a_first_factor_and_proves_themself_with_it(stage, browser):
    await add_application(browser)

    assert (await session_of(stage, browser)).acr == "2"
    await ten_minutes_pass(stage, browser)
    asked = await browser.get("/step-up", params={"next": SENSITIVE})
    assert asked.status_code == 200
    assert 'name="code"' in asked.text


async def test_what_is_sensitive_leads_to_a_factor_rather_than_round_in_a_circle(stage, browser, provider, directory):
    before = (await session_of(stage, browser)).proof_at

    back = await step_up(browser, provider, directory, "/password")

    assert back.headers["location"] == "/factors/enrol?next=%2Fpassword"
    assert "n’indique pas quand vous vous y êtes connecté" in (await browser.get("/factors/enrol")).text
    assert (await session_of(stage, browser)).proof_at == before == sessions.NEVER


async def test_later_the_directory_is_asked_before_a_first_factor(stage, browser, provider, directory):
    await ten_minutes_pass(stage, browser)
    page = "/factors/application"
    assert (await browser.get(page)).headers["location"].startswith("/step-up")

    back = await step_up(browser, provider, directory, page)

    assert back.headers["location"] == page
    assert (await browser.get(page)).status_code == 200


async def test_a_second_factor_asks_for_the_first(stage, browser):
    await add_application(browser)
    session = (await session_of(stage, browser)).id
    await stage.run("UPDATE sessions SET proof_at = now() - interval '1 hour' WHERE id = :id", id=session)

    assert (await browser.get("/factors/passkey")).headers["location"].startswith("/step-up")


async def test_a_provider_that_says_when_is_believed_no_less(stage, provider, directory):
    directory.claims = lambda said: said.update(auth_time=said["auth_time"] - 8 * 3600)
    browser = stage.browser()
    await sign_in(browser, provider, directory)

    assert (await browser.get("/factors/application")).headers["location"].startswith("/step-up")


async def test_the_word_of_the_directory_is_not_the_factor_that_somebody_has(stage, browser, provider, directory):
    await add_application(browser)
    await ten_minutes_pass(stage, browser)
    directory.claims = lambda said: None
    before = (await session_of(stage, browser)).proof_at

    left = await browser.get("/sso/step-up", params={"next": SENSITIVE})
    await come_back(browser, provider, directory.sign_in(left.headers["location"]))

    assert (await session_of(stage, browser)).proof_at == before


async def test_a_provider_that_should_say_when_and_does_not_is_refused_with_what_to_do(stage, directory):
    directory.configured = {}
    provider = await provider_of(stage, stage.town.found("roche", "Cabinet Roche"), directory)
    browser = stage.browser()
    await sign_in(browser, provider, directory)

    back = await step_up(browser, provider, directory, "/password")

    assert back.status_code == 403
    assert "n’indique pas quand vous vous êtes connecté" in back.text
    assert "auth_time" in back.text
