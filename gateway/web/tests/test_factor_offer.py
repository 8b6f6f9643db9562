"""The offer of a second factor on the home page."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from parvis.identity.v1 import factors_pb2, identity_pb2
from parvis_web.testing import Suite

HOME = "/o/durand/"
OFFER = "Protect your account with a second factor"


@pytest.fixture
def offered(suite: Suite) -> identity_pb2.OrganisationToken:
    """The token that identity gives."""
    made = identity_pb2.OrganisationToken(token="token", offers_factor=True)
    made.expires_at.FromDatetime(datetime.now(UTC) + timedelta(minutes=5))
    made.proven_at.FromDatetime(datetime.now(UTC))
    answers: dict[str, Any] = suite.services.answers
    answers["GetOrganisationToken"] = lambda _: made
    answers["PutOffMyFactor"] = factors_pb2.PutOffMyFactorResponse()
    return made


@pytest.mark.usefixtures("offered")
async def test_a_second_factor_is_offered_with_a_way_there_and_one_out(suite: Suite):
    page = (await suite.get(HOME)).text
    assert OFFER in page
    assert 'href="/factors/enrol?next=%2Fauth%2Fproven%3Fnext%3D%2Fo%2Fdurand%2F"' in page
    assert 'action="/o/durand/factor-later"' in page


async def test_whoever_answered_it_meanwhile_is_not_shown_it_again(
    suite: Suite, offered: identity_pb2.OrganisationToken
):
    assert OFFER in (await suite.get(HOME)).text
    offered.offers_factor = False
    assert OFFER not in (await suite.get(HOME)).text


async def test_the_day_is_said_from_which_it_is_demanded(suite: Suite, offered: identity_pb2.OrganisationToken):
    offered.factor_required_from.FromDatetime(datetime(2027, 3, 1, tzinfo=UTC))
    assert re.search("From [^<]*2027 on, Cabinet Durand asks", (await suite.get(HOME)).text)


async def test_later_is_sent_and_leads_home(suite: Suite, offered: identity_pb2.OrganisationToken):
    answer = await suite.post("/o/durand/factor-later", {})
    offered.offers_factor = False
    assert (answer.status_code, answer.headers["location"]) == (303, HOME)
    assert "again in a month" in (await suite.get(HOME)).text
    assert "PutOffMyFactor" in suite.services.calls
