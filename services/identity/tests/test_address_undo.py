"""A change of address is undone from the old one, for a week, and the address stays its owner's that long."""

import pytest
from address_parts import asked, changed, days_later, link, new_mail, now
from identity_stage import PASSWORD, read

from parvis.identity.v1 import events_pb2
from parvis_identity.domain.links import Purpose
from parvis_identity.models import AccountState
from parvis_identity.service import accounts
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


async def test_an_undo_restores_the_address_ends_every_session_and_asks_for_a_password(stage, person, browser):
    mail = new_mail()
    old, _ = await changed(stage, browser, mail)
    victim = stage.browser()

    answer = await victim.submit(old)

    assert (await now(stage, person)).mail == person.mail
    assert (await browser.get("/address")).headers["location"].startswith("/login")
    assert (await stage.browser().sign_in(person.mail)).status_code == 422  # the password was known to somebody
    assert answer.headers["location"].startswith("/reset/")
    chosen = await victim.submit(answer.headers["location"], password="Retrouve-2027!")
    assert chosen.status_code == 303
    assert (await stage.browser().sign_in(person.mail, "Retrouve-2027!")).status_code == 303
    told = events_pb2.AccountChanged.FromString((await stage.events("AccountChanged"))[-1])
    assert told.mail == person.mail


async def test_a_second_change_does_not_take_the_undo_from_the_first_address(stage, person, browser):
    first, _ = await changed(stage, browser, new_mail())
    second, _ = await changed(stage, browser, new_mail())

    await stage.browser().submit(first)
    late = await stage.browser().get(second)

    assert (await now(stage, person)).mail == person.mail
    assert "Ce changement a été annulé" in read(late)


async def test_an_undo_of_the_second_change_leaves_the_first_address_its_own(stage, person, browser):
    between = new_mail()
    first, _ = await changed(stage, browser, between)
    second, _ = await changed(stage, browser, new_mail())

    await stage.browser().submit(second)
    restored = (await now(stage, person)).mail
    await stage.browser().submit(first)

    assert restored == between
    assert (await now(stage, person)).mail == person.mail


async def test_an_undo_ends_what_waits(stage, person, browser):
    old, _ = await changed(stage, browser, new_mail())
    waiting = await link(stage, await asked(stage, browser, new_mail()))

    await stage.browser().submit(old)

    assert (await stage.browser().get(waiting)).status_code == 410
    assert (await now(stage, person)).mail == person.mail


async def test_an_undo_works_for_a_week(stage, person, browser):
    old, _ = await changed(stage, browser, new_mail())
    await stage.run(
        "UPDATE address_changes SET done_at = now() - interval '7 days' WHERE account_id = :id", id=person.id
    )
    answer = await stage.browser().get(old)
    assert answer.status_code == 410
    assert "il y a plus d'une semaine" in read(answer)


async def test_the_way_back_needs_the_first_address_only_and_ends_every_undo(stage, person, browser):
    stolen = new_mail()
    theirs, _ = await changed(stage, browser, stolen)
    second = new_mail()
    undo_of_thief, _ = await changed(stage, browser, second)  # to be undone from the thief's address
    thief = stage.browser()
    await thief.sign_in(second)
    event = await asked(stage, browser, person.mail)

    answer = await browser.submit(await link(stage, event))
    with pytest.raises(ServiceError, match="link_withdrawn"):
        await link(stage, event, Purpose.ADDRESS_OLD)
    late = [await stage.browser().get(each) for each in (theirs, undo_of_thief)]

    assert event.old_confirmed
    assert "Vous avez retrouvé votre adresse" in read(answer)
    assert (await now(stage, person)).mail == person.mail
    assert [each.status_code for each in late] == [410, 410]
    assert (await thief.get("/address")).headers["location"].startswith("/login")
    assert (await browser.get("/address")).status_code == 200


async def test_an_address_is_nobody_elses_while_it_may_be_taken_back(stage, person, browser):
    old, _ = await changed(stage, browser, new_mail())
    other = await stage.person()
    rival = stage.browser()
    await rival.sign_in(other.mail)

    async with stage.unit() as unit:
        invited = await accounts.ensure_personal(
            unit, mail=person.mail.upper(), given_name="Zoé", family_name="Le Bris", locale="fr"
        )
    wanted = await asked(stage, rival, person.mail)
    await stage.browser().submit(old)

    assert invited.id == person.id
    assert wanted.taken
    assert (await now(stage, person)).mail == person.mail


async def test_an_address_is_free_once_its_week_is_over(stage, person, browser):
    await changed(stage, browser, new_mail())
    await days_later(stage, person, 7, "done_at")
    assert (await stage.person(mail=person.mail)).id != person.id


async def test_an_account_whose_old_address_is_gone_is_closed_rather_than_left_to_a_thief(stage, person, browser):
    old, _ = await changed(stage, browser, new_mail())
    other = await stage.person()
    await stage.run(  # as code of the release before could
        "UPDATE accounts SET identifier_key = :key WHERE id = :id", key=person.identifier_key, id=other.id
    )

    answer = await stage.browser().submit(old)
    again = await stage.browser().get(old)

    assert "il est fermé" in read(answer)
    assert "il est fermé" in read(again)
    assert (await now(stage, person)).state == AccountState.DISABLED


async def test_a_change_of_password_does_not_take_the_undo_away(stage, person, browser):
    old, _ = await changed(stage, browser, new_mail())
    await browser.submit("/password", current=PASSWORD, password="Voleur-2027!")

    await stage.browser().submit(old)

    assert (await now(stage, person)).mail == person.mail
