"""Logs say where something failed, not what it held."""

import json
import logging
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
import structlog
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import DBAPIError

from parvis_watch.logs import configure_logs, evidence
from parvis_watch.traces import edge, traceparent


def test_a_traceback_in_the_log_has_no_local_variables(capsys):
    configure_logs("sample", "info")
    password = "not a number"
    try:
        int(password)
    except ValueError:
        structlog.get_logger("fresh").exception("failed")
    written = capsys.readouterr().out
    structlog.reset_defaults()
    assert json.loads(written)["exception"][0]["exc_type"] == "ValueError"
    assert "locals" not in written


def test_outside_of_a_request_a_line_names_no_trace(capsys):
    configure_logs("sample", "info")
    structlog.get_logger("fresh").info("started")
    line = json.loads(capsys.readouterr().out)
    structlog.reset_defaults()
    assert "trace_id" not in line
    assert line["service"] == "sample"


def test_a_line_names_the_trace_of_the_request_at_hand(capsys):
    configure_logs("sample", "info")
    with edge("page", "SERVER", ""):
        trace = traceparent()
        structlog.get_logger("fresh").info("done")
    line = json.loads(capsys.readouterr().out)
    structlog.reset_defaults()
    assert line["trace_id"] == trace.split("-")[1]


def test_a_line_says_when_in_utc(capsys):
    configure_logs("sample", "info")
    structlog.get_logger("fresh").info("done")
    logging.getLogger("library").warning("done")
    lines = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    structlog.reset_defaults()
    moments = [datetime.fromisoformat(each["timestamp"]) for each in lines]
    assert [each.utcoffset() for each in moments] == [timedelta()] * 2
    assert all(abs(datetime.now(UTC) - each) < timedelta(minutes=1) for each in moments)


def test_lines_go_to_standard_output_and_nowhere_else(capsys):
    configure_logs("sample", "info")
    structlog.get_logger("fresh").info("one")
    logging.getLogger("library").warning("two")
    written = capsys.readouterr()
    structlog.reset_defaults()
    assert [json.loads(each)["event"] for each in written.out.splitlines()] == ["one", "two"]
    assert written.err == ""
    assert [type(each) for each in logging.getLogger().handlers] == [logging.StreamHandler]


@pytest.mark.parametrize("what", ["done\n{}", "done\r\nforged", "done\x1b[2J", "done\u2028"])
def test_a_value_makes_no_line_of_its_own(capsys, what):
    configure_logs("sample", "info")
    structlog.get_logger("fresh").info("done", path=what)
    logging.getLogger("library").warning(what)
    written = capsys.readouterr().out
    structlog.reset_defaults()
    assert written.isascii()
    assert [json.loads(each).get("path", what) for each in written.removesuffix("\n").split("\n")] == [what, what]


@pytest.mark.parametrize("level", ["info", "error", "critical"])
def test_what_is_evidence_is_written_at_every_level(capsys, level):
    configure_logs("sample", level)
    evidence.info("anchored", number=1)
    evidence.warning("refused")
    lines = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    structlog.reset_defaults()
    assert [(each["event"], each["level"], each["service"]) for each in lines] == [
        ("anchored", "info", "sample"), ("refused", "warning", "sample"),
    ]  # fmt: skip


WHO = "claire.orsel@orsel.example"


def written_of(error, capsys):
    """The line about an error that was raised while another was handled."""
    configure_logs("sample", "info")
    try:
        _fail_because_of(error)
    except RuntimeError as outer:
        structlog.get_logger("fresh").exception("failed", error=outer.__cause__)
    finally:
        structlog.reset_defaults()
    return capsys.readouterr().out


def _fail_because_of(error):
    raise RuntimeError("it failed") from error


async def refused(connection, statement, *values):
    """What PostgreSQL, or its driver, says of a statement."""
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)) as caught:
        await connection.execute(statement, *values)
    return caught.value


@pytest.fixture
async def connection(postgres_server):
    connection = await asyncpg.connect(postgres_server.url)
    await connection.execute("CREATE TEMPORARY TABLE people (mail text PRIMARY KEY, name text NOT NULL, age integer)")
    await connection.execute("INSERT INTO people VALUES ($1, 'Claire', 40)", WHO)
    yield connection
    await connection.close()


@pytest.mark.parametrize(
    ("statement", "values", "told"),
    [
        ("INSERT INTO people VALUES ($1, 'Claire', 1)", (WHO,), "people_pkey"),
        ("INSERT INTO people VALUES ($1 || '2', NULL, 1)", (WHO,), "23502"),
        ("SELECT $1::text::uuid", (WHO,), "22P02"),
        ("INSERT INTO people (age) VALUES ($1)", (WHO,), "22000"),
    ],
)
async def test_what_postgresql_refuses_is_told_without_the_row(connection, capsys, statement, values, told):
    error = await refused(connection, statement, *values)
    for each in (error, DBAPIError("INSERT …", {"mail": WHO}, _driver(error))):
        line = written_of(each, capsys)
        assert "claire" not in line.lower()
        assert told in json.loads(line)["error"]
        assert told in json.dumps(json.loads(line)["exception"])


def _driver(error):
    """The error as SQLAlchemy's dialect hands it on: with the text of asyncpg's, and that as its cause."""
    around = Exception(f"{type(error)}: {error}")
    around.__cause__ = error
    return around


def test_what_pydantic_refuses_is_told_without_what_was_sent(capsys):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(dict[str, int]).validate_python({"age": WHO})
    line = written_of(caught.value, capsys)
    assert "claire" not in line
    assert json.loads(line)["error"] == "ValidationError: age int_parsing"


def test_errors_of_a_group_and_those_before_are_told(capsys):
    group = ExceptionGroup("both", [ValueError("one"), KeyError("two")])
    told = json.loads(written_of(group, capsys))["exception"]
    assert [each["exc_type"] for each in told] == ["RuntimeError", "ExceptionGroup"]
    assert [each[0]["exc_value"] for each in told[1]["exceptions"]] == ["ValueError: one", "KeyError: 'two'"]
    assert told[0]["frames"][-1]["name"] == "_fail_because_of"
