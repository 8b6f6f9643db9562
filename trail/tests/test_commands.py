"""What an operator types after `trail`: what cannot be meant is said in a line."""

import argparse

import pytest

from parvis_trail.commands import COMMANDS


def parsed(*typed):
    parser = argparse.ArgumentParser()
    COMMANDS["trail"].arguments(parser)
    return parser.parse_args(typed)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["--since", "yesterday"], "'yesterday' is no moment such as 2026-11-01"),
        (["--since", "0001-01-01T00:00+14:00"], "'0001-01-01T00:00+14:00' is no moment such as"),
        (["--until", "9999-12-31T23:00-14:00"], "'9999-12-31T23:00-14:00' is no moment such as"),
        (["--organisation", "orsel"], "'orsel' is no identifier"),
        (["--account", "1"], "'1' is no identifier"),
        (["--limit", "-3"], "'-3' is no number from 1"),
        (["--limit", "9" * 30], "is no number from 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(typed, says, capsys):
    with pytest.raises(SystemExit):
        parsed(*typed)
    assert says in capsys.readouterr().err


def test_a_moment_with_a_zone_is_that_moment():
    assert parsed("--until", "2026-11-01T08:00+01:00").until.isoformat() == "2026-11-01T07:00:00+00:00"


def test_a_moment_without_a_zone_is_utc():
    assert parsed("--since", "2026-11-01").since.isoformat() == "2026-11-01T00:00:00+00:00"
