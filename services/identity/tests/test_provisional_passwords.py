"""Provisional passwords, which a firm hands over: they let their owner choose another one, no more."""

import re
from contextlib import asynccontextmanager

import pytest
from identity_stage import read

from parvis_identity.domain import provisional
from parvis_identity.models import Account, AccountState, Credential
from parvis_identity.service import accounts
from parvis_identity.service.provisional_passwords import ProvisionalPasswords
from parvis_kit.errors import ServiceError
from parvis_kit.ids import uuid7

pytestmark = pytest.mark.usefixtures("nobody_failed_before")
NEW = "Chalutier$2026"


@pytest.fixture
async def firm(stage, request):
    slug = re.sub(r"\W+", "-", request.node.name)[:60].strip("-").lower()
    return stage.town.found(slug, "Cabinet Iroise")


async def hand_over(stage, firm, account):
    issuing = ProvisionalPasswords(stage.hasher, stage.settings)
    return (await issuing.issue(lambda: stage.unit(firm.id), account.id)).password


def test_a_provisional_password_reads_and_types_easily():
    drawn = {provisional.draw() for _ in range(200)}
    assert len(drawn) == 200
    assert all(re.fullmatch(r"([a-hj-km-np-z2-9]{4}-){3}[a-hj-km-np-z2-9]{4}", each) for each in drawn)
    one = drawn.pop()
    assert provisional.typed(one) == provisional.typed(one.upper().replace("-", " ")) == one.replace("-", "")


async def test_a_provisional_password_lets_choose_ones_own_and_no_more(stage, firm):
    client = await stage.client_of(firm, "C0310", state=AccountState.PENDING)
    secret = await hand_over(stage, firm, client)
    browser = stage.browser()
    before = len(await stage.events("AccountActivated"))

    right = await browser.sign_in("C0310", secret.upper().replace("-", " "), at=f"/login/{firm.slug}")
    inside = await browser.get("/password")
    same = await browser.submit(right.headers["location"], password=secret)
    chosen = await browser.submit(right.headers["location"], password=NEW)
    again = await stage.browser().sign_in("C0310", secret, at=f"/login/{firm.slug}")

    assert right.headers["location"].startswith("/renew/")
    assert inside.headers["location"].startswith("/login")  # nobody is signed in yet
    assert same.status_code == 422
    assert chosen.headers["location"] == f"/o/{firm.slug}"
    assert len(await stage.events("AccountActivated")) == before + 1
    assert again.status_code == 422


async def test_a_provisional_password_ends_after_its_days(stage, firm):
    client = await stage.client_of(firm, "C0311", state=AccountState.PENDING)
    secret = await hand_over(stage, firm, client)
    await stage.run("UPDATE credentials SET expires_at = now() WHERE account_id = :id", id=client.id)
    right = await stage.browser().sign_in("C0311", secret, at=f"/login/{firm.slug}")
    wrong = await stage.browser().sign_in("C0311", "faux", at=f"/login/{firm.slug}")
    assert "a expiré" in read(right)
    assert "a expiré" not in read(wrong)


async def test_a_new_one_for_an_account_in_use_replaces_its_password_and_ends_its_sessions(stage, firm):
    client = await stage.client_of(firm, "C0312")
    browser = stage.browser()
    await browser.sign_in("C0312", at=f"/login/{firm.slug}")
    secret = await hand_over(stage, firm, client)
    old = await stage.browser().sign_in("C0312", at=f"/login/{firm.slug}")
    new = await stage.browser().sign_in("C0312", secret, at=f"/login/{firm.slug}")
    assert (await browser.get("/password")).headers["location"].startswith("/login")
    assert old.status_code == 422
    assert new.headers["location"].startswith("/renew/")


@pytest.mark.parametrize("state", [AccountState.ACTIVE, AccountState.PENDING])
async def test_it_is_said_whether_the_account_was_in_use(stage, firm, state):
    client = await stage.client_of(firm, f"C033{state[0]}", state=state)
    issued = await ProvisionalPasswords(stage.hasher, stage.settings).issue(lambda: stage.unit(firm.id), client.id)
    async with stage.unit(firm.id) as unit:
        query = "SELECT details->>'was_active' FROM audit WHERE act = 'password.provisional_issued' AND target_id = $1"
        [row] = await unit.fetch(query, str(client.id))
    assert issued.was_active == (state == AccountState.ACTIVE) == (row[0] == "true")


async def test_a_withdrawn_invitation_takes_the_provisional_password_along(stage, firm):
    client = await stage.client_of(firm, "C0313", state=AccountState.PENDING)
    secret = await hand_over(stage, firm, client)
    async with stage.unit(firm.id) as unit:
        await accounts.revoke_links(unit, client.id)
    assert (await stage.browser().sign_in("C0313", secret, at=f"/login/{firm.slug}")).status_code == 422


async def test_a_firm_hands_over_passwords_of_its_own_accounts_only(stage, firm):
    other = stage.town.found("voisin", "Cabinet Voisin")
    for account in (await stage.client_of(other, "C0314"), await stage.person()):
        with pytest.raises(ServiceError, match="account_not_found"):
            await hand_over(stage, firm, account)


async def test_the_provisional_password_stands_nowhere_but_in_the_answer(stage, firm):
    client = await stage.client_of(firm, "C0315", state=AccountState.PENDING)
    secret = await hand_over(stage, firm, client)
    bare = secret.replace("-", "")
    async with stage.unit() as unit:
        for table in ("audit", "outbox", "credentials", "accounts", "links"):
            rows = str([tuple(row) for row in await unit.fetch(f"SELECT * FROM {table}")])  # noqa: S608 - names of ours
            assert secret not in rows
            assert bare not in rows
        account = await unit.get(Account, client.id)
    assert account.state == AccountState.PENDING


async def test_a_firm_does_not_hand_over_one_after_the_other(stage, firm):
    client = await stage.client_of(firm, "C0317")
    for _ in range(11):
        await hand_over(stage, firm, client)
    with pytest.raises(ServiceError, match="too_many_passwords"):
        await hand_over(stage, firm, client)


async def test_nothing_is_hashed_while_a_transaction_is_open(stage, firm):
    client, open_ones, seen = await stage.client_of(firm, "C0318"), [], []

    @asynccontextmanager
    async def begin():
        async with stage.unit(firm.id) as unit:
            open_ones.append(unit)
            yield unit
            open_ones.pop()

    class Watched:
        async def hash(self, password):
            seen.append(len(open_ones))
            return await stage.hasher.hash(password)

    await ProvisionalPasswords(Watched(), stage.settings).issue(begin, client.id)
    assert seen == [0]


async def test_a_password_that_the_release_before_sets_is_no_provisional_one(stage, firm):
    client = await stage.client_of(firm, "C0319", state=AccountState.PENDING)
    await hand_over(stage, firm, client)
    await stage.run(  # as that release wrote it
        "INSERT INTO credentials (account_id, password_hash, changed_at) VALUES (:id, :hash, now()) "
        "ON CONFLICT (account_id) DO UPDATE "
        "SET password_hash = excluded.password_hash, changed_at = excluded.changed_at",
        id=client.id,
        hash=await stage.hasher.hash(NEW),
    )
    async with stage.unit() as unit:
        held = await unit.get(Credential, client.id)
    assert (held.provisional, held.expires_at) == (False, None)


async def test_another_provisional_password_is_one_too(stage, firm):
    client = await stage.client_of(firm, "C0320", state=AccountState.PENDING)
    await hand_over(stage, firm, client)
    await hand_over(stage, firm, client)
    async with stage.unit() as unit:
        held = await unit.get(Credential, client.id)
    assert held.provisional
    assert held.expires_at is not None


async def test_who_has_no_mail_gets_an_account_all_the_same(stage, firm):
    async with stage.unit(firm.id) as unit:
        made = await accounts.create_managed(
            unit, account_id=uuid7(), identifier="C0316", mail="", given_name="Luc", family_name="Morel", locale="fr"
        )
    assert made.mail == ""
