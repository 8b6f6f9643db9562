"""Signing in with a firm's own provider: whose account it is, and in which browser."""

import asyncio

import pytest
from identity_stage import PASSWORD, Flow, answer_of, make_stage, read
from oidc_directory import directory_running
from sqlalchemy import text
from sso_parts import come_back, leave, provider_of, sign_in

from parvis.identity.v1.events_pb2 import NoticeForAdministrators, PasswordResetRequested
from parvis_identity.domain.door import Step
from parvis_identity.domain.links import Purpose, token_of
from parvis_identity.http.sso_words import status_of
from parvis_identity.models import Account, AccountKind, AccountState, ScimUser
from parvis_identity.service import demands, sessions
from parvis_identity.service.links import new_link
from parvis_identity.service.organisations import Membership
from parvis_identity.service.sso import warnings
from parvis_identity.store import accounts as account_store
from parvis_kit.ids import uuid7
from parvis_watch.metrics import STATEMENTS

#: Of identity, from the button to the session.
MOST_STATEMENTS = 12


@pytest.fixture(scope="module")
async def stage(database):
    return await make_stage(database, private_networks="127.0.0.0/8")


@pytest.fixture(scope="module")
async def running():
    async with directory_running() as made:
        yield made


@pytest.fixture
def directory(running, stage):
    running.forget()
    running.person["sub"] = f"u-{uuid7()}"
    running.person["email"] = f"{uuid7()}@cabinet.example"
    stage.town.closed = ""
    return running


@pytest.fixture(scope="module")
def firm(stage):
    return stage.town.found("roche", "Cabinet Roche")


@pytest.fixture
async def provider(stage, firm, directory):
    return await provider_of(stage, firm, directory)


def statements() -> float:
    return sum(STATEMENTS.labels(origin)._value.get() for origin in ("request", "background"))


async def account_of(stage, provider, directory) -> Account:
    query = text("SELECT account_id FROM sso_identities WHERE provider_id = :provider AND subject = :subject")
    async with stage.unit() as unit:
        found = await unit.scalar(query, {"provider": provider.id, "subject": directory.person["sub"]})
        return await unit.get(Account, found)


async def identities(stage, provider) -> int:
    async with stage.unit() as unit:
        query = text("SELECT count(*) FROM sso_identities WHERE provider_id = :provider")
        return await unit.scalar(query, {"provider": provider.id})


async def verified(stage, firm, domain: str) -> None:
    await stage.run(
        "INSERT INTO sso_domains (id, organisation_id, organisation_slug, domain, state, method, token, check_problem,"
        " created_at) VALUES (:id, :firm, 'roche', :domain, 'verified', 'dns', 't', '', now())",
        id=uuid7(), firm=firm.id, domain=domain,
    )  # fmt: skip


async def member(stage, firm, directory) -> Account:
    """Somebody of the firm who signs in with an account of their own, of the address that the directory says."""
    person = await stage.person(mail=directory.person["email"])
    stage.town.memberships[person.id, firm.id] = Membership(uuid7(), "staff", person.id, uuid7())
    return person


async def step_at(stage, browser, organisation) -> Step | None:
    """What an organisation's door asks of whoever is signed in in a browser."""
    async with stage.unit() as unit:
        who = await sessions.signed_in(unit, browser.http.cookies[stage.site.cookies.session])
        return await demands.step_at(unit, stage.town, organisation, who)


async def test_whoever_comes_for_the_first_time_has_an_account_of_the_firm(stage, firm, provider, directory):
    browser = stage.browser()

    answer = await sign_in(browser, provider, directory)

    account = await account_of(stage, provider, directory)
    assert (answer.status_code, answer.headers["location"]) == (303, "/o/roche")
    assert (account.kind, account.state, account.directory) == (AccountKind.MANAGED, AccountState.ACTIVE, True)
    assert (account.organisation_id, account.identifier) == (firm.id, directory.person["email"])
    organisation_id, person = stage.town.settled[-1]
    assert (organisation_id, list(person.groups), person.active) == (firm.id, ["Paie", "Associés"], True)


async def test_whoever_comes_again_has_the_account_of_before_whatever_their_address_is(stage, provider, directory):
    await sign_in(stage.browser(), provider, directory)
    first = await account_of(stage, provider, directory)
    directory.person |= {"email": f"{uuid7()}@cabinet.example", "family_name": "Roche-Morel"}

    await sign_in(stage.browser(), provider, directory)

    then = await account_of(stage, provider, directory)
    assert then.id == first.id
    assert (then.mail, then.family_name) == (directory.person["email"], "Roche-Morel")


async def test_the_same_address_of_another_subject_is_another_person(stage, provider, directory):
    await sign_in(stage.browser(), provider, directory)
    first = await account_of(stage, provider, directory)
    directory.person["sub"] = "who-came-later"

    await sign_in(stage.browser(), provider, directory)

    then = await account_of(stage, provider, directory)
    assert then.id != first.id
    assert then.identifier == f"{first.identifier}~2"


async def test_no_password_opens_an_account_of_a_directory_and_none_can_be_set(stage, firm, provider, directory):
    await sign_in(stage.browser(), provider, directory)
    account, browser = await account_of(stage, provider, directory), stage.browser()
    before = await stage.events("PasswordResetRequested")
    async with stage.unit() as unit:
        link = new_link(
            unit, stage.ring.link_secret, uuid7(), Purpose.RESET, account.id, organisation_id=firm.id,
            organisation_slug=firm.slug,
        )  # fmt: skip
        await account_store.insert_link(unit, link)
        await account_store.set_password_hash(unit, account.id, await stage.hasher.hash(PASSWORD))

    asked = await browser.submit("/reset?organisation=roche", identifier=account.identifier)
    opened = await browser.get(f"/reset/{token_of(stage.ring.link_secret, link.id, Purpose.RESET)}")
    typed = await browser.sign_in(account.identifier, at="/login/roche")

    told = [PasswordResetRequested.FromString(each) for each in await stage.events("PasswordResetRequested")]
    assert asked.status_code == 200
    assert [(each.link_id, each.door) for each in told[len(before) :]] == [("", "roche")]
    assert (opened.status_code, typed.status_code) == (410, 422)


async def test_the_page_that_somebody_was_going_to_opens(stage, provider, directory):
    answer = await sign_in(stage.browser(), provider, directory, next="/links")

    assert answer.headers["location"] == "/links"


async def test_nobody_is_led_elsewhere(stage, provider, directory):
    answer = await sign_in(stage.browser(), provider, directory, next="https://attacker.example/")

    assert answer.headers["location"] == "/o/roche"


async def refused(stage, provider, response, check: str) -> bool:
    """Whether a page says so, and the firm's trail too."""
    query = text("SELECT details->>'check' FROM audit WHERE act = 'sso.refused' ORDER BY id DESC LIMIT 1")
    async with stage.unit(provider.organisation_id) as unit:
        said = response.status_code, f"<code>{check}</code>" in response.text, await unit.scalar(query)
    assert said == (status_of(check), True, check)
    return True


async def test_an_answer_in_another_browser_signs_nobody_in(stage, provider, directory):
    victim, attacker = stage.browser(), stage.browser()
    await leave(victim, provider)
    answer = directory.sign_in(await leave(attacker, provider))

    assert await refused(stage, provider, await come_back(victim, provider, answer), "browser_differs")
    assert (await come_back(attacker, provider, answer)).status_code == 303


async def test_an_answer_counts_once(stage, provider, directory):
    browser = stage.browser()
    answer = directory.sign_in(await leave(browser, provider))

    assert (await come_back(browser, provider, answer)).status_code == 303
    assert await refused(stage, provider, await come_back(browser, provider, answer), "attempt_used")


async def test_of_five_answers_at_once_one_counts(stage, provider, directory):
    browser = stage.browser()
    answer = directory.sign_in(await leave(browser, provider))

    answers = await asyncio.gather(*(come_back(browser, provider, answer) for _ in range(5)))

    assert sorted(each.status_code for each in answers) == [303, 410, 410, 410, 410]


async def test_whoever_comes_again_costs_few_statements(stage, provider, directory):
    await sign_in(stage.browser(), provider, directory)
    before = statements()

    await sign_in(stage.browser(), provider, directory)

    assert statements() - before <= MOST_STATEMENTS


async def test_an_answer_that_nobody_asked_for_is_refused(stage, provider, directory):
    browser = stage.browser()
    answer = directory.sign_in(await leave(browser, provider), state="A" * 43)

    assert await refused(stage, provider, await come_back(browser, provider, answer), "attempt_unknown")


async def test_an_answer_at_the_address_of_another_provider_is_refused(stage, firm, provider, directory):
    other = await provider_of(stage, firm, directory)
    browser = stage.browser()
    answer = directory.sign_in(await leave(browser, provider))

    assert await refused(stage, other, await come_back(browser, other, answer), "provider_differs")
    assert (await come_back(browser, provider, answer)).status_code == 303


async def test_an_answer_after_ten_minutes_is_refused(stage, provider, directory):
    browser = stage.browser()
    answer = directory.sign_in(await leave(browser, provider))
    await stage.run("UPDATE sso_attempts SET expires_at = now()")

    assert await refused(stage, provider, await come_back(browser, provider, answer), "attempt_expired")


async def notices(stage, firm) -> list[tuple[str, str]]:
    """What the administrators of a firm were told: the check, and what came before it since they last were."""
    query = (
        "SELECT payload FROM outbox WHERE subject LIKE '%NoticeForAdministrators' AND organisation_id = $1 ORDER BY id"
    )
    async with stage.unit(firm.id) as unit:
        rows = await unit.fetch(query, firm.id)
    told = [NoticeForAdministrators.FromString(row["payload"]) for row in rows]
    assert {each.kind for each in told} <= {"sign_in_suspicious"}
    return [(each.values["check"], each.values["since"]) for each in told]


async def an_hour_passes(stage, firm) -> None:
    query = "UPDATE sso_warnings SET told_at = told_at - interval '1 hour' WHERE organisation_id = :id"
    await stage.run(query, id=firm.id)


@pytest.fixture
async def alerted(stage, directory):
    """A firm that is sent answers that were altered."""
    firm = stage.town.found(f"alerte-{uuid7().hex[-8:]}", "Cabinet Alerte")
    provider = await provider_of(stage, firm, directory)

    async def altered(times=1, **claims):
        directory.claims = lambda said: said.update(claims)
        for _ in range(times):
            await sign_in(stage.browser(), provider, directory)
        directory.claims = lambda _: None

    return firm, provider, altered


async def test_administrators_hear_of_an_attack_once_an_hour_and_of_trouble_never(stage, directory, alerted):
    firm, provider, altered = alerted
    await altered(2, nonce="another")
    directory.given = {"id_token": None}
    await sign_in(stage.browser(), provider, directory)

    assert await notices(stage, firm) == [("nonce_wrong", "")]


async def test_what_came_within_the_hour_is_said_in_the_next_mail(stage, alerted):
    firm, _, altered = alerted
    await altered(4, nonce="another")
    await altered(aud="another")
    assert not await warnings.tell_rest(stage.database)
    await an_hour_passes(stage, firm)
    await altered(iss="https://intrus.test")
    await altered(nonce="another")

    told = [("nonce_wrong", ""), ("issuer_wrong", "nonce_wrong 3,audience_wrong 1")]
    assert await notices(stage, firm) == told
    await an_hour_passes(stage, firm)
    assert await warnings.tell_rest(stage.database)
    assert await notices(stage, firm) == [*told, ("nonce_wrong", "")]
    assert not await warnings.tell_rest(stage.database)


async def test_a_code_of_another_sign_in_is_worth_nothing(stage, provider, directory):
    browser, attacker = stage.browser(), stage.browser()
    stolen = directory.sign_in(await leave(attacker, provider))["code"]
    answer = directory.sign_in(await leave(browser, provider), code=stolen)

    assert await refused(stage, provider, await come_back(browser, provider, answer), "code_refused")


async def test_what_is_said_twice_is_said_by_nobody(stage, provider, directory):
    browser = stage.browser()
    answer = directory.sign_in(await leave(browser, provider))

    response = await browser.get(f"/sso/{provider.id}/callback", params=[*answer.items(), ("state", answer["state"])])

    assert response.status_code == 400


async def test_the_address_of_an_account_elsewhere_is_refused_and_nothing_is_made(stage, provider, directory):
    person = await stage.person(mail=directory.person["email"])
    before = await identities(stage, provider)

    response = await sign_in(stage.browser(), provider, directory)

    assert await refused(stage, provider, response, "address_of_another_account")
    assert (await identities(stage, provider), person.state) == (before, AccountState.ACTIVE)


async def test_the_address_of_an_account_of_another_firm_is_refused(stage, provider, directory):
    other = stage.town.found("morel", "Cabinet Morel")
    client = await stage.client_of(other, f"C-{uuid7()}")
    directory.person["email"] = client.mail

    assert await refused(
        stage, provider, await sign_in(stage.browser(), provider, directory), "address_of_another_account"
    )


async def test_in_its_own_domain_a_firm_has_accounts_beside_those_of_others(stage, firm, provider, directory):
    domain = f"{uuid7()}.example"
    directory.person["email"] = f"anne@{domain}"
    person = await stage.person(mail=directory.person["email"])
    await verified(stage, firm, domain)

    response = await sign_in(stage.browser(), provider, directory)

    account = await account_of(stage, provider, directory)
    assert response.status_code == 303
    assert (account.id == person.id, account.kind) == (False, AccountKind.MANAGED)


async def test_a_member_with_that_address_is_not_linked_without_proof(stage, firm, provider, directory):
    person = await stage.person(mail=directory.person["email"])
    stage.town.memberships[person.id, firm.id] = Membership(uuid7(), "staff")
    before = await identities(stage, provider)

    response = await sign_in(stage.browser(), provider, directory)

    assert response.headers["location"].startswith("/sso/link/")
    assert await identities(stage, provider) == before


async def test_somebody_whom_the_firm_gives_nothing_is_told_so(stage, provider, directory):
    stage.town.closed = "no_profile"

    response = await sign_in(stage.browser(), provider, directory)

    assert await refused(stage, provider, response, "no_access_no_profile")
    assert "Votre cabinet ne vous a pas encore ouvert d'accès" in read(response)


async def test_a_closed_account_stays_closed(stage, provider, directory):
    await sign_in(stage.browser(), provider, directory)
    account = await account_of(stage, provider, directory)
    await stage.run("UPDATE accounts SET state = 'disabled' WHERE id = :id", id=account.id)

    assert await refused(stage, provider, await sign_in(stage.browser(), provider, directory), "account_closed")


async def test_a_provider_that_is_off_signs_nobody_in(stage, provider, directory):
    browser = stage.browser()
    answer = directory.sign_in(await leave(browser, provider))
    await stage.run("UPDATE sso_providers SET state = 'off' WHERE id = :id", id=provider.id)

    assert await refused(stage, provider, await come_back(browser, provider, answer), "provider_not_live")
    assert (await browser.get(f"/sso/{provider.id}/start")).status_code == 403


async def test_a_member_who_proves_their_account_is_linked_and_stays_who_they_are(stage, firm, provider, directory):
    person, browser = await member(stage, firm, directory), stage.browser()
    here = (await sign_in(browser, provider, directory)).headers["location"]

    proven = await browser.submit(here, password=PASSWORD)
    linked = await browser.submit(here)
    again = await sign_in(stage.browser(), provider, directory)

    assert (proven.headers["location"], linked.headers["location"]) == (here, "/o/roche")
    assert (await account_of(stage, provider, directory)).id == person.id
    assert again.headers["location"] == "/o/roche"


async def test_a_wrong_password_links_nothing(stage, firm, provider, directory):
    await stage.forget_failures()
    await member(stage, firm, directory)
    browser, before = stage.browser(), await identities(stage, provider)
    here = (await sign_in(browser, provider, directory)).headers["location"]

    answer = await browser.submit(here, password="not-this-one")

    assert answer.status_code == 422
    assert await identities(stage, provider) == before


async def test_nobody_else_proves_it_nor_in_another_browser(stage, firm, provider, directory):
    await member(stage, firm, directory)
    other, browser, elsewhere = await stage.person(), stage.browser(), stage.browser()
    await browser.sign_in(other.mail)
    here = (await sign_in(browser, provider, directory)).headers["location"]

    page = await browser.submit(here)  # signed in, as somebody else

    assert page.status_code == 422
    assert await refused(stage, provider, await elsewhere.get(here), "browser_differs")


async def test_a_provider_opens_its_own_firm_and_nothing_that_a_person_has_elsewhere(stage, firm, provider, directory):
    person, browser = await member(stage, firm, directory), stage.browser()
    here = (await sign_in(browser, provider, directory)).headers["location"]
    await browser.submit(here, password=PASSWORD)
    await browser.submit(here)
    other = stage.town.found("ailleurs", "Ailleurs")
    stage.town.memberships[person.id, other.id] = Membership(uuid7(), "staff", person.id, uuid7())
    vouched = stage.browser()
    await sign_in(vouched, provider, directory)

    assert await step_at(stage, vouched, firm) is None
    assert await step_at(stage, vouched, other) is Step.OWN
    assert await step_at(stage, browser, other) is None


async def test_an_application_of_nobody_knows_nobody_by_a_firms_word(stage, firm, provider, directory):
    await member(stage, firm, directory)
    browser, vouched = stage.browser(), stage.browser()
    here = (await sign_in(browser, provider, directory)).headers["location"]
    await browser.submit(here, password=PASSWORD)
    await browser.submit(here)
    await sign_in(vouched, provider, directory)
    flow = Flow(*await stage.relying_party(consent_required=True))

    asked, own = [await flow.authorize(each) for each in (vouched, browser)]
    silent = await flow.authorize(vouched, prompt="none")

    assert asked.headers["location"].startswith("/login?next=")
    assert own.status_code == 200  # the question whether it may know them
    assert answer_of(silent)["error"] == "login_required"


async def test_somebody_of_the_directory_proves_it_again_there(stage, provider, directory):
    browser = stage.browser()
    await sign_in(browser, provider, directory)
    left = await browser.get("/sso/step-up", params={"next": "/password"})

    answer = await come_back(browser, provider, directory.sign_in(left.headers["location"]))

    assert directory.asked[-1]["prompt"] == "login"
    assert answer.headers["location"] == "/password"


async def test_proving_it_again_as_somebody_else_proves_nothing(stage, provider, directory):
    browser = stage.browser()
    await sign_in(browser, provider, directory)
    left = await browser.get("/sso/step-up", params={"next": "/password"})
    directory.person["sub"] = "somebody-else"

    answer = await come_back(browser, provider, directory.sign_in(left.headers["location"]))

    assert await refused(stage, provider, answer, "somebody_else")


@pytest.mark.parametrize(("accepts", "acr"), [(True, "2"), (False, "1")])
async def test_two_factors_at_the_provider_count_where_the_firm_says_so(stage, firm, directory, accepts, acr):
    provider = await provider_of(stage, firm, directory, accepts_amr=accepts)
    directory.amr = ["pwd", "otp"]
    browser = stage.browser()

    await sign_in(browser, provider, directory)

    async with stage.unit() as unit:
        who = await sessions.signed_in(unit, browser.http.cookies[stage.site.cookies.session])
    assert who.session.acr == acr


async def scim_user(stage, firm, *, external_id: str, user_name: str) -> Account:
    """Somebody whom the firm's directory made over SCIM."""
    client = await stage.client_of(firm, f"s-{uuid7()}")
    async with stage.unit(firm.id) as unit:
        user = ScimUser(
            organisation_id=firm.id, account_id=client.id, user_name=user_name, user_name_key=user_name,
            external_id=external_id, version=1, created_at=unit.now, changed_at=unit.now,
        )  # fmt: skip
        unit.add(user)
    return client


async def test_whom_the_directory_made_over_scim_is_met_by_its_identifier(stage, firm, provider, directory):
    made = await scim_user(stage, firm, external_id=directory.person["sub"], user_name="x")

    await sign_in(stage.browser(), provider, directory)

    assert (await account_of(stage, provider, directory)).id == made.id


async def test_the_object_id_of_entra_counts_before_the_subject(stage, firm, provider, directory):
    directory.claims = lambda said: said.update(oid="object-1")
    made = await scim_user(stage, firm, external_id="object-1", user_name="y")

    await sign_in(stage.browser(), provider, directory)

    assert (await account_of(stage, provider, directory)).id == made.id


@pytest.mark.parametrize("own", [True, False])
async def test_a_user_name_counts_in_a_domain_of_the_firm_only(stage, firm, provider, directory, own):
    domain = f"{uuid7()}.example"
    directory.person["email"] = directory.person["preferred_username"] = f"anne@{domain}"
    made = await scim_user(stage, firm, external_id="", user_name=f"anne@{domain}")
    if own:
        await verified(stage, firm, domain)

    await sign_in(stage.browser(), provider, directory)

    assert ((await account_of(stage, provider, directory)).id == made.id) is own


async def test_a_user_name_of_somebody_whom_a_provider_knows_is_nobody_elses(stage, firm, provider, directory):
    domain = f"{uuid7()}.example"
    directory.person["email"] = f"anne@{domain}"
    await verified(stage, firm, domain)
    made = await scim_user(stage, firm, external_id="", user_name=f"anne@{domain}")
    await sign_in(stage.browser(), provider, directory)
    directory.person["sub"] = "who-came-later"

    await sign_in(stage.browser(), provider, directory)

    assert (await account_of(stage, provider, directory)).id != made.id


async def test_two_who_come_at_once_are_one_person(stage, provider, directory):
    browsers = [stage.browser() for _ in range(4)]
    answers = [directory.sign_in(await leave(each, provider)) for each in browsers]

    done = await asyncio.gather(
        *(come_back(browser, provider, answer) for browser, answer in zip(browsers, answers, strict=True))
    )

    assert [each.status_code for each in done] == [303] * 4
    assert await identities(stage, provider) == 1
