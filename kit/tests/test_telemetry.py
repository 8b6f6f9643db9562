"""Logs say where something failed, not what it held."""

import json

import structlog

from parvis_kit.caller import Acting, acting_as
from parvis_kit.telemetry import configure_logs, new_traceparent


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


def test_a_line_names_the_trace_of_the_request_at_hand(capsys):
    configure_logs("sample", "info")
    traceparent = new_traceparent()
    with acting_as(Acting(traceparent=traceparent)):
        structlog.get_logger("fresh").info("done")
    line = json.loads(capsys.readouterr().out)
    structlog.reset_defaults()
    assert line["trace_id"] == traceparent.split("-")[1]
