"""Who was refused what stands in the log, and whoever tries doors does not fill it."""

import pytest
from structlog.testing import capture_logs

from parvis_kit.errors import ServiceError, forbidden, not_found
from parvis_watch import refusals
from parvis_watch.refusals import Lately, known, noted


@pytest.fixture(autouse=True)
def nothing_written(monkeypatch):
    monkeypatch.setattr(refusals, "_lately", Lately(lambda: 0.0))


def refused(where, error, **who):
    def ask():
        with noted(where):
            known(**who)
            raise error

    with pytest.raises(ServiceError):
        ask()


def test_a_refusal_says_who_where_and_what_was_missing():
    with capture_logs() as lines:
        refused("Rights.Check", forbidden("right_missing", right="members.manage"), by="web", account="a", actor=None)
    assert lines == [
        {
            "event": "refused", "log_level": "warning", "where": "Rights.Check", "reason": "right_missing",
            "right": "members.manage", "by": "web", "account": "a",
        }
    ]  # fmt: skip


def test_what_a_refusal_tells_its_reader_is_not_written():
    with capture_logs() as lines:
        refused("Rights.Check", forbidden("above_ceiling", name="Anne Roche"), account="a")
    assert "Anne Roche" not in str(lines)


def test_other_errors_are_no_refusals():
    with capture_logs() as lines:
        refused("Rights.Check", not_found("document"), account="a")
    assert lines == []


def test_who_asks_stands_for_one_request_only():
    with capture_logs() as lines:
        refused("Rights.Check", forbidden("right_missing"), account="a")
        refused("Rights.Check", forbidden("right_missing"), by="web")
    assert [line.get("account") for line in lines] == ["a", None]


def test_of_one_account_place_and_reason_there_is_a_line_a_minute_that_counts_the_others(monkeypatch):
    moments = iter([0.0, 1.0, 59.0, 61.0, 62.0])
    monkeypatch.setattr(refusals, "_lately", Lately(moments.__next__))
    with capture_logs() as lines:
        for _ in range(5):
            refused("Rights.Check", forbidden("right_missing"), account="a")
    assert [line.get("more_before") for line in lines] == [None, 2]


def test_what_is_remembered_has_an_end(monkeypatch):
    monkeypatch.setattr(refusals, "MOST", 3)
    lately = Lately(lambda: 0.0)
    for each in "abcd":
        lately.left_out(each)
    assert [lately.left_out(each) for each in "da"] == [None, 0]
