"""An import of the size of a platform: six kinds of hashes, each of which lets its owner in once and is Argon2id after.

3,000 accounts by default, 50,000 (some 8 MB) with `./parvis test identity --full`.
"""

import csv
import io
import os
from itertools import cycle

import pytest
from argon2 import PasswordHasher, Type
from identity_stage import PASSWORD, make_stage
from passlib import hash as passlib

from parvis_identity.models import Account, Import
from parvis_identity.service.import_files import FIELDS
from parvis_identity.service.import_runs import LARGEST_PART, RIGHT, Imports, ImportWork
from parvis_identity.service.sealing import Seal
from parvis_identity.store import accounts as store
from parvis_identity.store import import_runs
from parvis_kit.ids import uuid7

SIZE = 50_000 if os.environ.get("PARVIS_FULL") == "1" else 3_000
KINDS = {
    "bcrypt": passlib.bcrypt.using(rounds=4).hash,
    "pbkdf2": passlib.django_pbkdf2_sha256.using(rounds=10).hash,
    "scrypt": passlib.scrypt.using(rounds=4).hash,
    "sha2-crypt": passlib.sha512_crypt.using(rounds=1000).hash,
    "phpass": passlib.phpass.using(rounds=7).hash,
    "argon2": PasswordHasher(time_cost=1, memory_cost=64, parallelism=1, type=Type.I).hash,
}
#: Lines that make no account, spread over the file.
BROKEN = 7


@pytest.fixture(scope="module")
def content() -> bytes:
    """Every kind in turn, half of them clients of a firm; people of one kind share some hashes."""
    made = {kind: cycle([f(PASSWORD) for _ in range(20)]) for kind, f in KINDS.items()}
    out = io.StringIO()
    rows = csv.DictWriter(out, FIELDS, restval="")
    rows.writeheader()
    for number, kind in zip(range(SIZE), cycle(KINDS), strict=False):
        owner = {"organisation": "armor", "identifier": f"K{number}"} if number % 12 < len(KINDS) else {}
        mail = f"p{number}@ancien.example"
        rows.writerow(owner | {"mail": mail, "family_name": f"Nom {number}", "password_hash": next(made[kind])})
        if number % (SIZE // BROKEN) == 1:
            rows.writerow({"mail": "pas une adresse", "password_hash": "abc"})
    return out.getvalue().encode()


@pytest.fixture(scope="module")
async def stage(database):
    stage = await make_stage(database, refusal_seconds=0)
    stage.town.found("armor", "Cabinet Armor")
    stage.town.rights = {RIGHT}
    return stage


@pytest.fixture(scope="module")
async def imported(stage, content) -> Import:
    """The file went through the page: in parts, checked, imported."""
    seal = Seal(stage.settings.key_encryption_keys.get_secret_value())
    imports, work = Imports(stage.town, seal), ImportWork(stage.database, stage.town, stage.ring, seal)

    def unit():
        return stage.unit(uuid7(), account_id=uuid7(), kind="staff")

    async with unit() as there:
        made = await imports.start(there, "comptes.csv", len(content))
    for offset in range(0, len(content), LARGEST_PART):
        async with unit() as there:
            await imports.append(there, made.id, offset, content[offset : offset + LARGEST_PART])
    for dry in (True, False):
        async with unit() as there:
            await imports.run(there, made.id, dry=dry, mail=False)
        await work.work()
    async with stage.unit() as there:
        return await there.get(Import, made.id)


async def test_every_line_is_told_and_every_good_one_made(stage, imported):
    assert (imported.state, imported.created, imported.unchanged) == ("done", SIZE, 0)
    assert imported.refused >= BROKEN
    async with stage.unit() as unit:
        assert (await unit.fetch("SELECT count(*) FROM accounts WHERE imported_at IS NOT NULL"))[0][0] == SIZE
        assert (await unit.fetch("SELECT count(*) FROM import_lines"))[0][0] == SIZE + imported.refused
        assert await import_runs.parts(unit, imported.id) == []


@pytest.mark.parametrize("firm", [False, True], ids=["personal", "of-a-firm"])
@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_signs_in_once_and_is_argon2id_after(stage, imported, kind, firm):
    await stage.forget_failures()
    number = SIZE // 2 // 12 * 12 + list(KINDS).index(kind) + (0 if firm else len(KINDS))
    identifier = f"K{number}" if firm else f"p{number}@ancien.example"
    async with stage.unit() as unit:
        found = await unit.fetch("SELECT id FROM accounts WHERE identifier = $1", identifier)
        account = await unit.get(Account, found[0]["id"])
        before = await store.password_hash(unit, account.id)

    door = "/login/armor" if firm else "/login"
    wrong = await stage.browser().sign_in(identifier, PASSWORD + "x", at=door)
    right = await stage.browser().sign_in(identifier, PASSWORD, at=door)

    async with stage.unit() as unit:
        after = await store.password_hash(unit, account.id)
    assert (wrong.status_code, right.status_code) == (422, 303)
    assert not before.startswith("$argon2id$")
    assert after.startswith("$argon2id$")
    assert (await stage.browser().sign_in(identifier, PASSWORD, at=door)).status_code == 303
