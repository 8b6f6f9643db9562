"""A colleague's rights: today, on a day in the past, what differs from the profile; and what a move would change."""

import re

import pytest

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import conflict, invalid
from parvis_web import grids
from parvis_web.testing import Suite, text_of

ID = "0192f000-0000-7000-8000-0000000000aa"
PLACE, SUPERIOR = f"/o/durand/settings/people/{ID}/rights", f"/o/durand/settings/people/{ID}/superior"
MINE, GROUP = tenancy_pb2.SCOPE_MINE, tenancy_pb2.SCOPE_GROUP
MEMBER = tenancy_pb2.Member(
    id=ID, given_name="Hugo", family_name="Petit", profile_id="p", profile_name="Conseiller", version=3,
    state=tenancy_pb2.MEMBERSHIP_STATE_ACTIVE,
    personal=[tenancy_pb2.PersonalRight(code="contacts.read", scope=GROUP)],
)  # fmt: skip


def _rights(scope: "tenancy_pb2.Scope.ValueType") -> list[tenancy_pb2.GrantedRight]:
    return [tenancy_pb2.GrantedRight(code="contacts.read", scope=scope)]


@pytest.fixture(autouse=True)
def answers(suite: Suite):
    right = tenancy_pb2.Right(code="contacts.read", group="clients", scoped=True)
    lea = tenancy_pb2.Member(id="b", given_name="Léa", family_name="Roy")
    suite.services.answers |= {
        "GetMember": MEMBER,
        "SetPersonalRights": MEMBER,
        "MoveMember": tenancy_pb2.Member(id=ID, given_name="Hugo", family_name="Petit", manager_name="Léa Roy"),
        "ListMembers": tenancy_pb2.ListMembersResponse(members=[MEMBER, lea]),
        "ListRights": tenancy_pb2.ListRightsResponse(rights=[right]),
        "ListProfiles": tenancy_pb2.ListProfilesResponse(profiles=[tenancy_pb2.Profile(id="p", rights=_rights(MINE))]),
        "GetRightsAt": tenancy_pb2.RightsAt(rights=_rights(GROUP)),
    }


async def test_what_differs_from_the_profile_is_said_and_can_be_taken_back(suite: Suite):
    assert "Differs from the profile: for this person alone." in (await suite.get(PLACE)).text
    await suite.post(PLACE, {"version": "3", "act": "profile", "right.contacts.read": "4"})
    asked = suite.services.last("SetPersonalRights")
    assert grids.granted(asked.rights) == {"contacts.read": MINE}
    assert asked.version == 3


async def test_rights_on_a_day_in_the_past_are_shown_and_not_changed(suite: Suite):
    answer = await suite.get(f"{PLACE}?on=2026-01-15")
    page = answer.text
    asked = next(
        request for name, request in suite.services.requests if name == "GetRightsAt" and request.membership_id
    )
    assert asked.at.ToJsonString().startswith("2026-01-15T22:59:59"), "the whole day has passed, in Paris"
    assert 'type="radio" name="right.' not in page
    assert "Rights on 15 January 2026" in text_of(answer)
    assert "Differs from the profile" not in page


@pytest.mark.parametrize("day", ["2999-01-01", "yesterday"])
async def test_a_day_that_is_none_or_to_come_is_refused(suite: Suite, day: str):
    assert "Choose today or a day in the past." in (await suite.get(f"{PLACE}?on={day}")).text


async def test_two_who_write_at_once_lose_nothing(suite: Suite):
    suite.services.answers["SetPersonalRights"] = conflict("stale_version", version="3")
    answer = await suite.post(PLACE, {"version": "2", "right.contacts.read": "1"})
    assert answer.status_code == 409
    assert re.search(r'name="right\.contacts\.read" value="1" checked', answer.text)
    assert 'name="version" value="3"' in answer.text


async def test_a_move_is_seen_before_it_is_made(suite: Suite):
    change = tenancy_pb2.ReachChange(name="Léa Roy", gained=["contacts.read"], contacts_more=12)
    suite.services.answers["PreviewMove"] = tenancy_pb2.MovePreview(changes=[change], total=1, moved=3)
    assert "Make the move" not in (await suite.get(SUPERIOR)).text
    answer = await suite.get(f"{SUPERIOR}?manager=b&see=1")
    assert "3 people move." in answer.text
    assert "sees 12 more clients" in answer.text
    assert "MoveMember" not in suite.services.calls
    told = await suite.post(SUPERIOR, {"version": "3", "manager": "b"}, follow_redirects=True)
    assert suite.services.last("MoveMember").manager_id == "b"
    assert "Hugo Petit is attached to Léa Roy." in text_of(told)


async def test_a_move_above_ones_own_rights_is_not_offered(suite: Suite):
    suite.services.answers["PreviewMove"] = tenancy_pb2.MovePreview(beyond=["contacts.read"])
    page = (await suite.get(f"{SUPERIOR}?manager=b&see=1")).text
    assert "You cannot make this move" in page
    assert "See clients" in page
    assert "Make the move" not in page


async def test_nobody_is_attached_to_somebody_below_them(suite: Suite):
    suite.services.answers["PreviewMove"] = invalid("hierarchy_cycle")
    answer = await suite.get(f"{SUPERIOR}?manager=b&see=1")
    assert answer.status_code == 422
    assert "attached to the other one already" in answer.text
