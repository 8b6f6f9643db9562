"""Logs say where something failed, not what it held."""

import json

import structlog

from parvis_kit.telemetry import configure_logs


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
