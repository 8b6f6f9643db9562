"""What a provider's word is worth: for how long, for whose account, and beside what else."""

from datetime import UTC, datetime, timedelta

import pytest
from factor_parts import with_application
from identity_stage import PASSWORD, PUBLIC_URL, make_stage
from oidc_directory import directory_running
from sso_parts import come_back, leave, provider_of, sign_in
from test_devices_flow import Device, say, type_in
from test_sso import account_of, scim_user, verified

from parvis_identity.domain.client_metadata import DEVICE
from parvis_identity.domain.interaction import SINCE
from parvis_identity.models import ProviderState, SsoIdentity
from parvis_identity.service import account_links, sessions
from parvis_identity.service.organisations import Membership
from parvis_kit.ids import uuid7

LONG_AGO = 8 * 3600


@pytest.fixture(scope="module")
async def stage(database):
    return await make_stage(database, private_networks="127.0.0.0/8")


@pytest.fixture
async def directory():
    async with directory_running() as made:
        made.person |= {"sub": f"u-{uuid7()}", "email": f"{uuid7()}@cabinet.example"}
        yield made


@pytest.fixture(scope="module")
def firm(stage):
    return stage.town.found("roche", "Cabinet Roche")


@pytest.fixture
async def provider(stage, firm, directory):
    return await provider_of(stage, firm, directory)


async def known(stage, provider, directory, account) -> None:
    """The provider means a personal account, which its owner has proven before."""
    stage.town.memberships[account.id, provider.organisation_id] = Membership(uuid7(), "staff", account.id, uuid7())
    async with stage.unit() as unit:
        unit.add(
            SsoIdentity(
                provider_id=provider.id, subject=directory.person["sub"], account_id=account.id,
                organisation_id=provider.organisation_id, created_at=unit.now,
            )
        )  # fmt: skip


async def session_of(stage, browser):
    async with stage.unit() as unit:
        return await sessions.signed_in(unit, browser.http.cookies[stage.site.cookies.session])


def hours_ago(claims) -> None:
    claims["auth_time"] -= LONG_AGO


async def test_whoever_was_asked_nothing_signed_in_when_they_last_were(stage, provider, directory):
    directory.claims = hours_ago
    browser = stage.browser()

    await sign_in(browser, provider, directory)

    session = (await session_of(stage, browser)).session
    assert datetime.now(UTC) - session.auth_time > timedelta(hours=7)
    assert session.proof_at < session.auth_time


async def test_a_client_that_wants_a_new_sign_in_gets_one_at_the_provider(stage, provider, directory):
    browser = stage.browser()

    location = await leave(browser, provider, next=f"/oauth2/authorize?client_id=x&{SINCE}=1790000000")

    assert "prompt=login" in location
    assert "max_age=0" in location
    directory.claims = hours_ago
    refused = await come_back(browser, provider, directory.sign_in(location))
    assert refused.status_code == 403
    assert "sign_in_not_fresh" in refused.text


async def test_a_firms_word_makes_no_password_younger(stage, provider, directory):
    person = await stage.person(mail=directory.person["email"])
    await known(stage, provider, directory, person)
    browser = stage.browser()
    await browser.sign_in(person.mail)
    await stage.run(
        "UPDATE sessions SET auth_time = now() - interval '5 hours', proof_at = now() - interval '5 hours'"
        " WHERE account_id = :id",
        id=person.id,
    )

    await sign_in(browser, provider, directory)

    who = await session_of(stage, browser)
    assert not account_links.is_fresh(who)
    assert datetime.now(UTC) - who.session.auth_time > timedelta(hours=4)


@pytest.mark.parametrize("always", [True, False])
async def test_a_code_after_a_firms_word_counts_at_that_firms_door_only(stage, provider, directory, always):
    person, _, codes = await with_application(stage, mail=directory.person["email"])
    await known(stage, provider, directory, person)
    await stage.run("UPDATE accounts SET factor_always = :always WHERE id = :id", always=always, id=person.id)
    browser = stage.browser()

    answer = await sign_in(browser, provider, directory)
    door = f"/step-up?again=1&next=/door/{provider.organisation_id}&with=recovery"
    page = f"{answer.headers['location']}&with=recovery" if always else door
    await browser.submit(page, recovery=codes[0])

    who = await session_of(stage, browser)
    assert who.session.acr == "0"
    assert who.session.proof_at < datetime.now(UTC) - timedelta(hours=1)
    async with stage.unit() as unit:
        proofs = await unit.fetch("SELECT acr FROM session_proofs WHERE session_id = $1", who.session.id)
    assert [row["acr"] for row in proofs] == ["2"]


async def test_a_second_provider_does_not_take_whom_the_first_knows_until_it_is_off(stage, firm, provider, directory):
    made = await scim_user(stage, firm, external_id=directory.person["sub"], user_name=f"x{uuid7()}")
    await sign_in(stage.browser(), provider, directory)
    async with directory_running() as another:
        another.person |= {"sub": directory.person["sub"], "email": "other@partner.example"}
        second = await provider_of(stage, firm, another)

        refused = await sign_in(stage.browser(), second, another)

        assert refused.status_code == 403
        assert "known_elsewhere" in refused.text
        await stage.run("UPDATE sso_providers SET state = :off WHERE id = :id", off=ProviderState.OFF, id=provider.id)
        await sign_in(stage.browser(), second, another)
        assert (await account_of(stage, second, another)).id == made.id


@pytest.mark.parametrize("verified_mail", [False, "False", 0, None, True])
async def test_a_user_name_that_people_write_themselves_finds_nobody(stage, firm, provider, directory, verified_mail):
    domain = f"{uuid7()}.example"
    await verified(stage, firm, domain)
    chief = await scim_user(stage, firm, external_id="", user_name=f"chief@{domain}")
    directory.person |= {"preferred_username": f"chief@{domain}", "email": f"me@{domain}"}
    directory.person |= {"email_verified": verified_mail}
    directory.claims = lambda claims: claims.update(directory.person)

    await sign_in(stage.browser(), provider, directory)

    assert (await account_of(stage, provider, directory)).id != chief.id


async def test_a_user_name_does_not_find_whom_the_directory_calls_otherwise(stage, firm, provider, directory):
    domain = f"{uuid7()}.example"
    await verified(stage, firm, domain)
    chief = await scim_user(stage, firm, external_id="object-of-the-chief", user_name=f"chief@{domain}")
    directory.person |= {"preferred_username": f"chief@{domain}", "email": f"chief@{domain}"}

    await sign_in(stage.browser(), provider, directory)

    assert (await account_of(stage, provider, directory)).id != chief.id


@pytest.fixture
async def vouched(stage, provider, directory):
    """A browser in which a firm's provider alone says who somebody is, with an account of their own."""
    person = await stage.person(mail=directory.person["email"])
    await known(stage, provider, directory, person)
    browser = stage.browser()
    await sign_in(browser, provider, directory)
    return browser


@pytest.mark.parametrize(
    "page",
    ["/links", "/password", "/address", "/factors", "/factors/application", "/factors/passkey", "/factors/codes"],
)
async def test_how_somebody_signs_in_is_for_whoever_proves_the_account_itself(stage, vouched, directory, page):
    location = (await vouched.get(page)).headers["location"]

    assert location.startswith("/login?step=password&login_hint=")
    back = await vouched.submit(location, identifier=directory.person["email"], password=PASSWORD)
    assert (await session_of(stage, vouched)).session.acr == "1"
    while (led := await vouched.get(back.headers["location"])).status_code == 303:
        back = led
    assert back.headers["location"].split("?")[0] in {page, "/factors"}


async def test_a_firms_word_ends_no_trust_and_proves_nothing_elsewhere(vouched):
    for page in ("/step-up?next=/o/ailleurs/", "/step-up?again=1&next=/oauth2/authorize"):
        assert (await vouched.get(page)).headers["location"].startswith("/login?step=password&")
    form = {"csrf": (await vouched.get("/device")).text.split('name="csrf" value="')[1].split('"')[0]}
    ended = await vouched.http.post("/factors/trust", data=form, headers={"Origin": PUBLIC_URL})
    assert ended.headers["location"].startswith("/login?step=password&")


async def test_a_stranger_s_device_knows_nobody_by_a_firms_word(stage, vouched, directory):
    party = await stage.relying_party(consent_required=True, grant_types=[DEVICE])
    device = Device(stage, *party)
    await device.begin()

    led = await say(vouched, await type_in(vouched, device.told["user_code"]), "yes")

    assert led.headers["location"].startswith("/step-up?again=1&next=%2Fdevice%3Fuser_code%3D")
    assert await device.state() == "authorization_pending"
    location = (await vouched.get(led.headers["location"])).headers["location"]
    back = await vouched.submit(location, identifier=directory.person["email"], password=PASSWORD)
    assert back.headers["location"].startswith("/device?user_code=")
    await say(vouched, await type_in(vouched, device.told["user_code"]), "yes")
    assert await device.state() == "tokens"


async def test_a_device_for_another_firm_is_asked_at_its_door(stage, vouched, directory):
    party = await stage.relying_party(product_id=uuid7(), grant_types=[DEVICE])
    other = stage.town.found("ailleurs", "Ailleurs")
    async with stage.unit() as unit:
        person = await unit.fetch("SELECT id FROM accounts WHERE mail = $1", directory.person["email"])
    stage.town.products[person[0]["id"], party[0].client_id] = [other]
    device = Device(stage, *party)
    await device.begin()

    led = await say(vouched, await type_in(vouched, device.told["user_code"]), "yes")

    assert led.headers["location"].startswith(f"/door/{other.id}?")
    assert await device.state() == "authorization_pending"


async def test_where_a_firm_says_off_nobody_signs_in_with_its_providers(stage, provider, directory):
    await stage.run(
        "INSERT INTO sign_in_policies (organisation_id, sso, factors, required_profiles, break_glass, version,"
        " changed_at) VALUES (:firm, 'off', 'off', '{}', '{}', 1, now())",
        firm=provider.organisation_id,
    )

    answer = await stage.browser().get(f"/sso/{provider.id}/start")

    await stage.run("DELETE FROM sign_in_policies WHERE organisation_id = :firm", firm=provider.organisation_id)
    assert answer.status_code == 403
    assert "sso_off" in answer.text
    assert directory.asked == []


async def test_a_domain_with_accents_counts_as_it_was_verified(stage, firm, provider, directory):
    name = f"été-{uuid7().hex[:8]}.example"
    await verified(stage, firm, name.encode("idna").decode())
    made = await scim_user(stage, firm, external_id="", user_name=f"anne@{name}")
    directory.person |= {"preferred_username": f"anne@{name}", "email": f"anne@{name}"}

    await sign_in(stage.browser(), provider, directory)

    assert (await account_of(stage, provider, directory)).id == made.id
