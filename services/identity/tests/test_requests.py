"""Asking an organisation for an account: one answer for everybody, a mail that proves the address, one request."""

import asyncio

import pytest
from identity_stage import PASSWORD, read

from parvis.identity.v1 import events_pb2, identity_pb2
from parvis_identity.domain.links import Purpose, token_of
from parvis_identity.models import AccountState
from parvis_identity.rpc import AccountRpc
from parvis_identity.store import requests as store
from parvis_kit.errors import ServiceError
from parvis_kit.ids import uuid7

TYPED = {"given_name": "Inès", "family_name": "Moreau", "message": "Je tiens la comptabilité."}


@pytest.fixture
def firm(stage):
    slug = f"firm-{uuid7().hex[:8]}"
    stage.town.found(slug, "Cabinet Armor")
    return stage.town.open_requests(slug)


async def ask(stage, firm, mail, **typed):
    """Fills in the public page; the link of the mail that follows, "" when none does."""
    before = len(await stage.events("AccessRequestOpened"))
    answer = await stage.browser().submit(f"/join/{firm.slug}", **TYPED | {"mail": mail} | typed)
    opened = (await stage.events("AccessRequestOpened"))[before:]
    if not opened:
        return answer, ""
    event = events_pb2.AccessRequestOpened.FromString(opened[-1])
    async with stage.unit(firm.id) as unit:
        link = await AccountRpc(stage.links, stage.requests, stage.domains, stage.erasure).MintLink(
            unit,
            identity_pb2.MintLinkRequest(link_id=event.request_id, purpose=identity_pb2.LINK_PURPOSE_REQUEST),
        )
    return answer, link.url.partition("//")[2].partition("/")[2]


async def sent(stage):
    return [events_pb2.AccessRequested.FromString(each) for each in await stage.events("AccessRequested")]


async def acts(stage, firm):
    async with stage.unit(firm.id) as unit:
        rows = await unit.fetch("SELECT act FROM audit WHERE act LIKE 'request.%' ORDER BY id")
    return [row["act"] for row in rows]


def address():
    return f"{uuid7().hex}@demande.example"


async def test_everybody_gets_the_same_answer(stage, firm):
    known = await stage.person()
    closed = await stage.person(state=AccountState.DISABLED)
    pages = []
    for mail in (address(), known.mail, closed.mail):
        answer, _ = await ask(stage, firm, mail)
        pages.append(read(answer).replace(mail, "…"))
    assert answer.status_code == 200
    assert len({page.partition("<main")[2] for page in pages}) == 1


async def test_asking_opens_nothing_and_looks_up_nobody(stage, firm):
    mail, before = address(), len(await sent(stage))
    await ask(stage, firm, mail)
    async with stage.unit() as unit:
        assert not await unit.fetch("SELECT 1 FROM accounts WHERE mail = $1", mail)
    assert len(await sent(stage)) == before


async def test_a_new_person_chooses_a_password_and_the_request_leaves(stage, firm):
    mail, before = address(), len(await sent(stage))
    _, link = await ask(stage, firm, mail)
    browser = stage.browser()
    assert "Choisissez votre mot de passe" in read(await browser.get(link))

    first = await browser.submit(f"/{link}")
    assert len(await sent(stage)) == before
    page = await browser.get(first.headers["location"])
    done = await browser.submit(first.headers["location"], password=PASSWORD)

    assert "Votre demande part chez Cabinet Armor" in read(page)
    assert done.headers["location"] == f"/o/{firm.slug}"
    [event] = (await sent(stage))[before:]
    assert (event.mail, event.given_name, event.message) == (mail, "Inès", TYPED["message"])
    assert await acts(stage, firm) == ["request.opened", "request.proven", "request.sent"]


async def test_an_existing_account_signs_in_first(stage, firm):
    known, before = await stage.person(), len(await sent(stage))
    _, link = await ask(stage, firm, known.mail.upper())
    browser = stage.browser()
    page = read(await browser.get(link))
    assert "Vous avez déjà un compte" in page
    refused = await browser.submit(f"/login?next=/{link}", identifier=known.mail, password="not-this-one")
    arrived = await browser.submit(f"/login?next=/{link}", identifier=known.mail, password=PASSWORD)

    assert refused.status_code == 422
    assert arrived.headers["location"] == f"/{link}"
    done = await browser.submit(f"/{link}")

    assert done.headers["location"] == f"/requests/{firm.slug}"
    [event] = (await sent(stage))[before:]
    assert event.account_id == str(known.id)


async def test_whoever_is_signed_in_as_another_sends_nothing(stage, firm):
    known, other, before = await stage.person(), await stage.person(), len(await sent(stage))
    _, link = await ask(stage, firm, known.mail)
    browser = stage.browser()
    await browser.sign_in(other.mail)
    form = ((f"/{link}"), {"csrf": (await browser.form("/password"))[1]["csrf"]})

    answer = await browser.send(form)

    assert "cette demande concerne" in read(answer)
    assert len(await sent(stage)) == before


async def test_a_link_opened_twice_sends_once(stage, firm):
    known, before = await stage.person(), len(await sent(stage))
    _, link = await ask(stage, firm, known.mail)
    browser = stage.browser()
    await browser.sign_in(known.mail)
    form = await browser.form(f"/{link}")

    await asyncio.gather(browser.send(form), browser.send(form))

    assert len(await sent(stage)) == before + 1
    again = await browser.get(link)
    assert again.status_code == 410
    assert "Votre demande est envoyée" in read(again)


async def test_an_expired_link_sends_nothing_and_says_what_to_do(stage, firm):
    known, before = await stage.person(), len(await sent(stage))
    _, link = await ask(stage, firm, known.mail)
    await stage.run("UPDATE access_requests SET expires_at = now() - interval '1 second'")
    browser = stage.browser()
    await browser.sign_in(known.mail)
    form = (f"/{link}", {"csrf": (await browser.form("/password"))[1]["csrf"]})

    answer = await browser.send(form)

    assert answer.status_code == 410
    assert "Refaites votre demande" in read(answer)
    assert len(await sent(stage)) == before


async def test_a_link_opens_at_its_own_organisation_only(stage, firm):
    _, link = await ask(stage, firm, address())
    other = stage.town.found(f"other-{uuid7().hex[:8]}", "Autre")
    answer = await stage.browser().get(link.replace(firm.slug, other.slug))
    assert answer.status_code == 404


async def test_what_cannot_be_accepted_is_said_at_its_field(stage, firm):
    wrong = {"given_name": "", "family_name": "www.piege.example", "mail": "pas-une-adresse", "message": "x" * 1001}
    answer, link = await ask(stage, firm, wrong.pop("mail"), **wrong)
    page = read(answer)
    assert (answer.status_code, link) == (422, "")
    for said in ("Ce champ est nécessaire", "pas d'adresse web", "nom@exemple.fr", "C'est trop long"):
        assert said in page


@pytest.mark.parametrize("hidden", ["\u202egnirts", "a\u200bb", "a\x1bb", "\u2066x"])
async def test_a_message_hides_nothing(stage, firm, hidden):
    answer, link = await ask(stage, firm, address(), message=hidden)
    assert (answer.status_code, link) == (422, "")
    assert "signe invisible" in read(answer)


async def test_a_message_has_lines_as_they_were_written(stage, firm):
    known = await stage.person()
    _, link = await ask(stage, firm, known.mail, message="Bonjour\u00a0!\r\n\r\nJe tiens la comptabilité 👩\u200d💻.")
    browser = stage.browser()
    await browser.sign_in(known.mail)
    await browser.submit(f"/{link}")
    assert (await sent(stage))[-1].message == "Bonjour\u00a0!\n\nJe tiens la comptabilité 👩\u200d💻."


async def test_opening_an_account_waits_for_whoever_sets_its_password(stage, firm):
    """As in `PasswordLinks.set_through_link`: the account is locked first, then its requests."""
    mail = address()
    token = (await ask(stage, firm, mail))[1].rpartition("/")[2]
    await stage.requests.begin_account(token, firm.slug)
    async with stage.unit() as unit:
        [row] = await unit.fetch("SELECT id FROM accounts WHERE mail = $1 FOR UPDATE", mail)
        again = asyncio.create_task(stage.requests.begin_account(token, firm.slug))
        waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        async with stage.unit() as watcher, asyncio.timeout(20):
            while not await watcher.fetch(waits):
                await watcher.fetch("SELECT pg_stat_clear_snapshot()")
        assert len(await store.proven(unit, row["id"])) == 1
    assert (await again).startswith("/activate/")


async def test_an_organisation_that_takes_no_requests_says_so(stage):
    closed = stage.town.found(f"closed-{uuid7().hex[:8]}", "Fermé")
    page = await stage.browser().get(f"/join/{closed.slug}")
    assert page.status_code == 410
    assert "ne reçoit pas de demandes" in read(page)
    assert "Demander un accès" not in read(await stage.browser().get(f"/login/{closed.slug}"))


async def test_its_sign_in_page_offers_it_otherwise(stage, firm):
    assert f"/join/{firm.slug}" in (await stage.browser().get(f"/login/{firm.slug}")).text


async def test_an_address_is_not_written_to_again_and_again(stage, firm):
    mail = address()
    links = [(await ask(stage, firm, mail))[1] for _ in range(5)]
    assert sum(map(bool, links)) == 3
    assert (await acts(stage, firm)).count("request.throttled") == 2


async def test_the_mail_of_another_firms_request_is_not_minted(stage, firm):
    _, link = await ask(stage, firm, address())
    async with stage.unit() as unit:
        [row] = await unit.fetch("SELECT id FROM access_requests ORDER BY id DESC LIMIT 1")
    assert link.endswith(token_of(stage.ring.link_secret, row["id"], Purpose.REQUEST))
    with pytest.raises(ServiceError, match="request_not_found"):
        async with stage.unit(uuid7()) as unit:
            await stage.requests.mint(unit, row["id"])


async def test_an_invited_person_who_asks_elsewhere_opens_the_same_account(stage, firm):
    invited, before = await stage.person(state=AccountState.PENDING), len(await sent(stage))
    _, link = await ask(stage, firm, invited.mail)
    browser = stage.browser()
    first = await browser.submit(f"/{link}")
    await browser.submit(first.headers["location"], password=PASSWORD)
    [event] = (await sent(stage))[before:]
    assert event.account_id == str(invited.id)
