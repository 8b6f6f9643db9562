import asyncio
import re

import pytest
from identity_stage import PASSWORD, PUBLIC_URL, comparable, form_in, make_stage, read

from parvis_identity.models import AccountState
from parvis_identity.service.visitor import Visitor

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


async def test_somebody_who_is_signed_in_lands_on_the_portal(stage):
    person, browser = await stage.person(), stage.browser()

    answer = await browser.sign_in(person.mail.upper())
    again = await browser.get("/login")

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert again.headers["location"] == "/"
    assert await stage.audited("sign_in.done") >= 1


async def test_the_session_cookie_is_kept_from_scripts_and_other_sites(stage):
    person, browser = await stage.person(), stage.browser()

    answer = await browser.sign_in(person.mail)

    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("parvis-test-identity=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


async def test_each_sign_in_has_a_secret_of_its_own_and_the_one_before_is_worthless(stage):
    person, browser, elsewhere = await stage.person(), stage.browser(), stage.browser()
    name = stage.site.cookies.session

    await browser.sign_in(person.mail)
    first = browser.http.cookies[name]
    await browser.submit("/login?next=%2Fpassword", identifier=person.mail, password=PASSWORD)
    second = browser.http.cookies[name]
    elsewhere.http.cookies.set(name, first)
    await (other := stage.browser()).sign_in(person.mail)

    assert len({first, second, other.http.cookies[name]}) == 3
    assert min(len(first), len(second)) >= 43  # 256 bits, in characters of 6
    assert (await elsewhere.get("/password")).headers["location"].startswith("/login")
    assert (await browser.get("/password")).status_code == 200


async def test_every_character_of_a_password_counts_as_it_was_typed(stage):
    long = "Portail-2026! " + "abcdefgh" * 12 + "  Fin"
    person = await stage.person(password=long)

    wrong = [long[:-1], long + " ", long.strip() + "x", long.replace("  Fin", " Fin"), long.lower(), long[:72]]
    answers = []
    for each in wrong:
        answers.append((await stage.browser().sign_in(person.mail, each)).status_code)
        await stage.run("DELETE FROM sign_in_attempts")

    assert answers == [422] * len(wrong)
    assert (await stage.browser().sign_in(person.mail, long)).status_code == 303


async def test_what_is_typed_as_a_password_is_masked(stage):
    person, browser = await stage.person(), stage.browser()

    pages = [(await browser.get("/login")).text]
    await browser.sign_in(person.mail)
    pages.append((await browser.get("/password")).text)

    for page in pages:
        fields = [each for each in re.findall(r"<input[^>]*>", page) if re.search(r'name="(password|current)"', each)]
        assert fields
        assert all('type="password"' in each for each in fields)


async def test_every_refusal_is_the_same_page_for_one_hash(stage):
    person = await stage.person()
    closed = await stage.person(state=AccountState.DISABLED)
    pending = await stage.person(state=AccountState.PENDING)
    pages, hashes = [], []
    for identifier, password in (
        (person.mail, "Wrong-2026!"),
        ("nobody@exemple.fr", PASSWORD),
        (closed.mail, PASSWORD),
        (pending.mail, PASSWORD),
        ("no address at all", PASSWORD),
    ):
        before, browser = stage.hasher.computed, stage.browser()
        answer = await browser.sign_in(identifier, password)
        hashes.append(stage.hasher.computed - before)
        pages.append(
            (
                answer.status_code,
                comparable(answer.text)
                .replace(identifier, "")
                .replace(browser.http.cookies[stage.site.cookies.csrf], ""),
            )
        )

    assert hashes == [1, 1, 1, 1, 1]
    assert len(set(pages)) == 1
    assert "Adresse mail ou mot de passe incorrect." in pages[0][1]


@pytest.mark.parametrize("known", [True, False])
async def test_each_failure_after_the_third_makes_the_next_try_wait_longer(stage, known):
    identifier = (await stage.person()).mail if known else "nobody-else@exemple.fr"
    waits = []
    for _ in range(6):
        answer = await stage.browser().sign_in(identifier, "Wrong-2026!")
        waits.append(read(answer).partition("Attendez ")[2].partition(" avant")[0])
        await stage.run("UPDATE sign_in_attempts SET blocked_until = now()")

    assert waits == ["", "", "", "2 secondes", "4 secondes", "8 secondes"]


async def test_the_right_password_is_not_looked_at_while_one_must_wait(stage):
    person = await stage.person()
    for _ in range(4):
        await stage.browser().sign_in(person.mail, "Wrong-2026!")
    before = stage.hasher.computed

    early = await stage.browser().sign_in(person.mail)
    await stage.run("UPDATE sign_in_attempts SET blocked_until = now()")
    in_time = await stage.browser().sign_in(person.mail)

    assert early.status_code == 422
    assert stage.hasher.computed - before == 1
    assert in_time.headers["location"] == "/"


async def test_one_address_cannot_keep_the_hasher_busy_nor_lock_others_out(stage):
    person, visitor = await stage.person(), Visitor("192.0.2.33", "", "")
    for number in range(41):
        await stage.passwords.sign_in(f"nobody-{number}@exemple.fr", "Wrong-2026!", None, visitor)
    before = stage.hasher.computed

    refused = [await stage.passwords.sign_in(person.mail, "Wrong-2026!", None, visitor) for _ in range(5)]
    elsewhere = await stage.browser().sign_in(person.mail)

    assert all(each.wait.total_seconds() > 0 for each in refused)
    assert stage.hasher.computed - before == 1
    assert elsewhere.headers["location"] == "/"


async def test_colleagues_behind_one_address_sign_in_at_the_same_moment(stage):
    people = [await stage.person() for _ in range(12)]
    visitor = Visitor("192.0.2.50", "", "")

    answers = await asyncio.gather(*(stage.passwords.sign_in(each.mail, PASSWORD, None, visitor) for each in people))

    assert [type(answer).__name__ for answer in answers] == ["Begun"] * 12


async def test_every_firms_door_counts_the_same_guesses(stage):
    firms = [stage.town.found(slug, slug) for slug in ("durand", "petit", "moreau", "leroy", "garnier")]
    person = await stage.person()
    before = stage.hasher.computed

    pages = [await stage.browser().sign_in(person.mail, "Wrong-2026!", at=f"/login/{firm.slug}") for firm in firms]
    await stage.run("UPDATE sign_in_attempts SET blocked_until = now() + interval '1 minute'")
    right = await stage.browser().sign_in(person.mail)

    assert ["Attendez" in read(page) for page in pages] == [False, False, False, True, True]
    assert right.status_code == 422
    assert stage.hasher.computed - before == 4


async def test_of_ten_guesses_at_once_four_are_looked_at(stage):
    person = await stage.person()
    before = {act: await stage.audited(act) for act in ("sign_in.failed", "sign_in.throttled")}
    visitor = Visitor("192.0.2.9", "", "")

    await asyncio.gather(*(stage.passwords.sign_in(person.mail, "Wrong-2026!", None, visitor) for _ in range(10)))

    after = {act: await stage.audited(act) - count for act, count in before.items()}
    assert after == {"sign_in.failed": 4, "sign_in.throttled": 6}


async def test_a_managed_account_signs_in_at_its_firms_door_only(stage):
    durand, petit = stage.town.found("durand", "Cabinet Durand"), stage.town.found("petit", "Cabinet Petit")
    await stage.client_of(durand, "C0042")

    own = await stage.browser().sign_in("c0042", at="/login/durand")
    other = await stage.browser().sign_in("C0042", at="/login/petit")
    portal = await stage.browser().sign_in("C0042")

    assert own.headers["location"] == "/o/durand"
    assert (other.status_code, portal.status_code) == (422, 422)
    assert petit.id != durand.id


async def test_two_firms_may_have_the_same_client_code(stage):
    durand, petit = stage.town.found("durand", "Cabinet Durand"), stage.town.found("petit", "Cabinet Petit")
    mine = await stage.client_of(durand, "C0001")
    theirs = await stage.client_of(petit, "C0001")

    assert (await stage.browser().sign_in("C0001", at="/login/petit")).headers["location"] == "/o/petit"
    assert mine.id != theirs.id


async def test_a_personal_account_signs_in_at_a_firms_door_too(stage):
    stage.town.found("durand", "Cabinet Durand")
    person = await stage.person()

    answer = await stage.browser().sign_in(person.mail, at="/login/durand")

    assert answer.headers["location"] == "/o/durand"


async def test_a_firms_door_has_its_name_and_colour(stage):
    stage.town.found("durand", "Cabinet Durand")

    page = await stage.browser().get("/login/durand")

    assert "Votre espace Cabinet Durand" in read(page)
    assert "/assets/accent/175c4a.css" in read(page)


async def test_an_unknown_firm_has_no_door(stage):
    assert (await stage.browser().get("/login/nowhere")).status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "https://attacker.example/",
        "//attacker.example/",
        "/\\attacker.example",
        "/oauth2/authorize@attacker.example",
        "javascript:1",
    ],
)
async def test_a_sign_in_never_leads_to_another_site(stage, address):
    person, browser = await stage.person(), stage.browser()

    answer = await browser.submit("/login", identifier=person.mail, password=PASSWORD, next=address)

    assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    ("headers", "csrf"),
    [
        ({"Origin": "https://attacker.example"}, None),
        ({"Origin": "null"}, None),
        ({"Sec-Fetch-Site": "cross-site"}, None),
        ({}, "x" * 43),
        ({}, ""),
        ({}, "é"),
    ],
)
async def test_a_form_of_another_site_changes_nothing(stage, headers, csrf):
    person, browser = await stage.person(), stage.browser()
    await browser.get("/login")
    token = browser.http.cookies[stage.site.cookies.csrf] if csrf is None else csrf

    answer = await browser.http.post(
        "/login", data={"identifier": person.mail, "password": PASSWORD, "csrf": token}, headers=headers
    )

    assert answer.status_code == 403
    assert "parvis-test-identity" not in browser.http.cookies


async def test_a_form_without_the_cookie_changes_nothing(stage):
    person = await stage.person()

    answer = await stage.browser().http.post(
        "/login",
        data={"identifier": person.mail, "password": PASSWORD, "csrf": "x" * 43},
        headers={"Origin": PUBLIC_URL},
    )

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"identifier=%00&password=x", "application/x-www-form-urlencoded"),
        (b"a=1&a=1", "application/x-www-form-urlencoded"),
        (b"x" * 40_000, "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"", "multipart/form-data; boundary=x"),
    ],
)
async def test_a_malformed_form_is_a_page_that_says_so(stage, content, kind):
    answer = await stage.browser().http.post("/login", content=content, headers={"Content-Type": kind})

    assert answer.status_code == 400
    assert "Rien n'a été modifié" in read(answer)


async def test_too_many_hashes_at_once_ask_people_to_come_back(database):
    stage = await make_stage(database, hashing_threads=1, hashing_queue=0)
    person = await stage.person()
    stage.hasher._taken = 1

    answer = await stage.browser().sign_in(person.mail)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "Beaucoup de connexions en ce moment" in read(answer)


async def test_a_hash_with_older_parameters_is_replaced_at_sign_in(database, stage):
    person = await stage.person()
    stronger = await make_stage(database, argon2_passes=2)
    stronger.town = stage.town

    await stronger.browser().sign_in(person.mail)
    before = stronger.hasher.computed
    await stronger.browser().sign_in(person.mail)

    assert stronger.hasher.computed - before == 1


async def test_another_person_in_the_same_browser_ends_the_first_ones_session(stage):
    anne, luc, browser = await stage.person(), await stage.person(), stage.browser()
    await browser.sign_in(anne.mail)
    before = len(await stage.events("SessionEnded"))

    await browser.submit("/login?next=%2Fpassword", identifier=luc.mail, password=PASSWORD)

    assert len(await stage.events("SessionEnded")) == before + 1


async def test_changing_the_password_signs_other_devices_out(stage):
    person, here, there = await stage.person(), stage.browser(), stage.browser()
    await here.sign_in(person.mail)
    await there.sign_in(person.mail)

    changed = await here.submit("/password", current=PASSWORD, password="Nouveau-2027!")

    assert "Votre mot de passe est changé" in read(changed)
    assert (await here.get("/password")).status_code == 200
    assert (await there.get("/password")).headers["location"] == "/login?next=%2Fpassword"
    assert (await stage.browser().sign_in(person.mail, "Nouveau-2027!")).headers["location"] == "/"


async def test_changing_the_password_needs_the_current_one(stage):
    person, browser = await stage.person(), stage.browser()
    await browser.sign_in(person.mail)

    answer = await browser.submit("/password", current="Wrong-2026!", password="Nouveau-2027!")

    assert answer.status_code == 422
    assert (await stage.browser().sign_in(person.mail)).headers["location"] == "/"


@pytest.mark.parametrize("address", ["/login", "/reset", "/signed-out", "/activate/x", "/reset/x", "/nowhere"])
async def test_pages_are_strict_about_what_they_load_and_where_they_are_kept(stage, address):
    page = await stage.browser().get(address)

    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "same-origin"
    assert "<script>" not in page.text


async def test_pages_are_in_english_for_who_reads_english(stage):
    page = await stage.browser().get("/login?step=password", headers={"Accept-Language": "en-GB,en;q=0.9"})

    assert '<html lang="en"' in read(page)
    assert "Forgot your password?" in read(page)


async def test_a_method_that_echoes_is_refused(stage):
    for path in ("/login", "/oauth2/token", "/scim/v2/Users", "/nowhere"):
        answer = await stage.browser().http.request("TRACE", path, headers={"X-Told": "secret"})
        assert answer.status_code in {404, 405}
        assert "secret" not in answer.text


async def test_a_failure_of_ours_is_a_page_with_a_reference(stage, monkeypatch):
    async def fails(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(stage.password_links, "open_link", fails)

    answer = await stage.browser().get("/reset/x")

    assert answer.status_code == 500
    assert "Référence" in read(answer) or "référence" in answer.text


# The address first


async def test_an_address_leads_to_the_password_whoever_has_an_account(stage):
    person, pages = await stage.person(mail="quelquun@exemple.fr"), []
    for mail in (person.mail, "personne@exemple.fr"):
        browser = stage.browser()
        first = await browser.get("/login")
        answer = await browser.submit("/login", identifier=mail)
        token = browser.http.cookies[stage.site.cookies.csrf]
        pages.append((answer.status_code, comparable(answer.text).replace(mail, "").replace(token, "")))
        assert "Continuer" in first.text
        assert 'name="step"' not in first.text

    assert len(set(pages)) == 1
    assert pages[0][0] == 200
    assert "Se connecter" in pages[0][1]
    assert 'name="step" value="password"' in pages[0][1]


async def test_two_steps_sign_somebody_in(stage):
    person, browser = await stage.person(), stage.browser()

    second = await browser.submit("/login?next=/password", identifier=person.mail)
    answer = await browser.send(form_in(second), identifier=person.mail, password=PASSWORD)

    assert (answer.status_code, answer.headers["location"]) == (303, "/password")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Saisissez votre adresse mail."),
        ("C0042", "Une adresse mail ressemble à nom@exemple.fr."),
        ("anne@", "Une adresse mail ressemble à nom@exemple.fr."),
    ],
)
async def test_what_is_no_address_is_said_before_a_password_is_asked_for(stage, typed, said):
    answer = await stage.browser().submit("/login", identifier=typed)

    assert answer.status_code == 422
    assert said in read(answer)
    assert "Continuer" in answer.text


async def test_the_second_step_says_that_a_password_is_missing(stage):
    answer = await stage.browser().submit("/login?step=password", identifier="anne@exemple.fr")

    assert answer.status_code == 422
    assert "Saisissez votre mot de passe." in read(answer)
