"""An account that is to be erased waits, is kept by signing in, and leaves nothing when its day has come."""

import re
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import asyncpg
import pytest

from parvis.records.v1 import events_pb2
from parvis_identity import erasing
from parvis_identity.service import erasures, taken_back
from parvis_kit import audit
from parvis_kit.errors import ServiceError
from parvis_kit.ids import uuid7
from parvis_records import operating
from parvis_records.erasure import digest_of

pytestmark = pytest.mark.usefixtures("nobody_failed_before")
FORTNIGHT = timedelta(days=14)


async def asked(stage, person, within=FORTNIGHT):
    async with stage.unit() as unit:
        return await erasures.ask(unit, person.id, by="person", within=within)


async def settle(stage, database_urls):
    connection = await asyncpg.connect(database_urls.service)
    await audit.seal(connection)
    await connection.close()
    return await erasures.settle(stage.database, stage.town)


async def everything(database_urls):
    """Every row of every table as text, but for the trail, which says ids, and the events of the month."""
    connection = await asyncpg.connect(database_urls.superuser)
    names = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    )
    lines = []
    for name in [each["relname"] for each in names if each["relname"] not in {"outbox", "audit"}]:
        found = await connection.fetch(f'SELECT row_to_json(t)::text AS row FROM "{name}" t')  # noqa: S608 - of the catalogue
        lines += [f"{name} {each['row']}" for each in found]
    said = await connection.fetch("SELECT details::text AS row FROM audit WHERE details IS NOT NULL")
    await connection.close()
    return lines + [each["row"] for each in said]


async def test_it_waits_for_its_day(stage, database_urls):
    person = await stage.person()
    await asked(stage, person)
    assert await settle(stage, database_urls) == 0
    async with stage.unit() as unit:
        assert await unit.fetch("SELECT FROM accounts WHERE id = $1", person.id)


async def test_asking_signs_out_everywhere(stage):
    person, browser = await stage.person(), stage.browser()
    await browser.sign_in(person.mail)
    await asked(stage, person)
    async with stage.unit() as unit:
        assert await unit.fetch("SELECT FROM sessions WHERE account_id = $1 AND ended_at IS NULL", person.id) == []


async def test_who_signs_in_keeps_the_account(stage, database_urls):
    person = await stage.person()
    await asked(stage, person)
    await stage.browser().sign_in(person.mail)
    await stage.run("UPDATE erasures SET due_at = now() - interval '1 day' WHERE account_id = :a", a=person.id)
    assert await settle(stage, database_urls) == 0
    async with stage.unit() as unit:
        rows = await unit.fetch("SELECT ended_as FROM erasures WHERE account_id = $1", person.id)
    assert [row["ended_as"] for row in rows] == ["taken_back"]


async def test_asked_again_the_sooner_day_stands(stage):
    person = await stage.person()
    first = await asked(stage, person)
    assert (await asked(stage, person, timedelta(days=30))).due_at == first.due_at
    assert (await asked(stage, person, timedelta(days=1))).due_at < first.due_at


async def test_on_its_day_nothing_of_it_stays(stage, database_urls):
    person, other = await stage.person(), await stage.person()
    await stage.browser().sign_in(person.mail)
    await stage.browser().sign_in(other.mail)
    await asked(stage, person, timedelta(0))

    assert await settle(stage, database_urls) == 1

    left = await everything(database_urls)
    assert [line for line in left if str(person.id) in line or person.mail in line] == []
    assert [line for line in left if other.mail in line] != []
    async with stage.unit() as unit:
        query = "SELECT payload FROM outbox WHERE subject = 'parvis.records.v1.AccountErased' ORDER BY id DESC LIMIT 1"
        told = events_pb2.AccountErased.FromString((await unit.fetch(query))[0]["payload"])
    assert (told.account_id, list(told.mail_digests)) == (str(person.id), [digest_of(person.mail)])
    assert await settle(stage, database_urls) == 0


async def test_an_act_that_is_not_sealed_yet_is_waited_for(stage):
    person = await stage.person()
    await asked(stage, person, timedelta(0))
    assert await erasures.settle(stage.database, stage.town) == 0
    async with stage.unit() as unit:
        assert await unit.fetch("SELECT FROM accounts WHERE id = $1", person.id)


async def test_the_chain_holds(stage, database_urls):
    person = await stage.person()
    await stage.browser().sign_in(person.mail)
    await asked(stage, person, timedelta(0))
    assert await settle(stage, database_urls) >= 1
    connection = await asyncpg.connect(database_urls.service)
    await audit.seal(connection)
    assert not (await audit.verify(connection)).problem
    await connection.close()


async def test_an_answer_counts_once_and_says_who_is_missing(stage, database_urls):
    person = await stage.person()
    found = await asked(stage, person, timedelta(0))
    await settle(stage, database_urls)
    for erased in (3, 4):
        event = events_pb2.RecordsErased(erasure_id=str(found.id), service="notify", erased={"messages": erased})
        async with stage.unit() as unit:
            await erasures.answered(unit, event, None)
    async with stage.unit() as unit:
        rows = await unit.fetch(
            "SELECT service, erased FROM erasure_answers WHERE erasure_id = $1 ORDER BY service", found.id
        )
    assert [row["service"] for row in rows] == ["identity", "notify"]
    assert rows[1]["erased"] == {"messages": 3}
    assert erasures.missing([row["service"] for row in rows]) == ["tenancy", "documents", "billing", "identity_trails"]


async def test_nobody_erases_an_account_that_there_is_not(stage):
    with pytest.raises(ServiceError):
        await asked(stage, SimpleNamespace(id=uuid7()))


def wanted(identifier, confirm, days=0, *, force=False):
    return SimpleNamespace(identifier=identifier, confirm=confirm, organisation="", days=days, force=force)


async def test_a_command_asks_for_the_identifier_twice(stage, capsys):
    person = await stage.person()
    assert await erasing.act(stage.database, stage.town, wanted(person.mail, "")) == 2
    assert "cannot be undone" in capsys.readouterr().out
    assert await erasing.act(stage.database, stage.town, wanted(person.mail, person.mail)) == 0
    async with stage.unit() as unit:
        assert await unit.fetch("SELECT FROM erasures WHERE account_id = $1", person.id)


async def test_after_a_restore_an_account_is_erased_again(stage, capsys):
    back, stays = await stage.person(), await stage.person()
    digests = [erasures.digest_of(UUID(str(back.id))), erasures.digest_of(uuid7())]
    assert await erasing.again(stage.database, digests) == 0
    assert "2 erasures read; 1 accounts" in capsys.readouterr().out
    async with stage.unit() as unit:
        rows = await unit.fetch("SELECT account_id FROM erasures WHERE account_id = ANY($1)", [back.id, stays.id])
    assert [row["account_id"] for row in rows] == [back.id]


async def test_who_had_kept_their_account_before_a_restore_keeps_it_again(stage, capsys):
    kept, gone, other = [await stage.person() for _ in range(3)]
    for person in (kept, gone, other):
        await asked(stage, person)
    await erasing.again(stage.database, [erasures.digest_of(UUID(str(gone.id)))])
    digests = [erasures.digest_of(UUID(str(each.id))) for each in (kept, gone)]
    assert await erasing.kept(stage.database, digests) == 0
    assert "2 accounts read; 1 were to be erased and are kept" in capsys.readouterr().out
    async with stage.unit() as unit:
        query = "SELECT account_id FROM erasures WHERE account_id = ANY($1) AND ended_at IS NULL"
        rows = await unit.fetch(query, [kept.id, gone.id, other.id])
    assert {row["account_id"] for row in rows} == {gone.id, other.id}


async def test_taking_back_leaves_a_line_that_a_restore_does_not_take(stage, monkeypatch):
    said = []
    monkeypatch.setattr(taken_back.evidence, "info", lambda event, **values: said.append((event, values)))
    person = await stage.person()
    await asked(stage, person)
    await stage.browser().sign_in(person.mail)
    assert said == [("account_kept", {"digest": erasures.digest_of(UUID(str(person.id)))})]


def test_of_a_log_those_are_erased_again_that_were_erased(tmp_path):
    lines = {
        "1": '{"event": "account_erased", "digest": "%s"}',
        "2": '{"event": "account_kept", "digest": "%s"}',
        "3": "%s  2026-11-01  erased  not yet: billing",
        "4": "%s  2026-11-01  taken_back",
        "5": "%s  2026-11-01  waits until 2026-11-15",
        "6": "%s",
    }
    file = tmp_path / "log"
    file.write_text("\n".join(line % (name * 64) for name, line in lines.items()))
    assert operating.digests(str(file)) == {name * 64 for name in "136"}
    assert operating.digests(str(file), "account_kept") == {name * 64 for name in "26"}


@pytest.mark.parametrize(("command", "said"), [(erasing.erase_again, "erased"), (erasing.keep_again, "account_kept")])
async def test_a_log_that_says_nothing_is_refused_before_anything_is_asked(tmp_path, capsys, command, said):
    (tmp_path / "log").write_text(f"account_closed {'1' * 64}\n")
    for name, says in (("none", "cannot be read: No such file"), ("log", f"has no line with a digest .* …{said}:")):
        assert await command(None, SimpleNamespace(file=str(tmp_path / name))) == 1
        assert re.search(f"^{tmp_path / name} {says}.* Nothing was changed.$", capsys.readouterr().out)
