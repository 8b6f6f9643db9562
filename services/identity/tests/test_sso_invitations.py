"""Somebody of the firm's directory who was invited by hand: their invitation proves the address, the firm's provider
the person, and no password is chosen.
"""

from urllib.parse import urlsplit

import pytest
from identity_stage import make_stage, read
from oidc_directory import directory_running
from sqlalchemy import text
from sso_parts import provider_of, sign_in

from parvis_identity.domain.links import Purpose
from parvis_identity.models import Account, AccountState
from parvis_identity.service.organisations import Membership
from parvis_kit.ids import uuid7


@pytest.fixture(scope="module")
async def stage(database):
    return await make_stage(database, private_networks="127.0.0.0/8")


@pytest.fixture(scope="module")
async def running():
    async with directory_running() as made:
        yield made


@pytest.fixture
async def firm(stage):
    """A firm of its own for each test, whose mail domain is its own."""
    slug = f"f{uuid7().hex}"
    firm = stage.town.found(slug, "Cabinet Roche")
    await stage.run(
        "INSERT INTO sso_domains (id, organisation_id, organisation_slug, domain, state, method, token, check_problem,"
        " created_at) VALUES (:id, :firm, :slug, :domain, 'verified', 'dns', 't', '', now())",
        id=uuid7(), firm=firm.id, slug=slug, domain=f"{slug}.example",
    )  # fmt: skip
    return firm


@pytest.fixture
def directory(running, firm):
    running.forget()
    running.person |= {"sub": f"u-{uuid7()}", "email": f"anne@{firm.slug}.example"}
    return running


@pytest.fixture
async def provider(stage, firm, directory):
    return await provider_of(stage, firm, directory)


async def invite(stage, firm, mail: str) -> tuple[Account, str]:
    """Somebody who is invited as one of the staff, and the token of their link."""
    person = await stage.person(mail=mail, state=AccountState.PENDING)
    stage.town.memberships[person.id, firm.id] = Membership(uuid7(), "staff", person.id, uuid7())
    async with stage.unit(firm.id) as unit:
        url, _ = await stage.links.mint(
            unit, link_id=uuid7(), account_id=person.id, purpose=Purpose.ACTIVATION, slug=firm.slug
        )
    return person, urlsplit(url).path.rpartition("/")[2]


async def now(stage, account: Account) -> Account:
    async with stage.unit() as unit:
        return await unit.get(Account, account.id)


async def linked(stage, provider) -> list:
    async with stage.unit() as unit:
        query = text("SELECT account_id FROM sso_identities WHERE provider_id = :provider")
        return list(await unit.scalars(query, {"provider": provider.id}))


async def test_the_invitation_leads_to_the_firms_own_sign_in(stage, firm, provider, directory):
    person, token = await invite(stage, firm, directory.person["email"])
    browser = stage.browser()
    before = len(await stage.events("AccountActivated"))

    page = await browser.get(f"/activate/{token}")
    answer = await sign_in(browser, provider, directory, invitation=token)

    assert "Continuer avec Annuaire" in read(page)
    assert f"/sso/{provider.id}/start?login_hint=" in page.text
    assert answer.headers["location"] == f"/o/{firm.slug}"
    assert (await now(stage, person)).state == AccountState.ACTIVE
    assert await linked(stage, provider) == [person.id]
    assert len(await stage.events("AccountActivated")) == before + 1
    assert (await stage.browser().get(f"/activate/{token}")).status_code == 410


async def test_an_address_that_does_not_lead_to_the_firms_provider_gets_a_password(stage, firm, provider):
    _, token = await invite(stage, firm, f"{uuid7()}@elsewhere.example")

    page = await stage.browser().get(f"/activate/{token}")

    assert "Continuer avec" not in read(page)
    assert 'name="password"' in page.text


async def test_where_the_firm_lets_nobody_in_otherwise_no_password_is_asked_for(stage, firm, provider, directory):
    _, token = await invite(stage, firm, directory.person["email"])
    offered = await stage.browser().get(f"/activate/{token}")
    await stage.run(
        "INSERT INTO sign_in_policies (organisation_id, sso, factors, required_profiles, break_glass, version,"
        " changed_at) VALUES (:firm, 'enforced', 'off', '{}', '{}', 1, now())",
        firm=firm.id,
    )

    enforced = await stage.browser().get(f"/activate/{token}")

    assert 'name="password"' in offered.text
    assert 'name="password"' not in enforced.text
    assert "Continuer avec Annuaire" in read(enforced)


async def test_who_comes_without_their_invitation_is_told_of_it(stage, firm, provider, directory):
    person, _ = await invite(stage, firm, directory.person["email"])

    answer = await sign_in(stage.browser(), provider, directory)

    assert answer.status_code == 403
    assert "Vous avez d'abord une invitation à ouvrir" in read(answer)
    assert (await now(stage, person)).state == AccountState.PENDING
    assert await linked(stage, provider) == []


async def test_somebody_elses_invitation_proves_nothing(stage, firm, provider, directory):
    person, _ = await invite(stage, firm, directory.person["email"])
    other, token = await invite(stage, firm, f"{uuid7()}@{firm.slug}.example")

    answer = await sign_in(stage.browser(), provider, directory, invitation=token)

    assert answer.status_code == 403
    assert {(await now(stage, each)).state for each in (person, other)} == {AccountState.PENDING}
    assert await linked(stage, provider) == []


async def test_an_invitation_of_another_firm_proves_nothing_here(stage, firm, provider, directory):
    person, _ = await invite(stage, firm, directory.person["email"])
    other = stage.town.found(f"g{uuid7().hex}", "Cabinet Durand")
    async with stage.unit(other.id) as unit:
        url, _ = await stage.links.mint(
            unit, link_id=uuid7(), account_id=person.id, purpose=Purpose.ACTIVATION, slug=other.slug
        )

    answer = await sign_in(stage.browser(), provider, directory, invitation=urlsplit(url).path.rpartition("/")[2])

    assert answer.status_code == 403
    assert (await now(stage, person)).state == AccountState.PENDING


async def test_an_invitation_taken_back_on_the_way_opens_nothing(stage, firm, provider, directory):
    person, token = await invite(stage, firm, directory.person["email"])
    browser = stage.browser()
    answer = await browser.get(f"/sso/{provider.id}/start", params={"invitation": token})
    back = directory.sign_in(answer.headers["location"])
    await stage.run("UPDATE links SET revoked_at = now() WHERE account_id = :id", id=person.id)

    answer = await browser.get(f"/sso/{provider.id}/callback", params=back)

    assert answer.headers.get("location", "").startswith("/sso/link/")
    assert (await now(stage, person)).state == AccountState.PENDING
    assert await linked(stage, provider) == []
