"""Devices that show a code (RFC 8628): what they are told, who may answer for them, and what they get."""

import asyncio
import re

import httpx
import pytest
from identity_stage import PUBLIC_URL, Browser, Flow, claims_of, read

from parvis_identity.domain import user_codes
from parvis_identity.domain.client_metadata import DEVICE
from parvis_kit.ids import uuid7

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


@pytest.fixture
async def person(stage):
    return await stage.person()


@pytest.fixture
async def browser(stage, person):
    browser = stage.browser()
    await browser.sign_in(person.mail)
    return browser


@pytest.fixture
async def device(stage):
    client, secret = await stage.relying_party(name="Poste de scan", grant_types=[DEVICE, "refresh_token"])
    return Device(stage, client, secret)


class Device:
    """A device, as the client that it runs."""

    def __init__(self, stage, client, secret) -> None:
        self.stage, self.client, self.secret = stage, client, secret
        self.http = Browser(stage).http
        self.told: dict = {}

    async def begin(self, **form: str) -> httpx.Response:
        auth = (self.client.client_id, self.secret)
        answer = await self.http.post(
            "/oauth2/device_authorization", data={"scope": "openid profile", **form}, auth=auth
        )
        self.told = answer.json()
        return answer

    async def poll(self, *, now: bool = True, code: str = "") -> httpx.Response:
        """Asks for tokens; `now`: as if it had waited as long as it must."""
        if now:
            await self.stage.run("UPDATE device_codes SET polled_at = polled_at - interval '1 hour'")
        form = {"grant_type": DEVICE, "device_code": code or self.told["device_code"]}
        return await self.http.post("/oauth2/token", data=form, auth=(self.client.client_id, self.secret))

    async def state(self, **how) -> str:
        answer = await self.poll(**how)
        return answer.json().get("error", "tokens")


async def type_in(browser: Browser, code: str) -> httpx.Response:
    return await browser.submit("/device", user_code=code)


async def say(browser: Browser, page: httpx.Response, answer: str) -> httpx.Response:
    """Presses a button of the question."""
    forms = re.findall(r"<form.*?</form>", page.text, re.DOTALL)
    form = next(each for each in forms if f'name="answer" value="{answer}"' in each)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    return await browser.http.post("/device", data=hidden, headers={"Origin": PUBLIC_URL})


async def test_a_device_is_told_what_to_show_and_where_people_go(browser, device):
    answer = await device.begin()

    told = device.told
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", told["user_code"])
    assert told["verification_uri"] == f"{PUBLIC_URL}/device"
    assert told["verification_uri_complete"] == f"{PUBLIC_URL}/device?user_code={told['user_code']}"
    assert (told["expires_in"], told["interval"]) == (600, 5)
    assert answer.headers["cache-control"] == "no-store"
    metadata = (await browser.get("/.well-known/openid-configuration")).json()
    assert metadata["device_authorization_endpoint"] == f"{PUBLIC_URL}/oauth2/device_authorization"
    assert DEVICE in metadata["grant_types_supported"]


async def test_a_person_types_the_code_agrees_and_the_device_gets_tokens(browser, device, person):
    await device.begin()
    waiting = await device.state()

    question = await type_in(browser, device.told["user_code"])
    done = await say(browser, question, "yes")
    tokens = (await device.poll()).json()

    assert waiting == "authorization_pending"
    assert "Connecter Poste de scan ?" in read(question)
    assert device.told["user_code"] in question.text
    assert "votre nom et votre langue" in read(question)
    assert "Poste de scan est connecté" in read(done)
    assert claims_of(tokens["id_token"])["sub"] == str(person.id)
    assert claims_of(tokens["id_token"])["amr"] == ["pwd"]
    assert (tokens["token_type"], tokens["scope"], bool(tokens["refresh_token"])) == ("Bearer", "openid profile", True)


async def test_who_is_not_signed_in_signs_in_first_and_finds_the_code_again(stage, device, person):
    await device.begin()
    stranger = stage.browser()

    asked = await stranger.get(device.told["verification_uri_complete"])
    signed_in = await stranger.sign_in(person.mail, at=asked.headers["location"])
    page = await stranger.get(signed_in.headers["location"])

    assert asked.headers["location"].startswith("/login?next=")
    assert f'value="{device.told["user_code"]}"' in page.text


async def test_an_address_with_the_code_still_asks(browser, device):
    await device.begin()

    await browser.get(device.told["verification_uri_complete"])

    assert await device.state() == "authorization_pending"


@pytest.mark.parametrize(
    "write", [str.lower, lambda code: code.replace("-", " "), lambda code: f" {code.replace('-', '')} "]
)
async def test_the_code_is_found_however_it_is_typed(browser, device, write):
    await device.begin()

    assert "Connecter Poste de scan ?" in read(await type_in(browser, write(device.told["user_code"])))


async def test_a_refusal_is_told_to_the_device(stage, browser, device):
    await device.begin()
    done = await say(browser, await type_in(browser, device.told["user_code"]), "no")

    assert "Poste de scan n'est pas connecté" in read(done)
    assert await device.state() == "access_denied"
    assert "Aucun appareil en attente" in read(await type_in(browser, device.told["user_code"]))
    assert await stage.audited("device.denied") >= 1


async def test_a_device_that_asks_too_often_must_wait_longer(stage, device):
    await device.begin()
    first, soon, sooner = await device.state(), await device.state(now=False), await device.state(now=False)

    rows = await _rows(stage, device)
    assert (first, soon, sooner) == ("authorization_pending", "slow_down", "slow_down")
    assert rows[0]["interval_seconds"] == 15


async def _rows(stage, device) -> list:
    async with stage.unit() as unit:
        return await unit.fetch("SELECT * FROM device_codes WHERE client_id = $1", device.client.client_id)


async def test_a_code_that_expired_is_worth_nothing_on_either_side(stage, browser, device):
    await device.begin()
    await stage.run("UPDATE device_codes SET expires_at = now() WHERE client_id = :c", c=device.client.client_id)

    assert await device.state() == "expired_token"
    assert "Aucun appareil en attente" in read(await type_in(browser, device.told["user_code"]))


async def test_tokens_are_given_once(browser, device):
    await device.begin()
    await say(browser, await type_in(browser, device.told["user_code"]), "yes")

    states = await asyncio.gather(*(device.state(now=False) for _ in range(4)))

    assert sorted(states) == ["invalid_grant"] * 3 + ["tokens"]


async def test_a_device_code_is_of_the_client_that_began(stage, browser, device):
    await device.begin()
    await say(browser, await type_in(browser, device.told["user_code"]), "yes")
    other = Device(stage, *await stage.relying_party(grant_types=[DEVICE]))

    assert await other.state(code=device.told["device_code"]) == "invalid_grant"
    assert await device.state() == "tokens"


async def test_the_device_has_a_session_of_its_own_that_the_person_can_end(stage, browser, device, person):
    flow = Flow(*await stage.relying_party())
    await device.begin()
    await say(browser, await type_in(browser, device.told["user_code"]), "yes")
    tokens = (await device.poll()).json()
    from parvis_identity.service import sessions

    await browser.submit("/oauth2/logout")
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    auth = (device.client.client_id, device.secret)
    after_sign_out = await device.http.post("/oauth2/token", data=form, auth=auth)
    async with stage.unit(account_id=person.id) as unit:
        mine = await sessions.list_mine(unit)
        await sessions.end_mine(unit, mine[0].id)
    form["refresh_token"] = after_sign_out.json()["refresh_token"]
    after_end = await device.http.post("/oauth2/token", data=form, auth=auth)

    assert (await flow.authorize(browser)).headers["location"].startswith("/login")
    assert after_sign_out.status_code == 200
    assert [each.device for each in mine] == ["Poste de scan"]
    assert after_end.json()["error"] == "invalid_grant"


async def test_of_two_people_who_type_one_code_one_answers(stage, browser, device):
    await device.begin()
    other = stage.browser()
    await other.sign_in((await stage.person()).mail)
    questions = [await type_in(each, device.told["user_code"]) for each in (browser, other)]

    answers = await asyncio.gather(*(say(*each, "yes") for each in zip((browser, other), questions, strict=True)))

    assert sorted(answer.status_code for answer in answers) == [200, 422]
    assert await device.state() == "tokens"


async def test_who_guesses_codes_waits_ever_longer_whatever_codes_of_their_own_they_type(stage, browser, device):
    await device.begin()
    for _ in range(user_codes.TRIES.free):
        await type_in(browser, "BBBB-BBBB")
    assert "Connecter Poste de scan ?" in read(await type_in(browser, device.told["user_code"]))

    waits = read(await type_in(browser, "BBBB-BBBB"))
    blocked = read(await type_in(browser, device.told["user_code"]))

    assert "Attendez 5 secondes" in waits
    assert "Aucun appareil en attente" in blocked
    assert await stage.audited("device.not_found") >= user_codes.TRIES.free


async def test_the_answer_is_counted_as_a_try_too(browser, device):
    """Else the question's form would be the place to guess."""
    await device.begin()
    question = await type_in(browser, device.told["user_code"])
    forged = question.text.replace(device.told["user_code"], "BBBB-BBBB")
    page = httpx.Response(200, text=forged)
    answers = [read(await say(browser, page, "yes")) for _ in range(user_codes.TRIES.free + 1)]

    assert "Attendez" not in answers[0]
    assert "Attendez" in answers[-1]


@pytest.mark.parametrize("code", ["", "   "])
async def test_an_empty_code_is_asked_for(browser, code):
    answer = await type_in(browser, code)

    assert answer.status_code == 422
    assert "Saisissez le code affiché par l'appareil." in read(answer)


@pytest.mark.parametrize("code", ["12345678", "AEIOUAEI", "BBBB", "é" * 8, "<b>", "B" * 500])
async def test_what_is_no_code_is_not_counted(browser, device, code):
    await device.begin()
    for _ in range(user_codes.TRIES.free + 2):
        assert (await type_in(browser, code)).status_code == 422

    assert "Connecter Poste de scan ?" in read(await type_in(browser, device.told["user_code"]))


async def test_an_answer_for_somebody_else_is_asked_again(stage, browser, device):
    await device.begin()
    question = await type_in(browser, device.told["user_code"])
    other = stage.browser()
    await other.sign_in((await stage.person()).mail)
    csrf = re.search(r'name="csrf" value="([^"]+)"', (await other.get("/device")).text)[1]
    taken = re.sub(r'name="csrf" value="[^"]+"', f'name="csrf" value="{csrf}"', question.text)

    answer = await say(other, httpx.Response(200, text=taken), "yes")

    assert answer.headers["location"].startswith("/login?next=")
    assert await device.state() == "authorization_pending"


async def test_another_site_cannot_answer(browser, device):
    await device.begin()
    form = {"user_code": device.told["user_code"], "answer": "yes", "csrf": "x" * 43}

    answer = await browser.http.post("/device", data=form, headers={"Origin": "https://attacker.example"})

    assert answer.status_code == 403
    assert await device.state() == "authorization_pending"


async def test_a_client_that_is_not_registered_for_it_cannot_begin(stage):
    device = Device(stage, *await stage.relying_party())

    assert (await device.begin()).json()["error"] == "unauthorized_client"


async def test_a_client_that_does_not_prove_itself_cannot_begin(device):
    device.secret = "wrong"

    answer = await device.begin()

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_a_public_client_may_begin(stage, browser, person):
    client, _ = await stage.relying_party(grant_types=[DEVICE], token_endpoint_auth_method="none", secret_digest=b"")
    http = browser.http
    me = {"client_id": client.client_id}
    told = (await http.post("/oauth2/device_authorization", data={**me, "scope": "openid"})).json()
    await say(browser, await type_in(browser, told["user_code"]), "yes")

    form = {**me, "grant_type": DEVICE, "device_code": told["device_code"]}
    tokens = (await http.post("/oauth2/token", data=form)).json()

    assert claims_of(tokens["id_token"])["sub"] == str(person.id)
    assert "refresh_token" not in tokens


async def test_a_scope_that_is_not_offered_is_refused(device):
    assert (await device.begin(scope="everything")).json()["error"] == "invalid_scope"


@pytest.mark.parametrize("code", ["x", "é"])
async def test_an_unknown_device_code_is_refused(device, code):
    await device.begin()

    assert await device.state(code=code) == "invalid_grant"


async def test_a_product_that_is_not_assigned_is_not_connected(stage, browser):
    party = await stage.relying_party(product_id=uuid7(), grant_types=[DEVICE])
    device = Device(stage, *party)
    await device.begin()

    answer = await say(browser, await type_in(browser, device.told["user_code"]), "yes")

    assert answer.status_code == 403
    assert await device.state() == "access_denied"


async def test_a_product_is_connected_for_its_organisation(stage, browser, person):
    party = await stage.relying_party(product_id=uuid7(), grant_types=[DEVICE])
    stage.town.products[person.id, party[0].client_id] = [stage.town.found("durand", "Cabinet Durand")]
    device = Device(stage, *party)
    await device.begin()
    await say(browser, await type_in(browser, device.told["user_code"]), "yes")

    assert claims_of((await device.poll()).json()["id_token"])["org_slug"] == "durand"


async def test_an_account_that_was_disabled_since_gives_the_device_nothing(stage, browser, device, person):
    from parvis_identity.service import sessions

    await device.begin()
    await say(browser, await type_in(browser, device.told["user_code"]), "yes")
    async with stage.unit() as unit:
        await sessions.disable_account(unit, person.id)

    assert await device.state() == "access_denied"


async def test_the_pages_speak_english_too(browser, device):
    await device.begin()
    page = await browser.get("/device", headers={"Accept-Language": "en"})

    assert "shows a code of eight letters" in page.text
