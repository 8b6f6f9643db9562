"""Keys of tokens are replaced without anybody noticing: published first, signing later, known for a while after."""

import asyncio
import json
from datetime import timedelta

import pytest
from identity_stage import PUBLIC_URL, Flow, answer_of, claims_of, make_stage
from joserfc import jws, jwt
from joserfc.jwk import KeySet
from sqlalchemy import text

from parvis.identity.v1 import identity_pb2 as pb
from parvis_identity.rpc import SessionRpc
from parvis_identity.service import rotation
from parvis_identity.service.keys import ALGORITHMS, INTERNAL, OPENID, OVERLAP, READ_EVERY, KeyRing, recognised
from parvis_identity.service.sealing import Seal
from parvis_kit.testing import eventually, running

pytestmark = pytest.mark.usefixtures("nobody_failed_before", "fresh_keys")


@pytest.fixture(scope="module")
async def person(stage):
    return await stage.person(mail="rotation@cabinet.example")


@pytest.fixture
async def browser(stage, person):
    browser = stage.browser()
    await browser.sign_in(person.mail)
    return browser


@pytest.fixture
async def fresh_keys(stage):
    """Each test begins with keys that have just been made."""
    await stage.run("DELETE FROM signing_keys WHERE purpose IN ('internal', 'openid')")
    await read_again(stage)


async def read_again(stage, *, later: timedelta = timedelta(0)) -> None:
    """The keys as a process reads them `later`."""
    async with stage.unit() as unit:
        unit.now += later
        await stage.ring.load(unit)


async def rotate(stage, **how) -> list[str]:
    async with stage.unit() as unit:
        made = await rotation.rotate(unit, stage.ring, **how)
    await read_again(stage)
    return [key.id for key in made]


async def published(browser) -> set[str]:
    answer = await browser.get("/oauth2/jwks")
    return {key["kid"] for key in answer.json()["keys"]}


def kid_of(token: str) -> str:
    return jws.extract_compact(token.encode()).headers()["kid"]


async def test_a_new_key_is_published_before_it_signs(stage, browser):
    before = await published(browser)
    party = await stage.relying_party()
    made = await rotate(stage)

    flow = Flow(*party)
    tokens = (await flow.exchange(browser, await flow.code(browser))).json()

    assert before < await published(browser)
    assert len(set(made) & await published(browser)) == len(ALGORITHMS)
    assert kid_of(tokens["id_token"]) in before


async def test_a_process_whose_clock_is_behind_signs_with_the_first_keys(stage, browser):
    await read_again(stage, later=-timedelta(minutes=10))
    flow = Flow(*await stage.relying_party())
    tokens = (await flow.exchange(browser, await flow.code(browser))).json()
    assert kid_of(tokens["id_token"]) in await published(browser)
    assert stage.ring.signing(INTERNAL, "ES256")


async def test_when_its_time_has_come_the_new_key_signs_and_the_old_one_still_verifies(stage, browser):
    flow = Flow(*await stage.relying_party())
    old = (await flow.exchange(browser, await flow.code(browser))).json()
    made = await rotate(stage)
    await read_again(stage, later=rotation.AHEAD + timedelta(seconds=1))

    new = (await flow.exchange(browser, await flow.code(browser))).json()
    keys = KeySet.import_key_set((await browser.get("/oauth2/jwks")).json())
    seen = await browser.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {old['access_token']}"})

    assert kid_of(new["id_token"]) in made
    assert kid_of(old["id_token"]) not in made
    assert jwt.decode(old["id_token"], keys).claims["iss"] == PUBLIC_URL
    assert seen.status_code == 200


async def test_the_old_key_leaves_when_nothing_that_it_signed_counts(stage, browser):
    before = await published(browser)
    await rotate(stage)

    await read_again(stage, later=rotation.AHEAD + OVERLAP - timedelta(minutes=1))
    assert before < await published(browser)
    await read_again(stage, later=rotation.AHEAD + OVERLAP + timedelta(minutes=1))
    assert not before & await published(browser)


async def test_a_sign_out_is_recognised_by_an_id_token_as_old_as_the_session(stage, browser):
    flow = Flow(*await stage.relying_party())
    tokens = (await flow.exchange(browser, await flow.code(browser))).json()
    await rotate(stage)

    await read_again(stage, later=rotation.AHEAD + recognised() - timedelta(minutes=1))
    answer = await browser.get("/oauth2/logout", params={"id_token_hint": tokens["id_token"]})

    assert (answer.status_code, answer.headers["location"]) == (303, "/signed-out")


async def test_keys_that_wait_for_their_time_are_not_replaced_again(stage, browser):
    await rotate(stage)
    there = await published(browser)

    assert await rotate(stage) == []
    assert await published(browser) == there


async def test_of_two_that_rotate_at_once_one_makes_keys(stage):
    made = await asyncio.gather(rotate(stage), rotate(stage))

    assert sorted(map(len, made)) == [0, len(ALGORITHMS) + 1]


async def test_by_schedule_a_key_is_replaced_when_it_has_signed_long_enough(stage):
    lifetime = timedelta(days=90)

    async def due(days: int) -> int:
        async with stage.unit() as unit:
            unit.now += timedelta(days=days)
            return len(await rotation.rotate_due(unit, stage.ring, lifetime))

    assert await due(88) == 0
    assert await due(89) == len(ALGORITHMS) + 1
    assert await due(90) == 0


async def test_without_a_lifetime_nothing_is_rotated_by_schedule(stage):
    async with stage.unit() as unit:
        unit.now += timedelta(days=9999)
        assert await rotation.rotate_due(unit, stage.ring, timedelta(0)) == []


async def test_every_process_signs_with_the_same_key_after_the_shortest_time(stage, database):
    other = await make_stage(database)
    await rotate(stage, ahead=timedelta(0))
    for each in (stage, other):
        await read_again(each, later=rotation.SOONEST + timedelta(seconds=1))

    assert stage.ring.signing("openid", "ES256").thumbprint() == other.ring.signing("openid", "ES256").thumbprint()


async def test_nothing_counts_that_a_leaked_key_signed(stage, browser):
    flow = Flow(*await stage.relying_party())
    tokens = (await flow.exchange(browser, await flow.code(browser))).json()
    before = await published(browser)

    async with stage.unit() as unit:
        await rotation.distrust(unit, stage.ring)
    await read_again(stage)
    seen = await browser.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})

    assert not before & await published(browser)
    assert seen.status_code == 401
    assert claims_of((await flow.refresh(browser, tokens["refresh_token"])).json()["id_token"])["iss"] == PUBLIC_URL
    assert answer_of(await flow.authorize(browser))["code"]


async def test_internal_keys_are_rotated_too_and_told_to_services_first(stage):
    def kids() -> list[str]:
        return [key["kid"] for key in json.loads(stage.ring.internal_keys())["keys"]]

    signing = stage.ring.signing("internal", "ES256").thumbprint()
    await rotate(stage)

    assert len(kids()) == 2
    assert stage.ring.signing("internal", "ES256").thumbprint() == signing


async def test_the_key_set_is_kept_no_longer_than_a_key_is_published_ahead(browser):
    answer = await browser.get("/oauth2/jwks")

    kept = dict(part.strip().partition("=")[::2] for part in answer.headers["cache-control"].split(","))
    assert timedelta(seconds=int(kept["max-age"])) + READ_EVERY < rotation.SOONEST < rotation.AHEAD
    assert timedelta(seconds=int(kept["max-age"])) < OVERLAP


async def test_an_operator_rotates_by_command(stage, database, monkeypatch):
    from parvis_identity import commands

    arguments = commands.argparse.Namespace(soon=True, distrust=False)
    settings = stage.settings.model_copy(update={"database_url": type(stage.settings.database_url)(database.url.url)})

    assert await commands.rotate_keys(settings, arguments) == 0
    async with stage.unit() as unit:
        coming = await unit.scalar(text("SELECT count(*) FROM signing_keys WHERE signs_from > now()"))
    assert coming == len(ALGORITHMS) + 1
    assert await stage.audited("key.rotated") >= len(ALGORITHMS) + 1


async def test_a_process_that_did_not_change_the_keys_knows_of_it_soon(stage, database, monkeypatch):
    monkeypatch.setattr(rotation, "LOOK_EVERY", timedelta(milliseconds=20))
    elsewhere = KeyRing(Seal(stage.settings.key_encryption_keys.get_secret_value()))
    async with stage.unit() as unit:
        await elsewhere.load(unit)
    async with running(lambda: rotation.follow(database, elsewhere)):
        async with stage.unit() as unit:
            made = await rotation.distrust(unit, stage.ring)

        async def replaced() -> bool:
            return {key["kid"] for key in elsewhere.jwks(OPENID)["keys"]} <= {key.id for key in made}

        await eventually(replaced)
    await read_again(stage)


@pytest.mark.parametrize(("of_products", "purpose"), [(False, INTERNAL), (True, OPENID)])
async def test_services_get_the_keys_of_their_audience_and_of_what_products_get(stage, of_products, purpose):
    rpc = SessionRpc(stage.exchange, stage.ring, gateway="web")
    async with stage.unit() as unit:
        told = await rpc.ListSigningKeys(unit, pb.ListSigningKeysRequest(of_products=of_products))

    assert json.loads(told.jwks_json) == stage.ring.jwks(purpose)
