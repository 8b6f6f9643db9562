"""The second factor between the password and the session."""

import asyncio

import pytest
from factor_parts import (
    Device,
    add_passkey,
    codes_of,
    given_password,
    is_signed_in,
    options_of,
    with_application,
)
from identity_stage import PASSWORD, read

from parvis.identity.v1 import events_pb2
from parvis_identity.service import sessions
from parvis_identity.service.second_factor import forget

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


async def test_nobody_has_a_session_before_the_factor(stage):
    owner, _, _ = await with_application(stage)
    before = await _sessions(stage, owner)

    browser = await given_password(stage, owner)

    assert not await is_signed_in(browser)
    assert stage.site.cookies.session not in browser.http.cookies
    assert await _sessions(stage, owner) == before


async def test_the_code_of_the_application_signs_in(stage):
    owner, application, _ = await with_application(stage)
    browser = await given_password(stage, owner)

    answer = await browser.submit("/factor", code=application.code())

    session = await _session(stage, browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert (session.acr, session.amr) == ("2", ["pwd", "otp", "mfa"])
    assert session.proof_at == session.auth_time


async def test_where_somebody_wanted_to_go_is_kept(stage):
    owner, application, _ = await with_application(stage)
    browser = stage.browser()
    await browser.submit("/login?next=%2Flinks", identifier=owner.mail, password=PASSWORD)

    answer = await browser.submit("/factor?next=%2Flinks", code=application.code())

    assert answer.headers["location"] == "/links"


async def test_a_code_counts_once(stage):
    owner, application, _ = await with_application(stage)
    one, other = await given_password(stage, owner), await given_password(stage, owner)
    code = application.code()
    await one.submit("/factor", code=code)

    answer = await other.submit("/factor", code=code)

    assert answer.status_code == 422
    assert "Ce code a déjà servi. Attendez le suivant." in read(answer)
    assert not await is_signed_in(other)


async def test_of_two_browsers_with_one_code_at_once_one_gets_in(stage):
    owner, application, _ = await with_application(stage)
    browsers = [await given_password(stage, owner) for _ in range(2)]
    code = application.code()
    forms = [await each.form("/factor") for each in browsers]

    answers = await asyncio.gather(*(each.send(form, code=code) for each, form in zip(browsers, forms, strict=True)))

    assert sorted(each.status_code for each in answers) == [303, 422]


async def test_wrong_codes_wait_longer_and_longer_and_the_owner_is_told(stage):
    owner, application, _ = await with_application(stage)
    browser = await given_password(stage, owner)
    for _ in range(3):
        await browser.submit("/factor", code="000000")
    await browser.submit("/factor", code="000000")

    answer = await browser.submit("/factor", code=application.code())

    assert "Trop d'essais." in read(answer)
    assert not await is_signed_in(browser)
    assert await _told(stage, owner, events_pb2.FACTORS_CHANGE_REFUSED) == 0
    for _ in range(2):
        await stage.run("UPDATE sign_in_attempts SET blocked_until = 'epoch'")
        await browser.submit("/factor", code="000000")
    assert await _told(stage, owner, events_pb2.FACTORS_CHANGE_REFUSED) == 1


async def test_the_password_waits_ten_minutes_for_its_factor(stage):
    owner, application, _ = await with_application(stage)
    browser = await given_password(stage, owner)
    form = await browser.form("/factor")
    await stage.run("UPDATE pending_sign_ins SET expires_at = now() - interval '1 second'")

    answer = await browser.send(form, code=application.code())

    assert answer.status_code == 410
    assert not await is_signed_in(browser)


async def test_a_password_that_was_changed_meanwhile_opened_nothing(stage):
    owner, application, _ = await with_application(stage)
    browser = await given_password(stage, owner)
    form = await browser.form("/factor")
    await stage.run("UPDATE credentials SET changed_at = now() WHERE account_id = :id", id=owner.id)

    answer = await browser.send(form, code=application.code())

    assert answer.status_code == 410
    assert not await is_signed_in(browser)


async def test_a_closed_account_opens_with_no_factor(stage):
    owner, application, _ = await with_application(stage)
    browser = await given_password(stage, owner)
    form = await browser.form("/factor")
    async with stage.unit() as unit:
        await sessions.disable_account(unit, owner.id)

    answer = await browser.send(form, code=application.code())

    assert answer.status_code == 410


async def test_a_recovery_code_opens_once_and_is_told_by_mail(stage):
    owner, _, codes = await with_application(stage)
    browser = await given_password(stage, owner)

    answer = await browser.submit("/factor?with=recovery", recovery=codes[0].upper())
    again = await (other := await given_password(stage, owner)).submit("/factor?with=recovery", recovery=codes[0])

    assert (len(codes), answer.status_code) == (10, 303)
    assert again.status_code == 422
    assert not await is_signed_in(other)
    told = [each for each in await _events(stage, owner) if each.change == events_pb2.FACTORS_CHANGE_CODE_USED]
    assert [each.codes_left for each in told] == [9]


async def test_codes_are_kept_as_hashes(stage):
    owner, _, codes = await with_application(stage)

    async with stage.unit() as unit:
        rows = await unit.fetch("SELECT digest FROM recovery_codes WHERE account_id = $1", owner.id)

    kept = b"".join(row["digest"] for row in rows)
    assert len(rows) == 10
    assert not any(code.replace("-", "").encode() in kept for code in codes)


# Trusted browsers


async def test_a_trusted_browser_is_not_asked_for_thirty_days(stage):
    owner, application, _ = await with_application(stage)
    browser = await given_password(stage, owner)
    await browser.submit("/factor", code=application.code(), trust="1")
    _leave(stage, browser)

    answer = await browser.sign_in(owner.mail)
    session = await _session(stage, browser)

    assert answer.headers["location"] == "/"
    # It is strong enough to enter, and proves nothing for what is sensitive.
    assert (session.acr, session.amr) == ("2", ["pwd", "mfa"])
    assert session.proof_at == sessions.NEVER
    await stage.run("UPDATE trusted_devices SET expires_at = now() - interval '1 second'")
    _leave(stage, browser)
    await given_password(stage, owner, browser)


async def test_trust_is_of_one_account(stage):
    owner, application, _ = await with_application(stage)
    other, _, _ = await with_application(stage)
    browser = await given_password(stage, owner)
    await browser.submit("/factor", code=application.code(), trust="1")
    _leave(stage, browser)

    await given_password(stage, other, browser)


async def test_a_recovery_code_makes_no_browser_trusted(stage):
    owner, _, codes = await with_application(stage)
    browser = await given_password(stage, owner)
    await browser.submit("/factor?with=recovery", recovery=codes[0], trust="1")
    _leave(stage, browser)

    await given_password(stage, owner, browser)


@pytest.mark.parametrize("what", ["end", "password", "factor", "codes"])
async def test_trust_ends(stage, what):
    owner, application, _ = await with_application(stage)
    browser = await given_password(stage, owner)
    await browser.submit("/factor", code=application.code(), trust="1")
    match what:
        case "end":
            await browser.send(("/factors/trust", (await browser.form("/factors"))[1]))
        case "password":
            await browser.submit("/password", current=PASSWORD, password="Nouveau-2026!")
        case "factor":
            await add_passkey(browser, Device())
        case "codes":
            await browser.submit("/factors/codes")
    _leave(stage, browser)

    answer = await browser.sign_in(owner.mail, "Nouveau-2026!" if what == "password" else PASSWORD)

    assert answer.headers["location"] == "/factor"


async def test_another_copy_of_an_ended_trust_stays_worthless(stage):
    owner, application, _ = await with_application(stage)
    browser = await given_password(stage, owner)
    await browser.submit("/factor", code=application.code(), trust="1")
    stolen = browser.http.cookies[stage.site.cookies.trusted]
    async with stage.unit() as unit:
        await forget(unit, owner.id)
    _leave(stage, browser)
    await given_password(stage, owner, browser)
    await browser.submit("/factor", code=application.code(), trust="1")
    thief = stage.browser()
    thief.http.cookies.set(stage.site.cookies.trusted, stolen)

    answer = await thief.sign_in(owner.mail)

    assert answer.headers["location"] == "/factor"


# Passkeys


async def test_a_passkey_confirms_a_password(stage):
    owner, browser, device = await stage.person(), stage.browser(), Device()
    device.verifies = False
    await browser.sign_in(owner.mail)
    codes = codes_of(await add_passkey(browser, device))

    browser = await given_password(stage, owner)
    page = await browser.get("/factor")
    answer = await browser.submit("/factor", credential=device.answer(options_of(page)))

    session = await _session(stage, browser)
    assert (len(codes), answer.status_code) == (10, 303)
    assert (session.acr, session.amr) == ("2", ["pwd", "hwk", "mfa"])


async def test_a_passkey_alone_signs_in(stage):
    owner, device = await _with_passkey(stage)
    browser = stage.browser()

    answer = await _with_passkey_alone(browser, device)

    session = await _session(stage, browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert (session.account_id, session.acr, session.amr) == (owner.id, "2", ["hwk", "user", "mfa"])


async def test_at_the_door_of_another_firm_nobodys_account_signs_in(stage):
    firm, other = stage.town.found("cabinet-cle", "Cabinet Clé"), stage.town.found("cabinet-pne", "Cabinet Pêne")
    client, browser, device = await stage.client_of(firm, "C001"), stage.browser(), Device()
    await browser.sign_in("C001", at="/login/cabinet-cle")
    await add_passkey(browser, device)

    elsewhere = await _with_passkey_alone(stage.browser(), device, "/login/cabinet-pne")
    home = await _with_passkey_alone(stage.browser(), device, "/login/cabinet-cle")

    assert (elsewhere.status_code, other.slug, client.organisation_id) == (422, "cabinet-pne", firm.id)
    assert home.headers["location"] == "/o/cabinet-cle"


async def test_a_passkey_alone_must_have_known_its_owner(stage):
    _, device = await _with_passkey(stage)
    device.verifies = False

    answer = await _with_passkey_alone(stage.browser(), device)

    assert answer.status_code == 422


async def test_an_answer_counts_once(stage):
    _, device = await _with_passkey(stage)
    browser = stage.browser()
    page = await browser.get("/login")
    credential = device.answer(options_of(page))
    form = await _passkey_form(browser)
    await browser.send(form, credential=credential)
    _leave(stage, browser)

    answer = await browser.send(form, credential=credential)

    assert answer.status_code == 422
    assert "trop longtemps" in read(answer)


async def test_an_answer_is_of_the_browser_that_was_asked(stage):
    _, device = await _with_passkey(stage)
    theirs, mine = stage.browser(), stage.browser()
    credential = device.answer(options_of(await theirs.get("/login")))

    answer = await mine.send(await _passkey_form(mine), credential=credential)

    assert answer.status_code == 422


async def test_an_answer_for_another_page_is_refused(stage):
    _, device = await _with_passkey(stage)
    browser = stage.browser()
    options = options_of(await browser.get("/login"))

    answer = await browser.send(
        await _passkey_form(browser), credential=device.answer(options, origin="https://portail.example")
    )

    assert answer.status_code == 422


async def test_a_copied_authenticator_is_refused(stage):
    owner, device = await _with_passkey(stage)
    await _with_passkey_alone(stage.browser(), device)
    device.sign_count = 0

    answer = await _with_passkey_alone(stage.browser(), device)

    async with stage.unit() as unit:
        why = await unit.fetch("SELECT details FROM audit WHERE act = 'passkey.refused' ORDER BY at DESC LIMIT 1")
    assert answer.status_code == 422
    assert "counter" in str(why[0]["details"])
    assert owner.id


async def test_a_removed_passkey_opens_nothing(stage):
    owner, device = await _with_passkey(stage)
    await stage.run("DELETE FROM factors WHERE account_id = :id", id=owner.id)

    answer = await _with_passkey_alone(stage.browser(), device)

    assert answer.status_code == 422


@pytest.mark.parametrize(
    "sent",
    ["", "{}", "[]", "null", '{"rawId": 1, "response": {}}', "x" * 30_000, '{"response": {"clientDataJSON": "%%"}}'],
)
async def test_whatever_a_browser_sends_is_a_page(stage, sent):
    browser = stage.browser()

    answer = await browser.send(await _passkey_form(browser), credential=sent)

    assert answer.status_code in {400, 422}


async def test_a_passkey_is_registered_once(stage):
    _, device = await _with_passkey(stage)
    other, browser = await stage.person(), stage.browser()
    await browser.sign_in(other.mail)
    page = await browser.get("/factors/passkey")
    first = device.credential_id
    device.cred_init = lambda rp_id, user_handle: None  # the same one again

    answer = await browser.send(await browser.form("/factors/passkey"), credential=device.answer(options_of(page)))

    assert (answer.status_code, device.credential_id) == (422, first)


# What they share


async def _with_passkey(stage):
    owner, browser, device = await stage.person(), stage.browser(), Device()
    await browser.sign_in(owner.mail)
    await add_passkey(browser, device)
    return owner, device


async def _passkey_form(browser, at="/login"):
    import re

    page = await browser.get(at)
    form = next(each for each in re.findall(r"<form.*?</form>", page.text, re.DOTALL) if "/passkey/sign-in" in each)
    return "/passkey/sign-in", dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))


async def _with_passkey_alone(browser, device, at="/login"):
    options = options_of(await browser.get(at))
    return await browser.send(await _passkey_form(browser, at), credential=device.answer(options))


def _leave(stage, browser):
    del browser.http.cookies[stage.site.cookies.session]


async def _session(stage, browser):
    async with stage.unit() as unit:
        return (await sessions.signed_in(unit, browser.http.cookies[stage.site.cookies.session])).session


async def _sessions(stage, owner):
    async with stage.unit() as unit:
        return (await unit.fetch("SELECT count(*) AS n FROM sessions WHERE account_id = $1", owner.id))[0]["n"]


async def _events(stage, owner):
    found = [events_pb2.FactorsChanged.FromString(each) for each in await stage.events("FactorsChanged")]
    return [each for each in found if each.account_id == str(owner.id)]


async def _told(stage, owner, change):
    return sum(each.change == change for each in await _events(stage, owner))
