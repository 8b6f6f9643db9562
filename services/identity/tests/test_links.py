import asyncio
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from factor_parts import is_signed_in, with_application
from identity_stage import PASSWORD, read

from parvis.identity.v1.events_pb2 import PasswordResetRequested
from parvis_identity.domain.links import Purpose, token_of
from parvis_identity.models import AccountState
from parvis_identity.service import accounts
from parvis_identity.service.visitor import Visitor
from parvis_identity.store import sweeping
from parvis_kit.errors import ServiceError
from parvis_kit.ids import uuid7
from parvis_records.retention import apply

pytestmark = pytest.mark.usefixtures("nobody_failed_before")
NEW = "Nouveau-2027!"


@pytest.fixture
async def firm(stage):
    return stage.town.found("durand", "Cabinet Durand")


async def link_for(stage, account, firm, purpose=Purpose.ACTIVATION, link_id=None):
    async with stage.unit(firm.id) as unit:
        url, _ = await stage.links.mint(
            unit, link_id=link_id or uuid7(), account_id=account.id, purpose=purpose, slug=firm.slug
        )
    return urlsplit(url).path


async def test_activating_sets_the_password_and_leads_to_the_organisation(stage, firm):
    person, browser = await stage.person(state=AccountState.PENDING), stage.browser()
    address = await link_for(stage, person, firm)
    before = len(await stage.events("AccountActivated"))

    page = await browser.get(address)
    answer = await browser.submit(address, password=NEW)

    assert "Cabinet Durand vous invite sur son portail" in read(page)
    assert person.mail in read(page)
    assert answer.headers["location"] == "/o/durand"
    assert len(await stage.events("AccountActivated")) == before + 1
    assert (await stage.browser().sign_in(person.mail, NEW)).headers["location"] == "/"


async def test_a_client_of_the_firm_sees_the_code_to_keep(stage, firm):
    client = await stage.client_of(firm, "C0100", state=AccountState.PENDING)

    page = await stage.browser().get(await link_for(stage, client, firm))

    assert "Votre code client, à conserver" in read(page)
    assert 'value="C0100"' in read(page)


async def test_a_weak_password_is_told_what_it_lacks_and_the_link_stays_good(stage, firm):
    person, browser = await stage.person(state=AccountState.PENDING), stage.browser()
    address = await link_for(stage, person, firm)

    weak = await browser.submit(address, password="portail")
    strong = await browser.submit(address, password=NEW)

    assert weak.status_code == 422
    assert "au moins 8 caractères, un chiffre, une majuscule, un des signes $ ? ! & % * @" in read(weak)
    assert strong.status_code == 303


async def test_of_two_tabs_that_activate_at_once_one_sets_the_password(stage, firm):
    person = await stage.person(state=AccountState.PENDING)
    address = await link_for(stage, person, firm)
    tabs = [stage.browser() for _ in range(2)]

    forms = [await tab.form(address) for tab in tabs]
    answers = await asyncio.gather(
        *(tab.send(form, password=f"Onglet-{n}-2027!") for n, (tab, form) in enumerate(zip(tabs, forms, strict=True)))
    )

    assert sorted(answer.status_code for answer in answers) == [303, 410]
    late = next(answer for answer in answers if answer.status_code == 410)
    assert "Ce lien a déjà servi" in read(late)


async def test_opening_a_used_link_again_says_to_go_on(stage, firm):
    person, browser = await stage.person(state=AccountState.PENDING), stage.browser()
    address = await link_for(stage, person, firm)
    await browser.submit(address, password=NEW)

    same, other = await browser.get(address), await stage.browser().get(address)

    assert "Continuer" in read(same)
    assert "Se connecter" in read(other)


async def test_an_expired_invitation_offers_a_new_link(stage, firm):
    person, browser = await stage.person(state=AccountState.PENDING), stage.browser()
    address = await link_for(stage, person, firm)
    await stage.run("UPDATE links SET expires_at = now() WHERE account_id = :id", id=person.id)
    before = len(await stage.events("PasswordResetRequested"))

    page = await browser.get(address)
    sent = await browser.submit(address)

    assert "Ce lien a expiré" in read(page)
    assert "Consultez votre messagerie" in read(sent)
    assert len(await stage.events("PasswordResetRequested")) == before + 1


async def test_a_withdrawn_invitation_says_whom_to_ask(stage, firm):
    person = await stage.person(state=AccountState.PENDING)
    address = await link_for(stage, person, firm)
    async with stage.unit(firm.id) as unit:
        await accounts.revoke_links(unit, person.id)

    page = await stage.browser().get(address)

    assert page.status_code == 410
    assert "demandez à Cabinet Durand de vous la renvoyer" in read(page)


async def test_an_invitation_of_another_firm_stays_when_one_is_withdrawn(stage, firm):
    person = await stage.person(state=AccountState.PENDING)
    other = stage.town.found("petit", "Cabinet Petit")
    mine, theirs = await link_for(stage, person, firm), await link_for(stage, person, other)
    async with stage.unit(firm.id) as unit:
        await accounts.revoke_links(unit, person.id)

    assert (await stage.browser().get(mine)).status_code == 410
    assert (await stage.browser().get(theirs)).status_code == 200


async def withdraw(stage, person, firm):
    async with stage.unit(firm.id) as unit:
        await accounts.revoke_links(unit, person.id)


async def reset_links(stage, person):
    """Addresses in the mails that were asked for somebody, oldest first."""
    sent = [PasswordResetRequested.FromString(each) for each in await stage.events("PasswordResetRequested")]
    ids = [UUID(each.link_id) for each in sent if each.account_id == str(person.id)]
    return [f"/reset/{token_of(stage.ring.link_secret, each, Purpose.RESET)}" for each in ids]


async def test_a_withdrawal_ends_the_link_that_an_expired_invitation_was_renewed_with(stage, firm):
    person = await stage.person(state=AccountState.PENDING)
    address = await link_for(stage, person, firm)
    await stage.run("UPDATE links SET expires_at = now() WHERE account_id = :id", id=person.id)
    await stage.browser().submit(address)
    [renewed] = await reset_links(stage, person)
    assert (await stage.browser().get(renewed)).status_code == 200

    await withdraw(stage, person, firm)

    assert (await stage.browser().get(renewed)).status_code == 410
    assert (await stage.browser().get(address)).status_code == 410
    assert await reset_links(stage, person) == [renewed]


async def test_a_withdrawal_ends_the_reset_that_the_invited_asked_for(stage, firm):
    person = await stage.person(state=AccountState.PENDING)
    await link_for(stage, person, firm)
    await stage.browser().submit("/reset", identifier=person.mail)
    [asked] = await reset_links(stage, person)

    await withdraw(stage, person, firm)
    again = await stage.browser().submit("/reset", identifier=person.mail)

    assert (await stage.browser().get(asked)).status_code == 410
    assert "Consultez votre messagerie" in read(again)
    assert await reset_links(stage, person) == [asked]


async def test_a_withdrawal_leaves_what_another_firms_invitation_justifies(stage, firm):
    person = await stage.person(state=AccountState.PENDING)
    await link_for(stage, person, firm)
    theirs = await link_for(stage, person, stage.town.found("petit", "Cabinet Petit"))
    await stage.browser().submit("/reset", identifier=person.mail)
    [asked] = await reset_links(stage, person)

    await withdraw(stage, person, firm)

    assert (await stage.browser().get(asked)).status_code == 200
    assert (await stage.browser().get(theirs)).status_code == 200


async def test_a_withdrawal_leaves_the_reset_of_an_account_in_use(stage, firm):
    person = await stage.person()
    asked = await link_for(stage, person, firm, Purpose.RESET)

    await withdraw(stage, person, firm)

    assert (await stage.browser().get(asked)).status_code == 200


async def test_who_was_invited_again_can_ask_for_a_link_again(stage, firm):
    person = await stage.person(state=AccountState.PENDING)
    await link_for(stage, person, firm)
    await withdraw(stage, person, firm)
    await link_for(stage, person, firm)

    await stage.browser().submit("/reset", identifier=person.mail)

    assert len(await reset_links(stage, person)) == 1


async def test_a_mail_that_waited_carries_no_link_that_was_taken_back(stage, firm):
    person, link_id = await stage.person(state=AccountState.PENDING), uuid7()
    await link_for(stage, person, firm, link_id=link_id)
    await withdraw(stage, person, firm)

    with pytest.raises(ServiceError, match="link_withdrawn"):
        await link_for(stage, person, firm, link_id=link_id)


async def test_an_invitation_that_stands_is_remembered_for_as_long_as_it_does(stage, firm):
    invited, withdrawn = [await stage.person(state=AccountState.PENDING) for _ in range(2)]
    for person in (invited, withdrawn):
        await link_for(stage, person, firm)
    await withdraw(stage, withdrawn, firm)
    await stage.run("UPDATE links SET expires_at = now() - interval '200 days'")
    async with stage.unit() as unit:
        await apply(unit, next(each for each in sweeping.SWEPT if each.table == "links"))

    for person in (invited, withdrawn):
        await stage.browser().submit("/reset", identifier=person.mail)

    assert len(await reset_links(stage, invited)) == 1
    assert await reset_links(stage, withdrawn) == []


@pytest.mark.parametrize("address", ["/activate/nothing", "/reset/nothing", "/activate/é", "/reset/%00", "/reset/%ff"])
async def test_a_wrong_link_says_what_to_do(stage, address):
    page = await stage.browser().get(address)

    assert page.status_code == 404
    assert "Ce lien ne fonctionne pas" in read(page)


async def test_a_link_works_for_its_purpose_only(stage, firm):
    person = await stage.person(state=AccountState.PENDING)
    address = await link_for(stage, person, firm)

    assert (await stage.browser().get(address.replace("/activate/", "/reset/"))).status_code == 404


async def test_the_same_link_is_minted_twice_with_the_same_address(stage, firm):
    person, link_id = await stage.person(state=AccountState.PENDING), uuid7()

    first, second = [await link_for(stage, person, firm, link_id=link_id) for _ in range(2)]

    assert first == second


async def test_a_link_is_not_minted_for_somebody_elses_id(stage, firm):
    one, other, link_id = (
        await stage.person(state=AccountState.PENDING), await stage.person(state=AccountState.PENDING), uuid7(),
    )  # fmt: skip
    await link_for(stage, one, firm, link_id=link_id)

    with pytest.raises(ServiceError, match="link_of_another"):
        await link_for(stage, other, firm, link_id=link_id)


async def test_an_active_account_is_invited_to_its_door(stage, firm):
    person, client = await stage.person(), await stage.client_of(firm, "C0200")

    assert await link_for(stage, person, firm) == "/o/durand"
    assert await link_for(stage, client, firm) == "/login/durand"


async def test_the_secret_of_a_link_is_not_stored(stage, firm):
    person = await stage.person(state=AccountState.PENDING)
    token = (await link_for(stage, person, firm)).rpartition("/")[2]

    async with stage.unit() as unit:
        rows = await unit.fetch("SELECT links::text AS row FROM links WHERE account_id = $1", person.id)

    assert token not in rows[0]["row"]


async def test_asking_for_a_reset_says_the_same_for_everybody(stage):
    person, browser = await stage.person(), stage.browser()
    before = len(await stage.events("PasswordResetRequested"))

    known = await browser.submit("/reset", identifier=person.mail)
    unknown = await browser.submit("/reset", identifier="nobody@exemple.fr")

    assert known.text.replace(person.mail, "") == unknown.text.replace("nobody@exemple.fr", "")
    assert len(await stage.events("PasswordResetRequested")) == before + 1


async def test_resets_are_sent_three_times_at_most(stage):
    person, browser = await stage.person(), stage.browser()
    before = len(await stage.events("PasswordResetRequested"))

    pages = [await browser.submit("/reset", identifier=person.mail) for _ in range(6)]

    assert len({page.text for page in pages}) == 1
    assert len(await stage.events("PasswordResetRequested")) - before == 3


async def test_resets_asked_for_at_several_doors_are_counted_together(stage):
    for slug in ("durand", "petit", "moreau", "leroy"):
        stage.town.found(slug, slug)
    person, browser = await stage.person(), stage.browser()
    before = len(await stage.events("PasswordResetRequested"))

    for slug in ("durand", "petit", "moreau", "leroy"):
        await browser.submit(f"/reset?organisation={slug}", identifier=person.mail)

    assert len(await stage.events("PasswordResetRequested")) - before == 3


async def test_one_address_cannot_have_mails_sent_to_everybody(stage):
    person, visitor = await stage.person(), Visitor("192.0.2.44", "", "")
    before = len(await stage.events("PasswordResetRequested"))

    for number in range(21):
        await stage.password_links.request_reset(f"nobody-{number}@exemple.fr", None, "", visitor)
    await stage.password_links.request_reset(person.mail, None, "", visitor)
    elsewhere = len(await stage.events("PasswordResetRequested")) - before
    await stage.password_links.request_reset(person.mail, None, "", Visitor("192.0.2.45", "", ""))

    assert elsewhere == 0
    assert len(await stage.events("PasswordResetRequested")) - before == 1


async def test_a_managed_account_is_reset_at_its_firms_door(stage, firm):
    await stage.client_of(firm, "C0300")
    before = len(await stage.events("PasswordResetRequested"))

    await stage.browser().submit("/reset", identifier="C0300")
    elsewhere = len(await stage.events("PasswordResetRequested"))
    await stage.browser().submit("/reset?organisation=durand", identifier="C0300")

    assert elsewhere == before
    assert len(await stage.events("PasswordResetRequested")) == before + 1


async def test_a_reset_signs_every_device_out_and_lifts_the_wait(stage, firm):
    person, there, browser = await stage.person(), stage.browser(), stage.browser()
    await there.sign_in(person.mail)
    for _ in range(5):
        await stage.browser().sign_in(person.mail, "Wrong-2026!")
    address = await link_for(stage, person, firm, Purpose.RESET)

    done = await browser.submit(address, password=NEW)

    assert done.headers["location"] == "/o/durand"
    assert (await there.get("/password")).status_code == 303
    assert (await stage.browser().sign_in(person.mail, NEW)).headers["location"] == "/"
    assert (await stage.browser().sign_in(person.mail, PASSWORD)).status_code == 422


async def test_a_reset_does_not_get_around_the_second_factor(stage, firm):
    person, application, _ = await with_application(stage)
    browser = stage.browser()

    done = await browser.submit(await link_for(stage, person, firm, Purpose.RESET), password=NEW)

    assert done.headers["location"].startswith("/factor")
    assert not await is_signed_in(browser)
    assert stage.site.cookies.session not in browser.http.cookies
    await browser.submit(done.headers["location"], code=application.code())
    assert await is_signed_in(browser)


async def test_one_reset_makes_the_others_worthless(stage, firm):
    person = await stage.person()
    first, second = [await link_for(stage, person, firm, Purpose.RESET) for _ in range(2)]

    await stage.browser().submit(second, password=NEW)

    assert "remplacé ou retiré" in read(await stage.browser().get(first))


async def test_a_second_invitation_never_changes_a_password_that_is_set(stage, firm):
    person = await stage.person(state=AccountState.PENDING)
    other = stage.town.found("petit", "Cabinet Petit")
    first, second = await link_for(stage, person, firm), await link_for(stage, person, other)
    await stage.run("UPDATE links SET revoked_at = NULL")

    await stage.browser().submit(first, password=NEW)
    await stage.run("UPDATE links SET revoked_at = NULL WHERE account_id = :id", id=person.id)

    assert (await stage.browser().get(second)).status_code == 410
