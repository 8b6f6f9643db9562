"""Accounts that came with the hash of another platform, at the first sign-in and after."""

import asyncio
import time
from types import SimpleNamespace

import pytest
from identity_stage import PASSWORD, make_stage
from passlib import hash as passlib

from parvis_identity.models import Account
from parvis_identity.service import evenness
from parvis_identity.store import accounts as store

MADE = {
    "bcrypt": passlib.bcrypt.using(rounds=4).hash,
    "pbkdf2": passlib.pbkdf2_sha256.using(rounds=10).hash,
    "scrypt": passlib.scrypt.using(rounds=4).hash,
    "sha2-crypt": passlib.sha512_crypt.using(rounds=1000).hash,
    "phpass": passlib.phpass.using(rounds=7).hash,
    "argon2": passlib.argon2.using(rounds=1, memory_cost=64, type="I").hash,
}


#: Seconds from a try to its refusal, the longest there are; nobody waits for them here.
AT_LEAST = 10.0


@pytest.fixture(scope="module")
async def stage(database):
    return await make_stage(database, refusal_seconds=AT_LEAST)


@pytest.fixture(autouse=True)
def waits(monkeypatch) -> list[float]:
    """For how long each refusal was held back."""
    asked = []

    async def sleep(seconds: float) -> None:
        asked.append(seconds)

    monkeypatch.setattr(evenness, "asyncio", SimpleNamespace(sleep=sleep))
    return asked


@pytest.fixture(autouse=True)
async def alone(stage, nobody_failed_before):
    await stage.run("DELETE FROM credentials")
    stage.passwords._even._look_at = 0.0


async def newcomer(stage, kind="bcrypt", password=PASSWORD) -> Account:
    person = await stage.person()
    async with stage.unit() as unit:
        await store.set_password_hash(unit, person.id, MADE[kind](password))
    return person


async def hash_of(stage, account):
    async with stage.unit() as unit:
        return await store.password_hash(unit, account.id)


@pytest.mark.parametrize("kind", MADE)
async def test_the_old_password_opens_the_account_and_is_hashed_anew(stage, kind):
    person = await newcomer(stage, kind)

    first = await stage.browser().sign_in(person.mail)
    encoded = await hash_of(stage, person)
    again = await stage.browser().sign_in(person.mail)

    assert (first.status_code, again.status_code) == (303, 303)
    assert encoded.startswith("$argon2id$")
    assert await hash_of(stage, person) == encoded


async def test_what_the_hash_was_is_in_the_audit_trail(stage):
    person = await newcomer(stage, "phpass")
    before = await stage.audited("password.rehashed")

    await stage.browser().sign_in(person.mail)
    await stage.browser().sign_in(person.mail)

    assert await stage.audited("password.rehashed") == before + 1


async def test_a_wrong_password_changes_nothing(stage):
    person = await newcomer(stage)
    encoded = await hash_of(stage, person)

    answer = await stage.browser().sign_in(person.mail, "Wrong-2026!")

    assert answer.status_code == 422
    assert await hash_of(stage, person) == encoded


async def test_two_first_sign_ins_at_once_both_go_through(stage):
    person = await newcomer(stage)
    browsers = [stage.browser(), stage.browser()]

    answers = await asyncio.gather(*(browser.sign_in(person.mail) for browser in browsers))

    assert [answer.status_code for answer in answers] == [303, 303]
    assert (await hash_of(stage, person)).startswith("$argon2id$")


async def test_a_password_that_was_set_meanwhile_is_kept(stage):
    person = await newcomer(stage)
    old, new = await hash_of(stage, person), await stage.hasher.hash("Nouveau-2026!")

    async with stage.unit() as unit:
        await store.set_password_hash(unit, person.id, new)
    async with stage.unit() as unit:
        replaced = await store.replace_password_hash(unit, person.id, old, await stage.hasher.hash(PASSWORD))

    assert not replaced
    assert await hash_of(stage, person) == new


async def refused(stage, identifier) -> float:
    """Seconds that it took."""
    browser = stage.browser()
    form = await browser.form("/login")
    started = time.monotonic()
    answer = await browser.send(form, identifier=identifier, password="Wrong-2026!")
    assert answer.status_code == 422
    return time.monotonic() - started


async def test_a_refusal_takes_as_long_for_everybody_while_old_hashes_are_left(stage, waits):
    foreign, own = await newcomer(stage, "sha2-crypt"), await stage.person()

    took = []
    for each in (foreign.mail, own.mail, "nobody@exemple.fr"):
        await stage.forget_failures()
        took.append(await refused(stage, each))

    assert len(waits) == 3
    assert all(wait <= AT_LEAST <= spent + wait for spent, wait in zip(took, waits, strict=True))


async def test_a_refusal_does_not_wait_when_no_old_hash_is_left(stage, waits):
    person = await stage.person()

    await refused(stage, person.mail)

    assert waits == []


async def test_whoever_must_wait_anyway_is_told_at_once(stage, waits):
    person = await newcomer(stage)
    for _ in range(5):
        await refused(stage, person.mail)
    assert waits
    waits.clear()

    await refused(stage, person.mail)

    assert waits == []
