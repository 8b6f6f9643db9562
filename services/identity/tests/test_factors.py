"""One's own second factors: the pages that add, name and remove them."""

import base64
import re

import pytest
from factor_parts import Device, add_application, add_passkey, codes_of, given_password, is_signed_in, with_application
from identity_stage import ENCRYPTION_KEY, PASSWORD, read

from parvis.identity.v1 import events_pb2
from parvis_identity.service import sessions
from parvis_identity.service.sealing import Seal
from parvis_identity.service.second_factor import reseal, seed_label

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


async def signed_in(stage):
    owner, browser = await stage.person(), stage.browser()
    await browser.sign_in(owner.mail)
    return owner, browser


async def grow_old(stage, owner):
    await stage.run(
        "UPDATE sessions SET proof_at = proof_at - interval '11 minutes' WHERE account_id = :id", id=owner.id
    )


async def factor_page(browser):
    return re.search(r'href="(/factors/[0-9a-f-]{36})"', (await browser.get("/factors")).text)[1]


async def test_without_a_factor_the_page_says_so(stage):
    _, browser = await signed_in(stage)

    assert "Vous vous connectez avec votre seul mot de passe :" in read(await browser.get("/factors"))


async def test_whoever_adds_one_is_asked_at_every_sign_in_and_told(stage):
    owner, browser = await signed_in(stage)
    application, answer = await add_application(browser)

    assert len(codes_of(answer)) == 10
    assert application.seed
    await given_password(stage, owner)
    told = [events_pb2.FactorsChanged.FromString(each) for each in await stage.events("FactorsChanged")]
    assert [each.change for each in told if each.account_id == str(owner.id)] == [events_pb2.FACTORS_CHANGE_ADDED]


async def test_one_that_a_firm_asked_for_is_asked_at_its_door_only(stage):
    firm = stage.town.found("cabinet-porte", "Cabinet Porte")
    owner, browser = await signed_in(stage)
    _, answer = await add_application(
        browser, f"/factors/application?organisation={firm.slug}&next=%2Fo%2Fcabinet-porte"
    )

    assert 'href="/o/cabinet-porte"' in answer.text
    assert (await stage.browser().sign_in(owner.mail)).headers["location"] == "/"


async def test_a_second_one_brings_no_new_codes(stage):
    _, browser = await signed_in(stage)
    await add_application(browser)

    answer = await add_passkey(browser, Device())

    assert answer.headers["location"] == "/factors?done=added"


async def test_a_wrong_first_code_adds_nothing_and_keeps_the_picture(stage):
    owner, browser = await signed_in(stage)
    form = await browser.form("/factors/application")

    answer = await browser.send(form, code="000000", name="Mon téléphone")

    assert answer.status_code == 422
    assert "Mon téléphone" in answer.text
    assert not (await stage.second_factors.choices(owner)).factors


async def test_a_seed_of_another_session_adds_nothing(stage):
    owner, browser = await signed_in(stage)
    _, other = await signed_in(stage)
    theirs = (await other.form("/factors/application"))[1]["seed"]
    action, fields = await browser.form("/factors/application")

    answer = await browser.send((action, {**fields, "seed": theirs}), code="000000")

    assert answer.status_code == 422
    assert not (await stage.second_factors.choices(owner)).factors


@pytest.mark.parametrize("path", ["/factors/application", "/factors/passkey", "/factors/codes"])
async def test_what_changes_factors_asks_for_a_proof_that_is_not_old(stage, path):
    owner, browser = await signed_in(stage)
    await add_application(browser)
    await grow_old(stage, owner)

    answer = await browser.get(path)

    assert answer.headers["location"] == f"/step-up?next={path.replace('/', '%2F')}"


async def test_what_is_sent_without_the_page_asks_for_it_too(stage):
    owner, browser = await signed_in(stage)
    await add_application(browser)
    address = await factor_page(browser)
    form = await browser.form(address)
    await grow_old(stage, owner)

    answer = await browser.send(form, act="remove")

    assert answer.headers["location"].startswith("/step-up")
    assert (await stage.second_factors.choices(owner)).factors


async def test_a_password_proves_where_there_is_no_factor(stage):
    owner, browser = await signed_in(stage)
    await grow_old(stage, owner)

    wrong = await browser.submit("/step-up?next=%2Ffactors%2Fapplication", password="Faux-2026!")
    answer = await browser.submit("/step-up?next=%2Ffactors%2Fapplication", password=PASSWORD)

    assert wrong.status_code == 422
    assert answer.headers["location"] == "/factors/application"


async def test_a_password_does_not_prove_where_there_is_a_factor(stage):
    owner, browser = await signed_in(stage)
    application, _ = await add_application(browser)
    await grow_old(stage, owner)

    wrong = await browser.submit("/step-up?next=%2Fpassword", password=PASSWORD)
    answer = await browser.submit("/step-up?next=%2Fpassword", code=application.code())

    assert wrong.status_code == 422
    assert answer.headers["location"] == "/password"


@pytest.mark.parametrize("path", ["/password", "/address", "/links"])
async def test_pages_that_change_how_one_signs_in_ask_for_the_factor_first(stage, path):
    owner, browser = await signed_in(stage)
    await add_application(browser)
    await grow_old(stage, owner)

    answer = await browser.get(path)

    assert answer.headers["location"] == f"/step-up?next={path.replace('/', '%2F')}"


@pytest.mark.parametrize(
    "address",
    ["https://ailleurs.example/", "//ailleurs.example", "/o/../login", "/\\\\ailleurs.example", "/oauth2/token"],
)
async def test_nobody_is_led_elsewhere(stage, address):
    _, browser = await signed_in(stage)

    answer = await browser.get("/step-up", params={"next": address})

    assert answer.headers["location"] == "/account"


async def test_the_portal_is_led_back_to(stage):
    _, browser = await signed_in(stage)

    answer = await browser.get("/step-up", params={"next": "/o/cabinet-orsel/settings/profiles?tab=1"})

    assert answer.headers["location"] == "/o/cabinet-orsel/settings/profiles?tab=1"


async def test_another_session_gave_less_than_there_is_now(stage):
    owner, browser = await signed_in(stage)
    other = stage.browser()
    await other.sign_in(owner.mail)
    await add_application(browser)

    answer = await other.get("/factors/codes")

    assert answer.headers["location"].startswith("/step-up")


async def test_a_name_is_changed(stage):
    _, browser = await signed_in(stage)
    await add_application(browser)

    await browser.send(
        (await factor_page(browser), (await browser.form("/factors"))[1]), act="rename", name=" Mon\ntél "
    )

    assert "Mon tél" in read(await browser.get("/factors"))


async def test_the_last_one_says_what_it_means_and_takes_the_codes_along(stage):
    owner, browser = await signed_in(stage)
    _, answer = await add_application(browser)
    address = await factor_page(browser)
    shown = await browser.get(address)

    await browser.send((address, (await browser.form("/factors"))[1]), act="remove")

    assert "C'est votre dernier moyen de confirmation." in read(shown)
    assert (await stage.second_factors.choices(owner)).codes_left == 0
    assert codes_of(answer)
    assert await is_signed_in(browser)
    assert (await stage.browser().sign_in(owner.mail)).headers["location"] == "/"


async def test_nobody_removes_what_is_somebody_elses(stage):
    owner, browser = await signed_in(stage)
    await add_application(browser)
    address = await factor_page(browser)
    _, other = await signed_in(stage)

    await other.send((address, (await other.form("/links"))[1]), act="remove")

    assert (await stage.second_factors.choices(owner)).factors


async def test_new_codes_replace_the_old(stage):
    owner, browser = await signed_in(stage)
    _, answer = await add_application(browser)
    fresh = codes_of(await browser.submit("/factors/codes"))
    waiting = await given_password(stage, owner)

    old = await waiting.submit("/factor?with=recovery", recovery=codes_of(answer)[0])
    new = await waiting.submit("/factor?with=recovery", recovery=fresh[0])

    assert (old.status_code, new.status_code) == (422, 303)


async def test_whether_one_is_always_asked_is_ones_own_choice(stage):
    owner, application, _ = await with_application(stage)
    browser = await given_password(stage, owner)
    await browser.submit("/factor", code=application.code())
    csrf = (await browser.form("/factors"))[1]

    await browser.send(("/factors/always", csrf), always="0")
    signed = stage.browser()
    answer = await signed.sign_in(owner.mail)

    assert answer.headers["location"] == "/"
    async with stage.unit() as unit:
        session = (await sessions.signed_in(unit, signed.http.cookies[stage.site.cookies.session])).session
    assert (session.acr, session.proof_at) == ("1", sessions.NEVER)


async def test_ten_are_enough(stage):
    _, browser = await signed_in(stage)
    for _ in range(10):
        await add_passkey(browser, Device())

    answer = await add_passkey(browser, Device())

    assert "Vous avez déjà dix moyens de confirmation." in read(answer)


async def test_seeds_are_sealed(stage):
    owner, browser = await signed_in(stage)
    application, _ = await add_application(browser)

    async with stage.unit() as unit:
        [row] = await unit.fetch("SELECT sealed FROM factors WHERE account_id = $1", owner.id)

    assert application.seed not in row["sealed"]


async def test_seeds_outlive_the_encryption_key_that_sealed_them(stage):
    owner, application, _ = await with_application(stage)
    fresh = base64.b64encode(b"n" * 32).decode()
    await reseal(stage.database, Seal(f"{fresh},{ENCRYPTION_KEY}"), batch=1)

    [factor] = (await stage.second_factors.choices(owner)).factors

    try:
        assert Seal(fresh).open(factor.sealed, seed_label(owner.id)) == application.seed
    finally:
        await reseal(stage.database, Seal(f"{ENCRYPTION_KEY},{fresh}"))
