"""Events that were given up: an operator sees why, delivers them again or throws them away, and that is recorded."""

import asyncio
import os
import subprocess
import sys

import asyncpg
import pytest

from parvis.tenancy.v1 import events_pb2
from parvis_kit.ids import uuid7
from parvis_kit.testing import eventually
from parvis_local import dead_letters

WIDE = dict(os.environ) | {"COLUMNS": "220"}
_INSERT = """
INSERT INTO dead_letters (id, consumer, subject, payload, headers, error, attempts, dead_at)
VALUES ($1, 'notify', $2, $3, $4, $5, 6, now())"""
_HEADERS = """{"content-type": "application/protobuf", "ce-specversion": "1.0", "ce-id": "%s", "ce-type": "%s",
"ce-source": "tenancy", "ce-time": "2026-11-22T10:00:00+00:00", "ce-subject": "%s", "ce-aggregateversion": "0"}"""


@pytest.fixture
async def notify(suite):
    connection = await asyncpg.connect(suite.superuser_url("notify"))
    yield connection
    await connection.execute("DELETE FROM dead_letters WHERE error LIKE 'Sample%'")
    await connection.close()


@pytest.fixture
async def letter(notify):
    """The number of an event that notify gave up: one that it can handle by now."""
    number = uuid7()
    event = events_pb2.OrganisationChanged()
    subject = event.DESCRIPTOR.full_name
    headers = _HEADERS % (number, subject, number)
    await notify.execute(_INSERT, number, subject, event.SerializeToString(), headers, "Sample: the disk was full")
    return number


def parvis(suite, command, *arguments, typed=""):
    line = [sys.executable, "-m", "parvis_local.command", command, *map(str, arguments)]
    line += ["--data", str(suite.layout.data)]
    done = subprocess.run(line, input=typed, capture_output=True, text=True, check=False, env=WIDE)
    return done.returncode, done.stdout + done.stderr


async def test_a_letter_is_listed_with_its_reason_and_shown_with_its_content(suite, letter):
    status, listed = parvis(suite, "dead-letters", "list")
    assert status == 0
    assert str(letter) in listed
    assert "the disk was full" in listed

    status, shown = parvis(suite, "dead-letters", "show", letter)
    assert status == 0
    assert "tenancy.v1.OrganisationChanged" in shown


async def test_a_narrow_window_and_a_pipe_show_whole_numbers(suite, letter, monkeypatch):
    monkeypatch.setitem(WIDE, "COLUMNS", "40")
    _, listed = parvis(suite, "dead-letters", "list")
    assert f"{letter}  notify  tenancy.v1.OrganisationChanged" in listed


async def test_more_than_a_list_shows_are_counted_and_settled(suite, letter, notify):
    copies = "SELECT gen_random_uuid(), consumer, subject, payload, headers, error, attempts, dead_at"
    columns = "id, consumer, subject, payload, headers, error, attempts, dead_at"
    await notify.execute(
        f"INSERT INTO dead_letters ({columns}) {copies} FROM dead_letters, generate_series(1, 1002) WHERE id = $1",
        letter,
    )
    _, listed = parvis(suite, "dead-letters", "list", "--service", "notify")
    assert "… and 3 more of notify" in listed

    status, said = parvis(suite, "dead-letters", "discard", "--service", "notify", typed="discard\n")
    assert (status, "notify: 1003 thrown away." in said) == (0, True)
    assert await notify.fetchval("SELECT count(*) FROM dead_letters WHERE dead_at IS NOT NULL") == 0


async def test_without_nats_nothing_is_delivered_and_nothing_recorded(suite, letter, notify, monkeypatch):
    monkeypatch.setattr(dead_letters, "_PATIENCE", 0.5)
    place = dead_letters.Place({"notify": suite.environment("notify")["PARVIS_DATABASE_URL"]}, "nats://u:p@127.0.0.1:1")

    with pytest.raises(ValueError, match=r"NATS at 127\.0\.0\.1:1 cannot be reached: nothing was delivered again"):
        await asyncio.to_thread(dead_letters.run, place, "replay", ids=[str(letter)])

    assert await notify.fetchval("SELECT dead_at FROM dead_letters WHERE id = $1", letter) is not None
    assert await notify.fetchval("SELECT count(*) FROM audit WHERE target_id = $1", str(letter)) == 0


async def test_an_event_that_cannot_be_read_is_shown_as_it_is(suite, letter, notify):
    await notify.execute(
        "UPDATE dead_letters SET payload = $2, subject = 'parvis.x.v9.Y' WHERE id = $1", letter, b"\xff"
    )
    status, shown = parvis(suite, "dead-letters", "show", letter)
    assert (status, "ff (not one that this release knows)" in shown) == (0, True)


async def test_what_is_thrown_away_is_confirmed_first_and_recorded(suite, letter, notify):
    status, said = parvis(suite, "dead-letters", "discard", letter, typed="no\n")
    assert (status, "Nothing was thrown away" in said) == (1, True)

    status, said = parvis(suite, "dead-letters", "discard", letter, typed="discard\n")
    assert (status, "notify: 1 thrown away." in said) == (0, True)
    assert await notify.fetchval("SELECT count(*) FROM dead_letters WHERE id = $1", letter) == 0
    assert await notify.fetchval("SELECT act FROM audit WHERE target_id = $1", str(letter)) == "dead_letter.discarded"


async def test_what_is_delivered_again_is_handled_and_no_longer_a_dead_letter(suite, letter, notify):
    status, said = parvis(suite, "dead-letters", "replay", letter)
    assert (status, "notify: 1 delivered again." in said) == (0, True)

    async def no_longer_dead():
        return not await notify.fetchval(
            "SELECT count(*) FROM dead_letters WHERE id = $1 AND dead_at IS NOT NULL", letter
        )

    await eventually(no_longer_dead)
    assert await notify.fetchval("SELECT act FROM audit WHERE target_id = $1", str(letter)) == "dead_letter.replayed"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["replay"], "Say which"),
        (["discard"], "Nothing was thrown away"),
        (["replay", "--service", "nobody"], "No service nobody"),
        (["show", "not-a-number"], "named by its number"),
        (["show", uuid7()], "no such event"),
        (["replay", uuid7()], "Nothing was delivered again"),
    ],
    ids=["of what", "throw away what", "unknown service", "no number", "unknown number", "nothing to deliver"],
)
async def test_bad_input_is_refused_with_what_to_do(suite, arguments, says):
    status, said = parvis(suite, "dead-letters", *arguments)
    assert status == 1
    assert says in said


async def test_the_doctor_says_that_events_were_given_up(suite, letter):
    async def said():
        status, found = parvis(suite, "doctor")
        return status == 1 and "dead-letters list --service notify" in found

    await eventually(said)  # what a process tells is a few seconds old
