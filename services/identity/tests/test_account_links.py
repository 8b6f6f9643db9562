"""Linking a personal account with an account of a firm: both are proven, and either side ends it."""

import re

import pytest
from factor_parts import add_application
from identity_stage import PASSWORD, read

from parvis.identity.v1 import events_pb2
from parvis_identity.service import sessions
from parvis_identity.service.organisations import Membership
from parvis_identity.store import account_links as store
from parvis_kit.ids import uuid7

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


@pytest.fixture
def firm(stage):
    return stage.town.found(f"firm-{uuid7().hex[20:]}", "Cabinet Armor")


async def signed_in(stage, account, firm=None):
    browser = stage.browser()
    await browser.sign_in(account.identifier, at=f"/login/{firm.slug}" if firm else "/login")
    return browser


async def link(browser, firm, client, *, door="", **typed):
    given = {"firm": door or f"https://portail.exemple.fr/login/{firm.slug}", "identifier": client.identifier}
    return await browser.submit("/links", **given | {"password": PASSWORD} | typed)


async def pair(stage, firm):
    """A person and their account at a firm, linked; with the person's browser."""
    person, client = await stage.person(), await stage.client_of(firm, f"C{uuid7().hex[20:]}")
    browser = await signed_in(stage, person)
    assert (await link(browser, firm, client)).headers["location"] == "/links?done=linked"
    return person, client, browser


async def told(stage, name):
    event_class = getattr(events_pb2, name)
    return [event_class.FromString(each).link for each in await stage.events(name)]


async def grow_old(stage, account):
    older = "UPDATE sessions SET auth_time = auth_time - interval '6 minutes' WHERE account_id = :id"
    await stage.run(older, id=account.id)


async def acts(stage, organisation_id, target):
    async with stage.unit(organisation_id) as unit:
        query = "SELECT act FROM audit WHERE target_id = $1 AND act LIKE 'account.%linked' ORDER BY at"
        rows = await unit.fetch(query, str(target))
    return [row["act"] for row in rows]


async def test_whoever_proves_both_links_them_and_both_trails_say_so(stage, firm):
    person, client, browser = await pair(stage, firm)

    page = read(await browser.get("/links?done=linked"))

    assert "Les comptes sont reliés" in page
    assert "Cabinet Armor" in page
    found = (await told(stage, "AccountLinked"))[-1]
    assert (found.personal_id, found.managed_id) == (str(person.id), str(client.id))
    assert (found.given_name, found.managed_given_name) == (person.given_name, client.given_name)
    assert await acts(stage, None, person.id) == ["account.linked"]
    assert await acts(stage, firm.id, client.id) == ["account.linked"]


async def test_the_firms_own_page_names_the_personal_account_to_its_owner_only(stage, firm):
    person, client, _ = await pair(stage, firm)
    theirs = await signed_in(stage, client, firm)
    assert person.mail in read(await theirs.get("/links"))
    async with stage.unit(firm.id) as unit:
        rows = await unit.fetch("SELECT * FROM audit WHERE organisation_id = $1", firm.id)
    assert not [row for row in rows if str(person.id) in str(dict(row)) or person.mail in str(dict(row))]


@pytest.mark.parametrize("wrong", [{"password": "not-this-one"}, {"identifier": "C-nobody"}])
async def test_wrong_and_unknown_get_one_answer_at_the_price_of_one_hash(stage, firm, wrong):
    person, client = await stage.person(), await stage.client_of(firm, f"C{uuid7().hex[20:]}")
    browser = await signed_in(stage, person)
    form = await browser.form("/links")
    before, linked = stage.hasher.computed, len(await told(stage, "AccountLinked"))

    typed = {"firm": firm.slug, "identifier": client.identifier, "password": PASSWORD} | wrong
    answer = await browser.send(form, **typed)

    assert "Code client ou mot de passe incorrect." in read(answer)
    assert stage.hasher.computed == before + 1
    assert len(await told(stage, "AccountLinked")) == linked


async def test_tries_wait_as_at_the_sign_in_page(stage, firm):
    person, client = await stage.person(), await stage.client_of(firm, f"C{uuid7().hex[20:]}")
    browser = await signed_in(stage, person)
    for _ in range(4):
        answer = await link(browser, firm, client, password="not-this-one")
    assert "Attendez" in read(answer)
    door = await stage.browser().sign_in(client.identifier, at=f"/login/{firm.slug}")
    assert door.status_code == 422


async def test_somebodys_mail_address_is_no_account_of_the_firm(stage, firm):
    person, other = await stage.person(), await stage.person()
    answer = await link(await signed_in(stage, person), firm, other)
    assert "Code client ou mot de passe incorrect." in read(answer)


async def test_an_older_sign_in_asks_for_ones_own_password(stage, firm):
    person, client = await stage.person(), await stage.client_of(firm, f"C{uuid7().hex[20:]}")
    browser = await signed_in(stage, person)
    await grow_old(stage, person)

    without = await link(browser, firm, client)
    wrong = await link(browser, firm, client, current="not-this-one")
    right = await link(browser, firm, client, current=PASSWORD)

    assert without.status_code == 422
    assert "Ce n'est pas votre mot de passe actuel" in read(wrong)
    assert right.headers["location"] == "/links?done=linked"


async def test_an_account_that_is_linked_is_not_linked_again(stage, firm):
    _, client, _ = await pair(stage, firm)
    answer = await link(await signed_in(stage, await stage.person()), firm, client)
    assert "relié à un autre compte personnel" in read(answer)


async def test_of_each_firm_one_account(stage, firm):
    _, _, browser = await pair(stage, firm)
    second = await stage.client_of(firm, f"C{uuid7().hex[20:]}")
    assert "un seul par cabinet" in read(await link(browser, firm, second))


async def test_an_address_of_no_firm_is_said_at_its_field(stage, firm):
    person, client = await stage.person(), await stage.client_of(firm, f"C{uuid7().hex[20:]}")
    answer = await link(await signed_in(stage, person), firm, client, door="https://ailleurs.example/login/personne")
    assert "Aucun cabinet n'a cette adresse" in read(answer)


@pytest.mark.parametrize("side", ["personal", "managed"])
async def test_either_side_ends_it_at_once(stage, firm, side):
    person, client, mine = await pair(stage, firm)
    browser = mine if side == "personal" else await signed_in(stage, client, firm)
    where = re.search(r"/links/[0-9a-f-]+/unlink", (await browser.get("/links")).text)[0]

    answer = await browser.submit(where)

    assert answer.headers["location"] == "/links?done=unlinked"
    async with stage.unit() as unit:
        assert not await store.reaches(unit, person.id, client.id)
    assert (await told(stage, "AccountUnlinked"))[-1].managed_id == str(client.id)
    assert (await acts(stage, firm.id, client.id)) == ["account.linked", "account.unlinked"]
    assert (await browser.get(where)).headers["location"] == "/links"  # with the back button


async def test_nobody_else_ends_it(stage, firm):
    person, client, browser = await pair(stage, firm)
    where = re.search(r"/links/[0-9a-f-]+/unlink", (await browser.get("/links")).text)[0]
    stranger = await signed_in(stage, await stage.person())
    csrf = (await stranger.form("/password"))[1]["csrf"]

    answer = await stranger.send((where, {"csrf": csrf}))

    assert answer.headers["location"] == "/links"  # as for one that is not there any more
    async with stage.unit() as unit:
        assert await store.reaches(unit, person.id, client.id)


async def test_a_token_of_a_linked_membership_rests_on_our_own_table(stage, firm):
    """Tenancy hears of the end a moment later: nothing is issued meanwhile."""
    person, client, browser = await pair(stage, firm)
    stage.town.memberships[person.id, firm.id] = Membership(uuid7(), "portal", client.id)
    async with stage.unit() as unit:
        assert await store.reaches(unit, person.id, client.id)
        await sessions.disable_account(unit, client.id)
    async with stage.unit() as unit:
        assert not await store.reaches(unit, person.id, client.id)
    assert (await told(stage, "AccountUnlinked"))[-1].personal_id == str(person.id)
    del browser


async def test_a_password_that_was_handed_over_proves_nothing(stage, firm):
    person, client = await stage.person(), await stage.client_of(firm, f"C{uuid7().hex[20:]}")
    await stage.run(
        "UPDATE credentials SET provisional = true, expires_at = now() + interval '1 day' WHERE account_id = :id",
        id=client.id,
    )
    answer = await link(await signed_in(stage, person), firm, client)
    assert "Code client ou mot de passe incorrect." in read(answer)


async def test_the_second_factor_of_the_other_side_is_asked_too(stage, firm):
    person, client = await stage.person(), await stage.client_of(firm, f"C{uuid7().hex[20:]}")
    application, _ = await add_application(await signed_in(stage, client, firm))
    browser = await signed_in(stage, person)

    without = await link(browser, firm, client)
    wrong = await link(browser, firm, client, code="000000")
    right = await link(browser, firm, client, code=application.code())

    assert (without.status_code, wrong.status_code) == (422, 422)
    assert "Ce compte demande une confirmation" in read(without)
    assert right.headers["location"] == "/links?done=linked"
