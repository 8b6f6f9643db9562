"""What an operator does to an account on the command line: closes it, and opens it again."""

from argparse import Namespace
from uuid import UUID

import pytest
from identity_stage import PASSWORD, Flow

from parvis.identity.v1 import events_pb2
from parvis_identity import closing
from parvis_identity.commands import COMMANDS
from parvis_identity.domain.links import Purpose, token_of
from parvis_identity.models import Account, AccountState
from parvis_kit.ids import uuid7

pytestmark = pytest.mark.usefixtures("nobody_failed_before")
NEW = "Un-autre-mot-2026!"


@pytest.fixture
def says(stage, capsys):
    """Runs a command: its exit status, and what it said."""

    async def run(identifier: str, *, opens: bool, organisation: str = "") -> tuple[int, str]:
        arguments = Namespace(identifier=identifier, organisation=organisation)
        status = await closing.act(stage.database, stage.town, stage.ring, arguments, opens=opens)
        return status, capsys.readouterr().out

    return run


@pytest.fixture
def firm(stage):
    return stage.town.found(f"cabinet-{uuid7().hex[-8:]}", "Cabinet")


async def state_of(stage, account) -> str:
    async with stage.unit() as unit:
        return (await unit.get(Account, account.id)).state


async def trail_of(stage, firm, account) -> list[str]:
    """The acts about an account that its firm reads."""
    async with stage.unit(firm.id) as unit:
        query = "SELECT act FROM audit WHERE organisation_id = $1 AND target_id = $2 ORDER BY id"
        return [row["act"] for row in await unit.fetch(query, firm.id, str(account.id))]


async def test_a_closed_account_is_out_and_what_it_was_granted_is_worth_nothing(stage, says):
    person = await stage.person()
    browser, flow = stage.browser(), Flow(*await stage.relying_party())
    await browser.sign_in(person.mail)
    tokens = (await flow.exchange(browser, await flow.code(browser))).json()
    waiting = await flow.code(browser)
    told = len(await stage.events("AccountDisabled"))

    status, said = await says(person.mail.upper(), opens=False)

    assert (status, "is closed" in said) == (0, True)
    assert (await flow.refresh(browser, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await flow.exchange(browser, waiting)).json()["error"] == "invalid_grant"
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await browser.get("/oauth2/userinfo", headers=bearer)).status_code == 401
    assert (await browser.sign_in(person.mail)).status_code == 422
    assert len(await stage.events("AccountDisabled")) == told + 1


async def test_whoever_is_let_in_again_chooses_a_new_password(stage, says):
    person, browser = await stage.person(), stage.browser()
    await says(person.mail, opens=False)

    status, said = await says(person.mail, opens=True)

    assert (status, "is open again" in said) == (0, True)
    assert (await browser.sign_in(person.mail)).status_code == 422, "the old password is worthless"
    asked = events_pb2.PasswordResetRequested.FromString((await stage.events("PasswordResetRequested"))[-1])
    assert asked.account_id == str(person.id)
    secret = token_of(stage.ring.link_secret, UUID(asked.link_id), Purpose.RESET)
    assert (await browser.submit(f"/reset/{secret}", password=NEW)).status_code == 303
    assert (await stage.browser().sign_in(person.mail, NEW)).status_code == 303
    assert await stage.audited("account.reopened")


async def test_a_link_that_was_sent_before_the_end_opens_nothing_after_a_reopening(stage, says):
    person, browser = await stage.person(), stage.browser()
    await browser.submit("/reset", identifier=person.mail)
    old = events_pb2.PasswordResetRequested.FromString((await stage.events("PasswordResetRequested"))[-1])
    await says(person.mail, opens=False)
    await says(person.mail, opens=True)

    page = await browser.get(f"/reset/{token_of(stage.ring.link_secret, UUID(old.link_id), Purpose.RESET)}")

    assert 'name="password"' not in page.text


async def test_a_firms_account_is_found_by_its_identifier_there_and_the_firm_reads_of_it(stage, says, firm):
    client = await stage.client_of(firm, "C0042")
    other = await stage.client_of(stage.town.found(f"autre-{uuid7().hex[-8:]}", "Autre"), "C0042")

    assert (await says("c0042", opens=False, organisation=firm.slug))[0] == 0
    assert (await state_of(stage, client), await state_of(stage, other)) == (AccountState.DISABLED, AccountState.ACTIVE)
    assert (await says("C0042", opens=True, organisation=firm.slug))[0] == 0

    assert await trail_of(stage, firm, client) == [
        "account.created", "account.disabled", "account.reopened", "password.reset_requested",
    ]  # fmt: skip


async def test_a_firms_door_closes_nobody_elses_account(stage, says, firm):
    person = await stage.person()

    status, said = await says(person.mail, opens=False, organisation=firm.slug)

    assert (status, "no such account" in said) == (2, True)
    assert await state_of(stage, person) == AccountState.ACTIVE


async def test_an_account_that_was_never_in_use_waits_for_an_invitation(stage, says):
    person = await stage.person(state=AccountState.PENDING)
    await says(person.mail, opens=False)
    sent = len(await stage.events("PasswordResetRequested"))

    status, said = await says(person.mail, opens=True)

    assert (status, "another invitation" in said) == (0, True)
    assert await state_of(stage, person) == AccountState.PENDING
    assert len(await stage.events("PasswordResetRequested")) == sent


async def test_without_a_mail_address_the_firm_hands_over_a_password(stage, says, firm):
    client = await stage.client_of(firm, "SANS-MAIL")
    await stage.run("UPDATE accounts SET mail = '' WHERE id = :id", id=client.id)
    await says("SANS-MAIL", opens=False, organisation=firm.slug)

    status, said = await says("SANS-MAIL", opens=True, organisation=firm.slug)

    assert (status, "provisional password" in said) == (0, True)


@pytest.mark.parametrize(
    ("opens", "organisation", "status", "words"),
    [(True, "", 0, "was open already"), (False, "inconnue", 2, "no organisation")],
)
async def test_what_is_not_to_be_done_is_said_and_nothing_changes(stage, says, opens, organisation, status, words):
    person = await stage.person()

    told = await says(person.mail, opens=opens, organisation=organisation)

    assert (told[0], words in told[1]) == (status, True)
    assert (await stage.browser().sign_in(person.mail, PASSWORD)).status_code == 303


def test_the_commands_are_there():
    assert {"close-account", "reopen-account"} <= set(COMMANDS)
