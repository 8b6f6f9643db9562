"""What is too old goes: in batches, by one replica at a time, in each organisation alone, and the chain holds."""

import sys
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import pytest
from pydantic import ValidationError

from parvis_kit import audit
from parvis_kit.caller import Caller
from parvis_kit.ids import uuid7
from parvis_records import retention
from parvis_records.erasure import erase_details
from parvis_records.retention import Retention, RetentionSettings, Term, apply, common, days, statement

sys.path.append(str(Path(__file__).parents[2] / "kit" / "tests" / "sample"))
SELF = Caller("sample")
EFFECTS = Term("effects", "at", days(30))


@pytest.fixture(scope="session")
def service_package():
    """The kit's sample service, which has a table of each kind."""
    return "parvis_sample"


async def add_effects(database, count, age=31):
    async with database.begin(SELF) as unit:
        await unit.fetch(
            "INSERT INTO effects (message_id, at) "
            "SELECT gen_random_uuid(), now() - make_interval(days => $2) FROM generate_series(1, $1)",
            count,
            age,
        )


async def count(database, table, organisation_id=None):
    async with database.begin(SELF, organisation_id=organisation_id) as unit:
        return (await unit.fetch(f"SELECT count(*) AS n FROM {table}"))[0]["n"]  # noqa: S608 - of this file


@pytest.fixture(autouse=True)
async def empty(database):
    async with database.begin(SELF) as unit:
        await unit.fetch("DELETE FROM effects")


async def test_what_is_old_goes_and_the_rest_stays(database):
    await add_effects(database, 3)
    await add_effects(database, 2, age=29)
    assert await Retention(database, (EFFECTS,)).once()
    assert await count(database, "effects") == 2


async def test_it_goes_a_batch_at_a_time(database):
    await add_effects(database, 5)
    async with database.begin(SELF) as unit:
        assert [await apply(unit, EFFECTS, most=3) for _ in range(3)] == [3, 2, 0]


async def test_more_than_a_batch_goes_at_once(database, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(retention.apply, "__kwdefaults__", {"most": 2})
    await add_effects(database, 5)
    await Retention(database, (EFFECTS,)).once()
    assert await count(database, "effects") == 0


async def test_a_condition_keeps_rows(database):
    await add_effects(database, 2)
    await Retention(database, (Term("effects", "at", days(30), "at < now()"),)).once()
    assert await count(database, "effects") == 2


async def test_two_replicas_do_not_work_at_once(database):
    await add_effects(database, 2)
    async with database.begin(SELF) as other:
        await other.fetch("SELECT pg_advisory_xact_lock($1)", retention._LOCK)
        assert not await Retention(database, (EFFECTS,)).once()
    assert await count(database, "effects") == 2
    assert await Retention(database, (EFFECTS,)).once()
    assert await count(database, "effects") == 0


async def test_what_somebody_holds_waits_for_the_next_time(database):
    await add_effects(database, 2)
    async with database.begin(SELF) as holder:
        await holder.fetch("SELECT * FROM effects LIMIT 1 FOR UPDATE")
        await Retention(database, (EFFECTS,)).once()
        assert await count(database, "effects") == 1


async def test_organisations_are_entered_one_by_one_and_their_trails_say_so(database, database_urls):
    first, second, none = uuid7(), uuid7(), uuid7()
    for organisation_id in (first, second):
        async with database.begin(SELF, organisation_id=organisation_id) as unit:
            unit.record("note.made", target_kind="note", target_id="1")
            query = "INSERT INTO notes (id, organisation_id, body) VALUES (gen_random_uuid(), $1, 'old')"
            await unit.fetch(query, organisation_id)
    connection = await asyncpg.connect(database_urls.service)
    await audit.seal(connection)
    term = Term(
        "notes", "to_timestamp(0) + length * interval '1 s'", timedelta(days=1), "body = ''", "body = ''", owned=True
    )

    assert await Retention(database, (term,)).once()
    await audit.seal(connection)

    for organisation_id in (first, second):
        async with database.begin(SELF, organisation_id=organisation_id) as unit:
            assert [row["body"] for row in await unit.fetch("SELECT body FROM notes")] == [""]
            acts = await unit.fetch("SELECT details FROM audit WHERE act = 'records.expired'")
        assert [row["details"] for row in acts] == [{"rows": "1"}]
        assert not (await audit.verify(connection, organisation_id)).problem
    assert await count(database, "notes", none) == 0
    await connection.close()


async def test_an_old_act_says_nothing_more_and_its_chain_holds(database, database_urls):
    async with database.begin(SELF) as unit:
        unit.record("session.started", target_kind="session", target_id="1", device="Firefox")
    connection = await asyncpg.connect(database_urls.service)
    await audit.seal(connection)
    settings = SimpleNamespace(kept_dead_letters_days=1, kept_trail_days=0)
    (term,) = (each for each in common(settings) if each.table == "audit")
    for _ in range(2):  # that it happened is no act whose time is over one day
        await Retention(database, (term,)).once()
        await audit.seal(connection)
    async with database.begin(SELF) as unit:
        said = await unit.fetch("SELECT act, target_id FROM audit WHERE details IS NOT NULL")
    chain = await audit.verify(connection)
    assert [(each["act"], each["target_id"]) for each in said] == [("acts.erased", str(chain.erased))]
    assert (chain.problem, chain.erased > 0) == ("", True)
    await connection.close()


def in_one_part(found, seq, previous):
    """As an older release sealed."""
    whole = sha256(found["salt"] + audit.canonical(audit.content(found))).digest()
    return whole, sha256(previous + seq.to_bytes(8) + whole).digest()


async def one_part_and_two(database, connection, monkeypatch, older, newer):
    """An organisation with acts that an older release sealed, and acts of this one."""
    organisation_id = uuid7()
    for count, digests in ((older, in_one_part), (newer, audit.digests)):
        async with database.begin(SELF, organisation_id=organisation_id) as unit:
            for number in range(count):
                unit.record("note.made", target_kind="note", target_id=str(number), n="1")
        with monkeypatch.context() as sealing:
            sealing.setattr(audit, "digests", digests)
            await audit.seal(connection)
    return organisation_id


async def by_erasure(unit):
    return await erase_details(unit, "seq <= 4")


async def by_retention(unit):
    return await apply(
        unit, Term("audit", "at", days(-1), "seq IS NULL OR seq > 4", blanks="details = NULL, salt = NULL")
    )


@pytest.mark.parametrize("erase", [by_erasure, by_retention])
async def test_erasing_what_an_older_release_sealed_lets_nothing_newer_be_erased_in_silence(
    database, database_urls, monkeypatch, erase
):
    connection = await asyncpg.connect(database_urls.service)
    organisation_id = await one_part_and_two(database, connection, monkeypatch, older=3, newer=3)
    async with database.begin(SELF, organisation_id=organisation_id) as unit:
        assert await erase(unit) == 4
    await audit.seal(connection)
    async with database.begin(SELF, organisation_id=organisation_id) as unit:
        said = await unit.fetch("SELECT target_id FROM audit WHERE act = 'acts.erased'")
    chain = await audit.verify(connection, organisation_id)
    assert ([each["target_id"] for each in said], chain.problem, chain.erased) == (["1"], "", 4)
    async with database.begin(SELF, organisation_id=organisation_id) as unit:
        await unit.fetch("UPDATE audit SET details = NULL, salt = NULL WHERE seq = 5")
    assert (await audit.verify(connection, organisation_id)).problem == "more acts were erased than acts say"
    await connection.close()


def test_a_term_deletes_or_blanks():
    assert statement(EFFECTS).startswith("DELETE FROM effects ")
    assert statement(Term("notes", "at", days(1), blanks="body = ''")).startswith("UPDATE notes SET body = '' ")


@pytest.mark.parametrize("days", [0, -1, 36_501, 10**10])
def test_a_time_that_cannot_be_counted_is_refused_at_the_start(days):
    with pytest.raises(ValidationError, match="kept_dead_letters_days"):
        RetentionSettings(kept_dead_letters_days=days)
