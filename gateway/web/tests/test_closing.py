"""What an organisation's pages say while it is being closed, and what the page of its closing says before and then."""

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from parvis.tenancy.v1 import closing_pb2, tenancy_pb2
from parvis_web.testing import Suite, make_frame, text_of

PAGE = "/o/durand/settings/data/closing"
STAFF, PORTAL = tenancy_pb2.MEMBERSHIP_KIND_STAFF, tenancy_pb2.MEMBERSHIP_KIND_PORTAL


@pytest.fixture
def day() -> Timestamp:
    made = Timestamp()
    made.FromDatetime(datetime(2026, 12, 23, 9, tzinfo=UTC))
    return made


def closing_frame(kind, day: Timestamp) -> tenancy_pb2.Frame:
    frame = make_frame(kind, None if kind == STAFF else [])
    frame.closes_at.CopyFrom(day)
    return frame


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (STAFF, "Closing: everything is erased on 23 December 2026. Until then you can read and export."),
        (PORTAL, "Cabinet Durand is leaving this portal: everything is erased on 23 December 2026."),
    ],
    ids=["staff", "client"],
)
async def test_everybody_reads_until_when_and_clients_whose_space_it_is(suite: Suite, day, kind, said):
    suite.organisations[0].kind = kind
    suite.services.answers["GetFrame"] = closing_frame(kind, day)
    assert said in text_of(await suite.get("/o/durand/account"))


async def test_its_page_asks_before_and_says_so_while_it_is_being_closed(suite: Suite, day):
    suite.services.answers["GetClosing"] = closing_pb2.Closing(may_close=True, days=30)
    before = text_of(await suite.get(PAGE))
    asked = closing_pb2.Closing(closes_at=day, asked_at=day, asked_by="Hugo Petit", may_close=True, days=30)
    suite.services.answers["GetClosing"] = asked

    then = text_of(await suite.get(PAGE))

    assert "Close the organisation 30 days to change your mind" in before
    assert "The organisation is being closed Everything is erased on 23 December 2026 Hugo Petit asked for it" in then
    assert "Reopen Cabinet Durand" in then


async def test_who_may_not_is_told_whom_to_ask_and_is_offered_nothing(suite: Suite, day):
    asked = closing_pb2.Closing(closes_at=day, asked_at=day, administrators=["Hugo Petit"], days=30)
    suite.services.answers["GetClosing"] = asked

    answer = await suite.get(PAGE)

    assert "Ask Hugo Petit: only those close or reopen who administer the whole organisation." in text_of(answer)
    assert f'action="{PAGE}' not in answer.text
