"""Pages of an account that a firm's directory opens: none speaks of a password, which it never has."""

import re
from uuid import UUID

import pytest
from factor_parts import add_application
from identity_stage import make_stage, read
from oidc_directory import directory_running
from sso_parts import provider_of, sign_in
from test_sso import account_of

from parvis.identity.v1 import factors_pb2, identity_pb2
from parvis_identity.rpc import AccountRpc, FactorRpc
from parvis_identity.service.factor_resets import stop_token
from parvis_identity.service.organisations import Membership
from parvis_kit.ids import uuid7

REASON = "Appel vidéo, pièce d'identité vue."


@pytest.fixture(scope="module")
async def stage(database):
    return await make_stage(database, private_networks="127.0.0.0/8")


@pytest.fixture
async def firm(stage):
    stage.town.rights = {"members.manage"}
    yield stage.town.found(f"cabinet-{uuid7().hex[-6:]}", "Cabinet Orsel")
    stage.town.rights = set()


@pytest.fixture
async def directory():
    async with directory_running() as made:
        made.person |= {"sub": f"u-{uuid7()}", "email": f"{uuid7()}@cabinet.example"}
        yield made


@pytest.fixture
async def provider(stage, firm, directory):
    return await provider_of(stage, firm, directory)


@pytest.fixture
async def browser(stage, provider, directory):
    """Signed in with the directory, a moment ago."""
    made = stage.browser()
    await sign_in(made, provider, directory)
    return made


async def failures(stage) -> int:
    async with stage.unit() as unit:
        return (await unit.fetch("SELECT count(*) AS n FROM sign_in_attempts"))[0]["n"]


async def test_the_page_of_the_password_says_who_identifies_instead(stage, browser):
    page = await browser.get("/password")

    said = read(page)
    assert "annuaire de Cabinet Orsel qui vous identifie" in said
    assert 'type="password"' not in page.text


async def test_a_password_that_is_sent_all_the_same_is_no_try(stage, browser):
    form = await browser.form("/factors/application")
    before = await failures(stage)

    answer = await browser.send(("/password", form[1]), current="guessed", password="a new and long one")

    assert "annuaire de Cabinet Orsel" in read(answer)
    assert await failures(stage) == before


async def test_no_page_of_second_factors_speaks_of_a_password(stage, browser, firm):
    before = await browser.get("/factors")
    asked = await browser.get("/factors/enrol", params={"organisation": firm.slug})
    await add_application(browser)
    after = await browser.get("/factors")
    one = await browser.get(re.search(r'href="(/factors/[0-9a-f-]{36})"', after.text)[1])

    for page in (before, asked, after, one):
        assert page.status_code == 200
        assert "mot de passe" not in read(page)
        assert "annuaire" in read(page)


async def test_who_asks_for_its_account_hears_that_a_directory_opens_it(stage, provider, directory, browser):
    account = await account_of(stage, provider, directory)
    accounts = AccountRpc(stage.links, stage.requests, stage.domains, stage.erasure)

    async with stage.unit(account_id=account.id) as unit:
        mine = await accounts.GetMyAccount(unit, identity_pb2.GetMyAccountRequest())

    assert mine.directory


async def test_a_reset_of_its_factors_speaks_of_the_directory(stage, firm, provider, directory, browser):
    account, anne = await account_of(stage, provider, directory), await stage.person()
    await add_application(browser)
    for each in (account, anne):
        stage.town.memberships[each.id, firm.id] = Membership(uuid7(), "staff", each.id)
    membership = str(stage.town.memberships[account.id, firm.id].id)
    asking = factors_pb2.RequestFactorResetRequest(membership_id=membership, reason=REASON)

    async with stage.unit(firm.id, account_id=anne.id) as unit:
        told = await FactorRpc(stage.factor_resets).RequestFactorReset(unit, asking)

    assert (told.directory, told.managed) == (True, True)
    token = stop_token(stage.ring.link_secret, UUID(told.reset.id))
    page = await stage.browser().get(f"/factors/stop/{token}")
    assert "la connexion par l'annuaire de votre cabinet suffirait" in read(page)
    assert "mot de passe" not in read(page)
