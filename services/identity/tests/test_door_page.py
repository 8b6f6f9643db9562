"""The page at the door of an organisation, and what else is asked before a product is opened."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from identity_stage import Flow, answer_of, claims_of, read
from test_devices_flow import Device, say, type_in
from test_door import Entrance
from test_token_exchange import swap

from parvis_identity.domain.client_metadata import DEVICE
from parvis_identity.models import FactorMode, SsoMode
from parvis_identity.service.token_exchange import EXCHANGE
from parvis_kit.ids import uuid7

pytestmark = pytest.mark.usefixtures("nobody_failed_before")
BACK = "/auth/proven?next=%2Fo%2Fdurand%2F"


@pytest.fixture
async def entrance(stage):
    person, browser = await stage.person(), stage.browser()
    await browser.sign_in(person.mail)
    return Entrance(stage, person, browser, "")


async def led_to(entrance, **query):
    """Where the door leads: path and parameters; the page itself is None."""
    answer = await entrance.browser.get(f"/door/{entrance.firm.id}", params={"next": BACK, **query})
    if answer.status_code == 200:
        return None
    parts = urlsplit(answer.headers["location"])
    return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}


def here(entrance):
    return f"/door/{entrance.firm.id}?next=%2Fauth%2Fproven%3Fnext%3D%252Fo%252Fdurand%252F"


async def test_an_open_door_leads_on(entrance):
    assert await led_to(entrance) == ("/auth/proven", {"next": "/o/durand/"})


async def test_a_door_leads_nowhere_else(entrance):
    answer = await entrance.browser.get(f"/door/{entrance.firm.id}?next=https://elsewhere.example/")
    assert answer.headers["location"] == f"/o/{entrance.firm.slug}"


async def test_whoever_is_not_signed_in_does_that_first_at_the_door_of_the_firm(entrance):
    answer = await entrance.stage.browser().get(f"/door/{entrance.firm.id}", params={"next": BACK})
    assert answer.headers["location"].startswith(f"/login/{entrance.firm.slug}?next=%2Fdoor%2F")


async def test_a_door_of_nobody_is_no_page(entrance):
    assert (await entrance.browser.get(f"/door/{uuid7()}")).status_code == 404


async def test_a_second_factor_is_asked_of_whoever_has_one_whatever_they_proved_before(entrance):
    await entrance.demand(factors=FactorMode.REQUIRED)
    await entrance.factor()
    assert await led_to(entrance) == ("/step-up", {"again": "1", "next": here(entrance)})


async def test_whoever_has_no_second_factor_chooses_one_for_the_firm(entrance):
    await entrance.demand(factors=FactorMode.REQUIRED)
    carried = {"organisation": entrance.firm.slug, "next": here(entrance)}
    assert await led_to(entrance) == ("/factors/enrol", carried)


async def test_the_one_provider_of_the_firm_is_gone_to_at_once(entrance):
    await entrance.demand(sso=SsoMode.ENFORCED)
    provider = await entrance.provider()
    await entrance.provider(state="off")
    assert await led_to(entrance) == (f"/sso/{provider.id}/start", {"next": here(entrance)})


async def test_of_several_providers_the_person_chooses(entrance):
    await entrance.demand(sso=SsoMode.ENFORCED)
    providers = [await entrance.provider(), await entrance.provider()]
    assert await led_to(entrance) is None
    page = await entrance.browser.get(f"/door/{entrance.firm.id}")
    assert all(f"/sso/{each.id}/start?next=" in page.text for each in providers)
    assert "/step-up" not in page.text


async def test_a_break_glass_account_may_come_either_way(entrance):
    provider = await entrance.provider()
    await entrance.demand(sso=SsoMode.ENFORCED, break_glass=[entrance.person.id])
    await entrance.factor()
    page = await entrance.browser.get(f"/door/{entrance.firm.id}")
    assert f"/sso/{provider.id}/start" in page.text
    assert "/step-up?again=1" in page.text


async def test_where_no_provider_is_in_service_it_is_said_who_can_help(entrance):
    await entrance.demand(sso=SsoMode.ENFORCED)
    page = await entrance.browser.get(f"/door/{entrance.firm.id}")
    assert "Adressez-vous à un administrateur" in read(page)
    assert "/organisations" in page.text


async def test_whoever_works_elsewhere_is_asked_nothing(entrance):
    await entrance.demand(factors=FactorMode.REQUIRED)
    del entrance.stage.town.memberships[entrance.person.id, entrance.firm.id]
    assert await led_to(entrance) == ("/auth/proven", {"next": "/o/durand/"})


# Products


@pytest.fixture
async def product(entrance):
    client, secret = await entrance.stage.relying_party(product_id=uuid7())
    entrance.stage.town.products[entrance.person.id, client.client_id] = [entrance.firm]
    return Flow(client, secret)


async def test_a_product_of_the_firm_is_opened_after_its_door(entrance, product):
    assert answer_of(await product.authorize(entrance.browser))["code"]
    await entrance.demand(factors=FactorMode.REQUIRED)
    answer = await product.authorize(entrance.browser)
    assert answer.headers["location"].startswith(f"/door/{entrance.firm.id}?next=%2Foauth2%2Fauthorize%3F")
    told = answer_of(await product.authorize(entrance.browser, prompt="none"))
    assert told["error"] == "interaction_required"
    await entrance.strengthened()
    again = await entrance.browser.get(parse_qs(urlsplit(answer.headers["location"]).query)["next"][0])
    assert answer_of(again)["code"]


async def test_a_product_of_another_firm_is_opened_at_once(entrance, product):
    await entrance.demand(factors=FactorMode.REQUIRED)
    entrance.stage.town.products[entrance.person.id, product.client.client_id] = [entrance.other]
    assert answer_of(await product.authorize(entrance.browser))["code"]


async def test_a_device_is_connected_after_the_door(entrance, stage):
    party = await stage.relying_party(product_id=uuid7(), grant_types=[DEVICE])
    stage.town.products[entrance.person.id, party[0].client_id] = [entrance.firm]
    await entrance.demand(factors=FactorMode.REQUIRED)
    device = Device(stage, *party)
    await device.begin()
    question = await type_in(entrance.browser, device.told["user_code"])
    answer = await say(entrance.browser, question, "yes")
    assert answer.headers["location"].startswith(f"/door/{entrance.firm.id}?next=%2Fdevice%3Fuser_code%3D")
    assert await device.state() == "authorization_pending"
    await entrance.strengthened()
    await say(entrance.browser, await type_in(entrance.browser, device.told["user_code"]), "yes")
    assert await device.state() == "tokens"


# How sure a client wants to be


def essential(*values):
    return json.dumps({"id_token": {"acr": {"essential": True, "values": list(values)}}})


@pytest.fixture
async def flow(stage):
    return Flow(*await stage.relying_party())


async def test_a_factor_that_a_client_must_have_is_asked_for_and_told(entrance, flow):
    flow.extra["claims"] = essential("2")
    answer = await flow.authorize(entrance.browser)
    assert answer.headers["location"].startswith("/factors/enrol?next=%2Foauth2%2Fauthorize%3F")
    await entrance.factor()
    answer = await flow.authorize(entrance.browser)
    assert answer.headers["location"].startswith("/step-up?again=1&next=%2Foauth2%2Fauthorize%3F")
    refused = answer_of(await flow.authorize(entrance.browser, prompt="none"))
    assert refused["error"] == "unmet_authentication_requirements"
    await entrance.strengthened()
    tokens = (await flow.exchange(entrance.browser, await flow.code(entrance.browser))).json()
    assert claims_of(tokens["id_token"])["acr"] == "2"


async def test_a_factor_that_a_client_would_like_is_asked_of_whoever_has_one(entrance, flow):
    assert answer_of(await flow.authorize(entrance.browser, acr_values="2 1"))["code"]
    await entrance.factor()
    answer = await flow.authorize(entrance.browser, acr_values="2 1")
    assert urlsplit(answer.headers["location"]).path == "/step-up"
    assert answer_of(await flow.authorize(entrance.browser, acr_values="1 2"))["code"]
    assert answer_of(await flow.authorize(entrance.browser, acr_values="2 1", prompt="none"))["code"]


async def test_a_client_s_own_wish_counts_when_it_asks_for_none(entrance, stage):
    await entrance.factor()
    flow = Flow(*await stage.relying_party(default_acr_values=["2"]))
    assert urlsplit((await flow.authorize(entrance.browser)).headers["location"]).path == "/step-up"
    assert answer_of(await flow.authorize(entrance.browser, acr_values="1"))["code"]


async def test_whoever_gave_two_factors_gave_the_one_that_is_asked_for(entrance, flow):
    await entrance.strengthened()
    flow.extra["claims"] = essential("1")
    tokens = (await flow.exchange(entrance.browser, await flow.code(entrance.browser))).json()
    assert claims_of(tokens["id_token"])["acr"] == "1"


async def test_a_strength_that_nobody_has_is_refused_at_once(entrance, flow):
    await entrance.factor()
    refused = answer_of(await flow.authorize(entrance.browser, claims=essential("9")))
    assert refused["error"] == "unmet_authentication_requirements"


async def test_a_password_is_asked_where_a_firm_s_provider_alone_vouched(entrance, flow, stage):
    await stage.run("UPDATE sessions SET acr = '0' WHERE account_id = :id", id=entrance.person.id)
    answer = await flow.authorize(entrance.browser, claims=essential("1"))
    assert urlsplit(answer.headers["location"]).path == "/step-up"
    stranger = Flow(*await stage.relying_party(consent_required=True))
    assert urlsplit((await stranger.authorize(entrance.browser)).headers["location"]).path == "/login"
    assert answer_of(await stranger.authorize(entrance.browser, prompt="none"))["error"] == "login_required"


# Products that were opened before a door closed


async def refused_at(answer):
    """What a client is told; whom it is for must sign in again."""
    told = answer.json()
    return answer.status_code, told.get("error"), "sign in again" in told.get("error_description", "")


async def test_a_product_is_refreshed_while_the_door_of_its_firm_is_open(entrance, product):
    tokens = (await product.exchange(entrance.browser, await product.code(entrance.browser))).json()
    tokens = (await product.refresh(entrance.browser, tokens["refresh_token"])).json()
    await entrance.demand(factors=FactorMode.REQUIRED)
    answer = await product.refresh(entrance.browser, tokens["refresh_token"])
    assert await refused_at(answer) == (400, "invalid_grant", True)
    assert "(enrol)" in answer.json()["error_description"]
    await entrance.strengthened()
    again = (await product.exchange(entrance.browser, await product.code(entrance.browser))).json()
    assert (await product.refresh(entrance.browser, again["refresh_token"])).status_code == 200


async def test_a_product_of_another_firm_is_refreshed_as_before(entrance, product):
    entrance.stage.town.products[entrance.person.id, product.client.client_id] = [entrance.other]
    tokens = (await product.exchange(entrance.browser, await product.code(entrance.browser))).json()
    await entrance.demand(factors=FactorMode.REQUIRED)
    assert (await product.refresh(entrance.browser, tokens["refresh_token"])).status_code == 200


async def test_the_door_costs_nothing_where_a_client_is_of_no_organisation(entrance, flow, monkeypatch):
    async def asked(*_):
        raise AssertionError

    monkeypatch.setattr("parvis_identity.service.door._demanded", asked)
    tokens = (await flow.exchange(entrance.browser, await flow.code(entrance.browser))).json()
    assert (await flow.refresh(entrance.browser, tokens["refresh_token"])).status_code == 200


async def test_a_device_stands_at_the_door_as_the_browser_did_and_is_refused_once_it_is_closed(entrance, stage):
    await entrance.demand(sso=SsoMode.ENFORCED)
    provider = await entrance.provider()
    await entrance.vouched(provider)
    party = await stage.relying_party(product_id=uuid7(), grant_types=[DEVICE, "refresh_token"])
    stage.town.products[entrance.person.id, party[0].client_id] = [entrance.firm]
    device = Device(stage, *party)
    await device.begin()
    await say(entrance.browser, await type_in(entrance.browser, device.told["user_code"]), "yes")
    tokens = (await device.poll()).json()
    flow = Flow(*party)
    fresh = (await flow.refresh(entrance.browser, tokens["refresh_token"])).json()["refresh_token"]
    await stage.run("UPDATE sso_providers SET state = 'off' WHERE id = :id", id=provider.id)
    assert await refused_at(await flow.refresh(entrance.browser, fresh)) == (400, "invalid_grant", True)


async def test_a_token_for_a_firm_whose_door_is_closed_is_not_exchanged(entrance, stage):
    archive = Flow(*await stage.relying_party(name="Archive"))
    party = await stage.relying_party(
        product_id=uuid7(), exchange_audiences=[archive.client.client_id], grant_types=["authorization_code", EXCHANGE]
    )
    payroll = Flow(*party)
    stage.town.products[entrance.person.id, party[0].client_id] = [entrance.firm]
    tokens = (await payroll.exchange(entrance.browser, await payroll.code(entrance.browser))).json()
    assert (await swap(entrance.browser, payroll, tokens["access_token"], archive)).status_code == 200
    await entrance.demand(factors=FactorMode.REQUIRED)
    answer = await swap(entrance.browser, payroll, tokens["access_token"], archive)
    assert await refused_at(answer) == (400, "invalid_grant", True)
