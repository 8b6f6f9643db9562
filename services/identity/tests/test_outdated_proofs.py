"""A password that was right when it was looked at, and was replaced before the answer: what ended stays ended."""

import secrets

import pytest
from identity_stage import PASSWORD
from test_provisional_passwords import hand_over

from parvis_identity.models import AccountState
from parvis_identity.service import sessions
from parvis_identity.store import accounts as store

pytestmark = pytest.mark.usefixtures("nobody_failed_before")
NEW = "Nouveau-2027!"


@pytest.fixture
async def firm(stage):
    return stage.town.found(f"cabinet-{secrets.token_hex(3)}", "Cabinet Guérin")


class Meanwhile:
    """The hasher, and something that happens once just after it has found a password right."""

    def __init__(self, hasher, act):
        self._hasher, self._act = hasher, act

    def __getattr__(self, name):
        return getattr(self._hasher, name)

    async def matches(self, encoded, password):
        right = await self._hasher.matches(encoded, password)
        act, self._act = self._act, None
        if act is not None:
            await act
        return right


@pytest.fixture
def meanwhile(stage):
    """Says what happens while the next password is looked at."""

    def said(act):
        stage.passwords._hasher = Meanwhile(stage.hasher, act)

    yield said
    stage.passwords._hasher = stage.hasher


async def reset(stage, account):
    """Its owner chooses another password through a link: every session ends."""
    async with stage.unit() as unit:
        await store.lock(unit, account.id)
        await store.set_password_hash(unit, account.id, await stage.hasher.hash(NEW))
        await sessions.end(unit, account.id)


async def undone(stage, account):
    """The old address takes the account back: no password, no session."""
    async with stage.unit() as unit:
        await store.lock(unit, account.id)
        await store.drop_password(unit, account.id)
        await sessions.end(unit, account.id)


async def open_sessions(stage, account):
    async with stage.unit() as unit:
        return await unit.fetch("SELECT 1 FROM sessions WHERE account_id = $1 AND ended_at IS NULL", account.id)


@pytest.mark.parametrize("act", [reset, undone])
async def test_nobody_signs_in_with_a_password_that_was_replaced_meanwhile(stage, meanwhile, act):
    person = await stage.person()
    meanwhile(act(stage, person))
    answer = await stage.browser().sign_in(person.mail)
    assert answer.status_code == 422
    assert not await open_sessions(stage, person)


async def test_a_provisional_password_that_was_replaced_meanwhile_lets_nobody_choose(stage, meanwhile, firm):
    client = await stage.client_of(firm, "C0400", state=AccountState.PENDING)
    secret = await hand_over(stage, firm, client)
    meanwhile(reset(stage, client))
    answer = await stage.browser().sign_in("C0400", secret, at=f"/login/{firm.slug}")
    assert answer.status_code == 422


async def test_a_first_choice_counts_only_while_the_password_is_provisional(stage, firm):
    client = await stage.client_of(firm, "C0401", state=AccountState.PENDING)
    secret = await hand_over(stage, firm, client)
    browser = stage.browser()
    right = await browser.sign_in("C0401", secret, at=f"/login/{firm.slug}")
    form = await browser.form(right.headers["location"])
    await reset(stage, client)
    async with stage.unit() as unit:
        chosen = await store.password_hash(unit, client.id)
    answer = await browser.send(form, password="Autrement-2027!")
    async with stage.unit() as unit:
        assert await store.password_hash(unit, client.id) == chosen
    assert answer.status_code == 410


@pytest.mark.parametrize("act", [reset, undone])
async def test_a_change_of_password_does_not_outlive_its_session(stage, meanwhile, act):
    person, browser = await stage.person(), stage.browser()
    await browser.sign_in(person.mail)
    meanwhile(act(stage, person))
    answer = await browser.submit("/password", current=PASSWORD, password="Voleur-2027!")
    assert answer.headers["location"].startswith("/login")
    assert (await stage.browser().sign_in(person.mail, "Voleur-2027!")).status_code == 422


async def test_a_change_of_address_is_not_asked_from_a_session_that_ended(stage, meanwhile):
    person, browser = await stage.person(), stage.browser()
    await browser.sign_in(person.mail)
    before = await stage.events("AddressChangeRequested")
    meanwhile(reset(stage, person))
    answer = await browser.submit("/address", mail=f"{secrets.token_hex(6)}@voleur.example", password=PASSWORD)
    assert answer.headers["location"].startswith("/login")
    assert await stage.events("AddressChangeRequested") == before
    assert await stage.audited("password.proof_outdated")
