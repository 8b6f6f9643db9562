"""A personal account gets another address: confirmed at both ends, stopped from the old one."""

import asyncio
from urllib.parse import quote, urlsplit
from uuid import UUID

import pytest
from address_parts import asked, changed, days_later, link, new_mail, now
from identity_stage import PASSWORD, read

from parvis.identity.v1 import events_pb2
from parvis_identity.domain.links import Purpose
from parvis_identity.service import accounts, address_changes
from parvis_kit.errors import ServiceError

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


@pytest.fixture
async def person(stage):
    return await stage.person()


@pytest.fixture
async def browser(stage, person):
    browser = stage.browser()
    await browser.sign_in(person.mail)
    return browser


@pytest.mark.parametrize("first", ["new", "old"])
async def test_the_address_changes_once_both_ends_have_confirmed(stage, person, browser, first):
    mail = new_mail()
    event = await asked(stage, browser, mail)
    new, old = await link(stage, event), await link(stage, event, Purpose.ADDRESS_OLD)
    ends = {"new": lambda: browser.submit(new), "old": lambda: stage.browser().submit(old, answer="yes")}

    one = await ends.pop(first)()
    between = (await now(stage, person)).mail
    other = await next(iter(ends.values()))()

    assert (between, event.mail, event.new_mail) == (person.mail, person.mail, mail)
    assert "Il manque la confirmation" in read(one)
    assert "Votre nouvelle adresse est confirmée" in read(other)
    assert ("Revenir à mon compte" in read(other)) is (first == "old")  # whoever is signed in need not sign in
    assert (await stage.browser().sign_in(mail)).status_code == 303
    assert (await stage.browser().sign_in(person.mail)).status_code == 422
    told = events_pb2.AccountChanged.FromString((await stage.events("AccountChanged"))[-1])
    assert (told.account_id, told.mail) == (str(person.id), mail)
    old = events_pb2.AddressChanged.FromString((await stage.events("AddressChanged"))[-1])
    assert (old.old_mail, old.mail) == (person.mail, mail)


async def test_opening_the_link_changes_nothing_yet(stage, person, browser):
    event = await asked(stage, browser, new_mail())
    page = await browser.get(await link(stage, event))
    old = await browser.get(await link(stage, event, Purpose.ADDRESS_OLD))
    again = await browser.get(await link(stage, event))
    assert "Confirmer l'adresse" in read(page)
    assert "Est-ce bien vous" in read(old)
    assert "Confirmer l'adresse" in read(again)
    assert (await now(stage, person)).mail == person.mail


async def test_the_new_end_is_confirmed_by_whoever_is_signed_in_only(stage, person, browser):
    event = await asked(stage, browser, new_mail())
    new = await link(stage, event)
    stranger, other = stage.browser(), await stage.person()
    form = await browser.form(new)

    first = await stranger.get(new)
    door = await stranger.get(first.headers["location"])
    await stranger.sign_in(other.mail, at=first.headers["location"])
    page = await stranger.get(new)
    _, hidden = await stranger.form("/address")
    sent = await stranger.send((form[0], hidden))
    await stage.browser().submit(await link(stage, event, Purpose.ADDRESS_OLD), answer="yes")

    assert first.headers["location"] == f"/login?next={quote(new, safe='')}"
    assert "Pour confirmer votre nouvelle adresse" in read(door)
    assert "Connectez-vous avec le compte concerné" in read(page)
    assert "Connectez-vous avec le compte concerné" in read(sent)
    assert (await now(stage, person)).mail == person.mail
    assert await stage.audited("address.confirmation_refused")


async def test_signing_in_leads_back_to_the_link(stage, person, browser):
    new = await link(stage, await asked(stage, browser, new_mail()))
    elsewhere = stage.browser()
    first = await elsewhere.get(new)
    answer = await elsewhere.submit(first.headers["location"], identifier=person.mail, password=PASSWORD)
    assert answer.headers["location"] == new


async def test_without_the_old_address_a_change_takes_a_week(stage, person, browser):
    mail = new_mail()
    new = await link(stage, await asked(stage, browser, mail))
    await browser.submit(new)
    await days_later(stage, person, 6)
    early = await browser.get(new)
    await days_later(stage, person, 1)

    answer = await browser.submit(new)

    assert "Il manque la confirmation de votre ancienne adresse" in read(early)
    assert "Vous vous connectez désormais avec" in read(answer)
    assert (await now(stage, person)).mail == mail


async def test_what_the_old_address_stopped_is_not_completed_after_the_week(stage, person, browser):
    event = await asked(stage, browser, new_mail())
    new = await link(stage, event)
    form = await browser.form(new)
    await browser.submit(new)
    await stage.browser().submit(await link(stage, event, Purpose.ADDRESS_OLD), answer="no")
    await days_later(stage, person, 8)
    answer = await browser.send(form)
    assert "Votre adresse reste la même" in read(answer)
    assert (await now(stage, person)).mail == person.mail


async def test_it_takes_the_password(stage, person, browser):
    before = await stage.events("AddressChangeRequested")
    answer = await browser.submit("/address", mail=new_mail(), password="pas celui-ci")
    assert answer.status_code == 422
    assert "Ce n'est pas votre mot de passe actuel" in read(answer)
    assert await stage.events("AddressChangeRequested") == before
    assert await stage.audited("address.change_failed")


@pytest.mark.parametrize("mail", ["", "claire", "claire@", "a b@exemple.fr"])
async def test_what_is_no_address_is_told_so(browser, mail):
    assert (await browser.submit("/address", mail=mail, password=PASSWORD)).status_code == 422


async def test_ones_own_address_is_no_new_one(person, browser):
    answer = await browser.submit("/address", mail=person.mail.upper(), password=PASSWORD)
    assert "C'est déjà votre adresse" in read(answer)


async def test_the_page_says_the_same_of_an_address_that_somebody_has(stage, browser):
    other, nobodys = await stage.person(), new_mail()
    pages = {}
    for mail in (other.mail, nobodys):
        answer = await browser.submit("/address", mail=mail, password=PASSWORD)
        pages[mail] = read(answer).replace(mail, "…")
    events = [events_pb2.AddressChangeRequested.FromString(e) for e in await stage.events("AddressChangeRequested")]
    assert pages[other.mail] == pages[nobodys]
    assert [each.taken for each in events[-2:]] == [True, False]


async def test_an_address_that_somebody_got_in_between_stays_theirs(stage, person, browser):
    mail = new_mail()
    event = await asked(stage, browser, mail)
    other = await stage.person(mail=mail)
    await browser.submit(await link(stage, event))

    answer = await stage.browser().submit(await link(stage, event, Purpose.ADDRESS_OLD), answer="yes")

    assert answer.status_code == 410
    assert "utilisée par un autre compte" in read(answer)
    assert [(await now(stage, each)).mail for each in (person, other)] == [person.mail, mail]


async def test_of_two_who_want_one_address_the_first_to_prove_it_gets_it(stage, person, browser):
    mail, other = new_mail(), await stage.person()
    rival = stage.browser()
    await rival.sign_in(other.mail)
    links = []
    for each in (browser, rival):
        event = await asked(stage, each, mail)
        await each.submit(await link(stage, event))
        links.append(await link(stage, event, Purpose.ADDRESS_OLD))

    answers = await asyncio.gather(*(stage.browser().submit(each, answer="yes") for each in links))

    assert sorted(answer.status_code for answer in answers) == [200, 410]
    assert [(await now(stage, each)).mail for each in (person, other)].count(mail) == 1


async def test_a_link_opened_by_two_changes_the_address_once(stage, person, browser):
    mail = new_mail()
    event = await asked(stage, browser, mail)
    await browser.submit(await link(stage, event))
    address = await link(stage, event, Purpose.ADDRESS_OLD)
    before = len(await stage.events("AddressChanged"))
    tabs = [stage.browser() for _ in range(2)]
    forms = [await tab.form(address) for tab in tabs]

    answers = await asyncio.gather(*(tab.send(form, answer="yes") for tab, form in zip(tabs, forms, strict=True)))

    assert [answer.status_code for answer in answers] == [200, 200]
    assert all("utilise désormais" in read(answer) for answer in answers)
    assert len(await stage.events("AddressChanged")) == before + 1
    assert (await now(stage, person)).mail == mail


async def test_a_newer_change_replaces_one_that_waits(stage, person, browser):
    first = await asked(stage, browser, new_mail())
    address = await link(stage, first)
    await asked(stage, browser, new_mail())

    answer = await stage.browser().get(address)

    assert "Une demande plus récente remplace celle-ci" in read(answer)
    with pytest.raises(ServiceError, match="link_withdrawn"):
        await link(stage, first)


async def test_the_old_address_stops_a_change(stage, person, browser):
    event = await asked(stage, browser, new_mail())
    new = await link(stage, event)

    stopped = await stage.browser().submit(await link(stage, event, Purpose.ADDRESS_OLD))
    late = await stage.browser().get(new)

    assert "Votre adresse reste la même" in read(stopped)
    assert late.status_code == 410
    assert (await now(stage, person)).mail == person.mail


async def test_a_change_waits_for_ten_days(stage, person, browser):
    address = await link(stage, await asked(stage, browser, new_mail()))
    await days_later(stage, person, 10)
    assert "Ce lien a expiré" in read(await stage.browser().get(address))


async def test_reset_links_that_went_to_the_old_address_open_nothing(stage, person, browser):
    await stage.browser().submit("/reset", identifier=person.mail)
    sent = events_pb2.PasswordResetRequested.FromString((await stage.events("PasswordResetRequested"))[-1])
    async with stage.unit() as unit:
        url, _ = await stage.links.mint(
            unit, link_id=UUID(sent.link_id), account_id=person.id, purpose=Purpose.RESET, slug=""
        )
    await changed(stage, browser, new_mail())
    assert (await stage.browser().get(urlsplit(url).path)).status_code == 410


async def test_the_owner_gives_a_change_up_and_has_its_mail_sent_again(stage, person, browser):
    event = await asked(stage, browser, new_mail())
    address = await link(stage, event)
    async with stage.unit(account_id=person.id) as unit:
        await address_changes.resend_mine(unit)
    again = events_pb2.AddressChangeRequested.FromString((await stage.events("AddressChangeRequested"))[-1])
    async with stage.unit(account_id=person.id) as unit:
        await address_changes.cancel_mine(unit)
        await address_changes.cancel_mine(unit)
    assert (again.change_id, again.again) == (event.change_id, True)
    assert "Ce changement a été abandonné" in read(await stage.browser().get(address))


async def test_nobody_makes_us_write_to_many(stage, browser):
    for _ in range(3):
        await asked(stage, browser, new_mail())
    answer = await browser.submit("/address", mail=new_mail(), password=PASSWORD)
    assert answer.status_code == 422
    assert "Patientez" in read(answer)


async def test_a_firm_keeps_the_address_of_its_own_accounts(stage):
    firm = stage.town.found("armor", "Cabinet Armor")
    await stage.client_of(firm, "C0900")
    browser = stage.browser()
    await browser.sign_in("C0900", at="/login/armor")
    page = await browser.get("/address")
    assert "demandez-lui de la corriger" in read(page)
    assert 'name="mail"' not in page.text


async def test_a_firm_corrects_the_mail_of_its_own_account_and_the_old_address_is_told(stage):
    firm, other = stage.town.found("iroise", "Cabinet Iroise"), stage.town.found("ponant", "Cabinet Ponant")
    client = await stage.client_of(firm, "C0901")
    async with stage.unit(firm.id) as unit:
        corrected = await accounts.correct_managed_mail(unit, client.id, "luc@nouvelle.example")
    told = events_pb2.ManagedMailCorrected.FromString((await stage.events("ManagedMailCorrected"))[-1])
    assert (corrected.mail, corrected.identifier) == ("luc@nouvelle.example", "C0901")
    assert (told.old_mail, told.identifier) == ("client@exemple.fr", "C0901")
    for organisation, account in ((other, client), (firm, await stage.person())):
        with pytest.raises(ServiceError, match="account_not_found"):
            async with stage.unit(organisation.id) as unit:
                await accounts.correct_managed_mail(unit, account.id, "voleur@exemple.fr")


@pytest.mark.parametrize("side", ["new", "old"])
@pytest.mark.parametrize("token", ["x", "A" * 65, "A" * 22 + "é" * 43, "%00" * 40])
async def test_a_link_that_nobody_wrote_is_unknown(stage, side, token):
    answer = await stage.browser().get(f"/address/{side}/{token}")
    assert answer.status_code == 404
    assert "Ce lien ne fonctionne pas" in read(answer)
