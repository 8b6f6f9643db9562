"""Imports from a page: in parts, in the background, after an interruption, and what is left of the file."""

import asyncio
import csv
import io

import pytest
from identity_stage import make_stage
from sqlalchemy import text

from parvis_identity.models import Import
from parvis_identity.service.import_files import FIELDS
from parvis_identity.service.import_runs import RIGHT, Imports, ImportWork
from parvis_identity.service.sealing import Seal
from parvis_identity.store import import_runs as store
from parvis_kit.errors import ServiceError, unavailable
from parvis_kit.ids import uuid7

HASH = "$2b$04$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm"
PART = 700


@pytest.fixture(scope="module")
async def stage(database):
    stage = await make_stage(database, refusal_seconds=0)
    stage.seal = Seal(stage.settings.key_encryption_keys.get_secret_value())
    return stage


@pytest.fixture(autouse=True)
async def provider(stage):
    for table in ("accounts", "outbox", "imports"):
        await stage.run(f"DELETE FROM {table}")  # noqa: S608 - names of ours
    stage.town.rights = {RIGHT}


@pytest.fixture
def imports(stage):
    return Imports(stage.town, stage.seal)


def work(stage):
    return ImportWork(stage.database, stage.town, stage.ring, stage.seal)


def file_of(count, *extra):
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS)
    writer.writeheader()
    writer.writerows({"mail": f"p{n}@exemple.fr", "password_hash": HASH} for n in range(count))
    for line in extra:
        out.write(line + "\r\n")
    return out.getvalue().encode()


def unit_of(stage):
    return stage.unit(uuid7(), account_id=uuid7(), kind="staff")


async def sent(stage, imports, content, name="comptes.csv"):
    async with unit_of(stage) as unit:
        made = await imports.start(unit, name, len(content))
    for offset in range(0, len(content), PART):
        async with unit_of(stage) as unit:
            await imports.append(unit, made.id, offset, content[offset : offset + PART])
    return made.id


async def begun(stage, imports, import_id, *, dry, mail=False):
    async with unit_of(stage) as unit:
        return await imports.run(unit, import_id, dry=dry, mail=mail)


async def gone_through(stage, imports, import_id, *, dry, mail=False):
    await begun(stage, imports, import_id, dry=dry, mail=mail)
    await work(stage).work()
    return await state(stage, import_id)


async def state(stage, import_id):
    async with stage.unit() as unit:
        found = await unit.get(Import, import_id)
        parts = len(await store.parts(unit, import_id))
        lines = await store.lines(unit, import_id, after=0, notable=True, most=100)
    return found, parts, [(each.line, each.outcome, each.reason) for each in lines]


async def accounts(stage):
    async with stage.unit() as unit:
        return await unit.scalar(text("SELECT count(*) FROM accounts"))


async def test_a_file_is_checked_then_imported_and_deleted(stage, imports):
    import_id = await sent(stage, imports, file_of(1200, ",,pas une adresse,,,,,"))

    dry, parts, dry_lines = await gone_through(stage, imports, import_id, dry=True)
    before = await accounts(stage)
    done, parts_left, lines = await gone_through(stage, imports, import_id, dry=False)

    assert (dry.state, dry.created, dry.refused, dry.lines, before) == ("checked", 1200, 1, 1201, 0)
    assert parts > 1
    assert (done.state, done.created, done.refused) == ("done", 1200, 1)
    assert parts_left == 0
    assert dry_lines == lines == [(1202, "refused", "mail_wrong")]
    assert await accounts(stage) == 1200
    assert await stage.events("AccountImported") == []


async def test_each_account_is_written_to_where_that_was_chosen(stage, imports):
    import_id = await sent(stage, imports, file_of(3))
    await gone_through(stage, imports, import_id, dry=True)
    await gone_through(stage, imports, import_id, dry=False, mail=True)
    assert len(await stage.events("AccountImported")) == 3


async def test_whoever_goes_on_after_an_interruption_does_nothing_twice(stage, imports):
    import_id = await sent(stage, imports, file_of(1700))
    await gone_through(stage, imports, import_id, dry=True)
    await begun(stage, imports, import_id, dry=False, mail=True)
    first = asyncio.create_task(work(stage).work())
    while not await accounts(stage):  # noqa: ASYNC110 - another transaction is what happens
        await asyncio.sleep(0.01)
    first.cancel()  # the process is killed in the middle
    await asyncio.gather(first, return_exceptions=True)
    between, _, _ = await state(stage, import_id)
    await stage.run("UPDATE imports SET leased_until = now()")

    await work(stage).work()
    done, _, lines = await state(stage, import_id)

    assert between.state == "importing"
    assert (done.state, done.created, done.unchanged, done.refused, lines) == ("done", 1700, 0, 0, [])
    assert await accounts(stage) == 1700
    assert len(await stage.events("AccountImported")) == 1700


async def test_a_line_that_names_an_account_of_before_the_interruption_is_still_told(stage, imports):
    content = file_of(600, "," * (FIELDS.index("mail")) + "p3@exemple.fr" + "," * (len(FIELDS) - 3))
    import_id = await sent(stage, imports, content)
    await gone_through(stage, imports, import_id, dry=True)
    await begun(stage, imports, import_id, dry=False)
    importing = work(stage)
    await importing.work()
    done, _, lines = await state(stage, import_id)
    assert (done.refused, lines) == (1, [(602, "refused", "twice_in_file")])


async def test_two_workers_share_no_file(stage, imports):
    import_id = await sent(stage, imports, file_of(50))
    await begun(stage, imports, import_id, dry=True)
    assert sorted(await asyncio.gather(work(stage).work(), work(stage).work())) == [False, True]


async def test_a_service_that_is_away_is_waited_for(stage, imports, monkeypatch):
    import_id = await sent(stage, imports, file_of(1, "armor,C1,,,,,," + HASH))
    await begun(stage, imports, import_id, dry=True)
    monkeypatch.setattr("parvis_identity.service.import_runs._AGAIN_AFTER", 0)

    async def away(_):
        raise unavailable("service_unavailable", service="tenancy")

    with monkeypatch.context() as patched:
        patched.setattr(stage.town, "face", away)
        await work(stage).work()
    waiting, parts, _ = await state(stage, import_id)
    await stage.run("UPDATE imports SET leased_until = now()")
    await work(stage).work()
    assert (waiting.state, parts > 0) == ("checking", True)
    assert (await state(stage, import_id))[0].state == "checked"


async def test_what_cannot_be_read_is_told_and_deleted(stage, imports):
    import_id = await sent(stage, imports, b"colonne\r\nvaleur\r\n")
    failed, parts, _ = await gone_through(stage, imports, import_id, dry=True)
    assert (failed.state, failed.reason, parts) == ("failed", "columns_missing", 0)


async def test_a_discarded_import_stops_and_leaves_no_file(stage, imports):
    import_id = await sent(stage, imports, file_of(20))
    await begun(stage, imports, import_id, dry=True)
    async with unit_of(stage) as unit:
        await imports.discard(unit, import_id)
    assert await work(stage).work() is False
    with pytest.raises(ServiceError, match="import_closed"):
        await begun(stage, imports, import_id, dry=False)
    assert (await state(stage, import_id))[1] == 0


@pytest.mark.parametrize(
    ("name", "size", "reason"),
    [("comptes.xlsx", 10, "name_unknown"), ("comptes.csv", 0, "file_empty"), ("comptes.csv", 2**26, "file_too_large")],
)
async def test_a_file_that_cannot_be_taken_is_told_why(stage, imports, name, size, reason):
    with pytest.raises(ServiceError, match="import_invalid") as refusal:
        async with unit_of(stage) as unit:
            await imports.start(unit, name, size)
    assert [each.reason for each in refusal.value.violations] == [reason]


async def test_a_file_is_whole_before_anybody_looks_at_it(stage, imports):
    async with unit_of(stage) as unit:
        made = await imports.start(unit, "comptes.csv", 10)
        await imports.append(unit, made.id, 0, b"mail\n")
        await imports.append(unit, made.id, 0, b"mail\n")  # sent again
    for offset, part in ((6, b"a@b."), (5, b"a@b.fr\n")):
        with pytest.raises(ServiceError, match="part_out_of_order"):
            async with unit_of(stage) as unit:
                await imports.append(unit, made.id, offset, part)
    with pytest.raises(ServiceError, match="import_incomplete"):
        await begun(stage, imports, made.id, dry=True)


async def test_it_is_checked_before_it_is_done(stage, imports):
    import_id = await sent(stage, imports, file_of(1))
    with pytest.raises(ServiceError, match="import_not_checked"):
        await begun(stage, imports, import_id, dry=False)


async def test_the_file_lies_sealed_and_no_hash_is_anywhere_else(stage, imports):
    import_id = await sent(stage, imports, file_of(2, f",,pas une adresse,,,,,{HASH}", f",,x@y.example,,,,,{HASH}x"))
    async with stage.unit() as unit:
        sealed = [part.sealed for part in await store.parts(unit, import_id)]
    await gone_through(stage, imports, import_id, dry=True)
    async with stage.unit() as unit:
        rows = str([tuple(row) for name in ("imports", "import_lines", "audit", "outbox")
                    for row in await unit.fetch(f"SELECT * FROM {name}")])  # noqa: S608  # fmt: skip
    assert not any(b"exemple" in each for each in sealed)
    assert HASH[7:] not in rows


async def test_a_file_that_nobody_goes_on_with_is_deleted_after_a_day(stage, imports):
    import_id = await sent(stage, imports, file_of(2))
    await stage.run("UPDATE imports SET changed_at = now() - interval '25 hours'")
    async with stage.unit() as unit:
        await store.sweep(unit)
    found, parts, _ = await state(stage, import_id)
    assert (found.state, parts) == ("discarded", 0)


async def test_who_does_not_manage_organisations_does_none_of_it(stage, imports):
    import_id = await sent(stage, imports, file_of(1))
    stage.town.rights = set()
    for act in (
        lambda unit: imports.start(unit, "comptes.csv", 10),
        lambda unit: imports.append(unit, import_id, 0, b"x"),
        lambda unit: imports.run(unit, import_id, dry=True, mail=False),
        lambda unit: imports.get(unit, import_id),
        imports.latest,
        lambda unit: imports.lines(unit, import_id, after=0, notable=False, most=10),
        lambda unit: imports.discard(unit, import_id),
    ):
        with pytest.raises(ServiceError, match="right_missing"):
            async with unit_of(stage) as unit:
                await act(unit)
