"""`replay-events`: whose events, and since when."""

import argparse
from datetime import UTC, datetime

import pytest

from parvis_local import replay_events
from parvis_watch.refill import KEPT, add_since, told


def test_a_service_that_sends_nothing_is_named_with_those_that_do():
    with pytest.raises(ValueError, match=r"No service web has events\. Services: identity"):
        replay_events.run({"identity": "postgresql://nobody@127.0.0.1:1/none"}, None, service="web")


def test_a_database_that_is_away_is_named_without_its_password():
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:1/none") as refused:
        replay_events.run({"identity": "postgresql://nobody:secret@127.0.0.1:1/none"}, None)
    assert "secret" not in str(refused.value)


def test_since_is_utc_where_no_zone_is_said_and_all_that_is_kept_where_nothing_is():
    parser = argparse.ArgumentParser()
    add_since(parser)

    assert parser.parse_args(["--since", "2026-11-23T08:00"]).since == datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert parser.parse_args(["--since", "2026-11-23T09:00+01:00"]).since == datetime(2026, 11, 23, 8, tzinfo=UTC)
    kept = datetime.now(UTC) - told(parser.parse_args([]).since) - KEPT
    assert abs(kept.total_seconds()) < 60
    with pytest.raises(SystemExit):
        parser.parse_args(["--since", "yesterday"])
