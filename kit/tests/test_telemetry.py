"""Logs say where something failed, not what it held."""

import json

import structlog

from parvis_kit.telemetry import configure_logs


def test_a_traceback_in_the_log_has_no_local_variables(capsys):
    configure_logs("sample", "info")
    password = "Tr0ub4dor!3"
    try:
        raise ValueError(len(password))
    except ValueError:
        structlog.get_logger("fresh").exception("failed")
    written = capsys.readouterr().out
    structlog.reset_defaults()
    assert json.loads(written)["exception"][0]["exc_type"] == "ValueError"
    assert password not in written
