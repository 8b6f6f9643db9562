"""The page about what an organisation demands at its door."""

import re

import pytest

from parvis.identity.v1 import policies_pb2 as pb
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Violation, conflict, invalid, precondition
from parvis_web.testing import Suite, text_of

HERE = "/o/durand/settings/sign-in/policy"
ME, OTHER, GONE = "0192f000-0000-7000-8000-0000000000c1", "0192f000-0000-7000-8000-0000000000c2", "c3"
TOLD = pb.SignInPolicies(
    policy=pb.SignInPolicy(sso=pb.SSO_MODE_OFFERED, factors=pb.FACTOR_MODE_OFF, break_glass=[GONE], version=3),
    staff=12, affected=12, without_factor=5, without_sso=4, live_providers=1,
    names_without_factor=["Lucie Tanguy", "Paul Cadiou"],
    candidates=[
        pb.BreakGlassCandidate(account_id=GONE),
        pb.BreakGlassCandidate(
            account_id=ME, name="Claire Martin", mail="c@d.example", has_factor=True, staff=True, me=True
        ),
    ],
    staff_by_profile={"p1": 4, "p2": 8}, without_factor_by_profile={"p2": 5},
)  # fmt: skip


@pytest.fixture
def firm(suite: Suite) -> Suite:
    profiles = [tenancy_pb2.Profile(id=each, name=name) for each, name in (("p1", "Gérant"), ("p2", "Conseiller"))]
    suite.services.answers |= {
        "GetSignInPolicy": TOLD,
        "SaveSignInPolicy": TOLD,
        "ListProfiles": tenancy_pb2.ListProfilesResponse(profiles=profiles),
    }
    return suite


async def test_who_is_concerned_and_not_ready_is_said_before_it_is_demanded(firm: Suite):
    said = text_of(await firm.get(HERE))
    assert "5 people of those concerned have no second factor yet." in said
    assert "Lucie Tanguy, Paul Cadiou and others" in said
    assert "4 people, all with a second factor" in said
    assert "8 people, 5 without a second factor" in said
    assert "4 people have never signed in with it." in said


async def test_who_works_here_no_more_is_seen_to_be_taken_off(firm: Suite):
    said = text_of(await firm.get(HERE))
    assert "Somebody who works here no more Take this account off." in said
    assert "Claire Martin (you) c@d.example" in said


async def test_what_is_chosen_is_asked_for(firm: Suite):
    sent = {
        "sso": "enforced", "factors": "required", "required_from": "2026-12-24", "required_profiles": ["p1", "p2"],
        "break_glass": [ME], "version": "3",
    }  # fmt: skip
    answer = await firm.post(HERE, sent)
    assert answer.status_code == 303
    policy = firm.services.last("SaveSignInPolicy").policy
    assert (policy.sso, policy.factors, policy.version) == (pb.SSO_MODE_ENFORCED, pb.FACTOR_MODE_REQUIRED, 3)
    assert (list(policy.required_profiles), list(policy.break_glass)) == (["p1", "p2"], [ME])
    assert policy.required_from.ToJsonString() == "2026-12-23T23:00:00Z"  # midnight in Paris


async def test_a_day_that_is_none_is_said_at_its_field(firm: Suite):
    answer = await firm.post(HERE, {"sso": "off", "factors": "required", "required_from": "tomorrow"})
    assert answer.status_code == 422
    assert "Choose a day." in text_of(answer)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (invalid("policy_invalid", [Violation("sso", "no_live_provider")]), "First connect a directory"),
        (invalid("policy_invalid", [Violation("break_glass", "break_glass_missing")]), "Choose at least one"),
        (precondition("would_lock_out", step="enrol"), "you would lock yourself out. You have no second factor"),
        (precondition("would_lock_out", step="sso"), "you would lock yourself out. Sign in with the directory"),
    ],
)
async def test_what_is_refused_is_said_and_what_was_chosen_is_kept(firm: Suite, error, said):
    firm.services.answers["SaveSignInPolicy"] = error
    answer = await firm.post(HERE, {"sso": "enforced", "factors": "required", "break_glass": ME})
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert re.search(r'value="enforced"[^>]* checked', answer.text)


async def test_saving_again_replaces_what_somebody_else_saved_meanwhile(firm: Suite):
    firm.services.answers["SaveSignInPolicy"] = conflict("stale_version", version="7")
    answer = await firm.post(HERE, {"sso": "off", "factors": "off", "version": "3"})
    assert 'name="version" value="7"' in answer.text


async def test_nothing_is_demanded_that_nobody_could_give(suite: Suite):
    told = pb.SignInPolicies(staff=1, affected=1, without_factor=1)
    suite.services.answers["GetSignInPolicy"] = told
    assert "No directory of yours is in service" in text_of(await suite.get(HERE))
    told.live_providers = 1
    said = text_of(await suite.get(HERE))
    assert "that takes somebody with a second factor of their own" in said
