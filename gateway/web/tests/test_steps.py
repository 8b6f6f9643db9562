"""What more than a sign-in is asked for: at the door of an organisation, and before what is sensitive."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import not_found, precondition
from parvis_web.testing import FIRM, OTHER, SESSION, Suite, make_frame, text_of

CLOSED = precondition("door_closed", step="factor", organisation=FIRM, name="Cabinet Durand")


def leads_back_to(location: str) -> str:
    """Where a page of identity leads in the end, through the page that forgets older tokens."""
    back = urlsplit(parse_qs(urlsplit(location).query)["next"][0])
    assert back.path == "/auth/proven"
    return parse_qs(back.query)["next"][0]


class Proofs:
    """Identity's tokens; `minutes` since the person proved who they are."""

    def __init__(self, suite: Suite) -> None:
        self.minutes: float = 60
        self.asked = 0
        self.closed = False
        suite.services.answers["GetOrganisationToken"] = self

    def __call__(self, request: identity_pb2.GetOrganisationTokenRequest) -> Any:
        self.asked += 1
        if self.closed and request.organisation_id == FIRM:
            return CLOSED
        now = datetime.now(UTC)
        made = identity_pb2.OrganisationToken(token=f"token-{self.asked}", session_id=str(SESSION))
        made.expires_at.FromDatetime(now + timedelta(minutes=5))
        made.proven_at.FromDatetime(now - timedelta(minutes=self.minutes))
        return made


@pytest.fixture
def proofs(suite: Suite) -> Proofs:
    return Proofs(suite)


async def test_a_closed_door_leads_to_the_missing_step_and_back(suite: Suite, proofs: Proofs):
    proofs.closed = True
    answer = await suite.get("/o/durand/contacts?q=a b")
    assert answer.status_code == 303
    assert urlsplit(answer.headers["location"]).path == f"/door/{FIRM}"
    assert leads_back_to(answer.headers["location"]) == "/o/durand/contacts?q=a%20b"


async def test_the_door_of_one_organisation_asks_nothing_at_another(suite: Suite, proofs: Proofs):
    proofs.closed = True
    assert (await suite.get("/o/durand/")).status_code == 303
    assert (await suite.get("/o/lenoir/")).status_code == 200
    assert (await suite.get("/organisations")).status_code in {200, 303}


async def test_a_part_of_a_page_sends_the_whole_browser_to_the_door(suite: Suite, proofs: Proofs):
    proofs.closed = True
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost:8600/o/durand/contacts?page=2"}
    answer = await suite.get("/o/durand/contacts", headers=headers)
    assert leads_back_to(answer.headers["HX-Redirect"]) == "/o/durand/contacts?page=2"


async def test_a_browser_that_names_no_address_is_led_back_to_what_it_asked_for(suite: Suite, proofs: Proofs):
    proofs.closed = True
    headers = {"HX-Request": "true", "HX-Current-URL": "https://["}
    answer = await suite.get("/o/durand/contacts", headers=headers)
    assert leads_back_to(answer.headers["HX-Redirect"]) == "/o/durand/contacts"


async def test_a_form_that_came_from_no_address_is_refused_with_a_page(suite: Suite):
    suite.services.answers["SavePasswordPolicy"] = not_found()
    headers = {"Referer": "https://["}
    answer = await suite.post("/o/durand/settings/passwords", {"minimum": "14"}, headers=headers)
    assert answer.status_code == 404


async def test_what_was_typed_is_kept_where_a_door_closed_meanwhile(suite: Suite, proofs: Proofs):
    proofs.closed = True
    answer = await suite.post("/o/durand/settings/passwords", {"minimum": "14"})
    assert answer.status_code == 409
    assert 'name="minimum" value="14"' in answer.text
    assert f'href="/door/{FIRM}?next=' in answer.text
    assert "Cabinet Durand asks for more" in text_of(answer)


@pytest.mark.usefixtures("proofs")
async def test_what_was_typed_is_kept_where_a_proof_is_too_old(suite: Suite):
    suite.services.answers["SavePasswordPolicy"] = precondition("step_up_required")
    answer = await suite.post("/o/durand/settings/passwords", {"minimum": "14"})
    assert answer.status_code == 409
    assert 'name="minimum" value="14"' in answer.text
    assert 'href="/step-up?next=' in answer.text


async def test_what_was_proven_in_another_process_counts_once_it_is_sent_again(suite: Suite, proofs: Proofs):
    await suite.get("/o/durand/settings/people")
    proofs.minutes = 0
    suite.services.answers["SavePasswordPolicy"] = precondition("step_up_required")
    answer = await suite.post("/o/durand/settings/passwords", {"minimum": "14"})
    assert answer.status_code == 401
    assert 'name="minimum" value="14"' in answer.text
    assert "/step-up" not in answer.text


async def test_coming_back_from_a_step_forgets_what_older_tokens_say(suite: Suite, proofs: Proofs):
    await suite.get("/o/durand/")
    before = proofs.asked
    answer = await suite.get("/auth/proven?next=/o/durand/contacts")
    assert answer.headers["location"] == "/o/durand/contacts"
    await suite.get("/o/durand/contacts")
    assert proofs.asked == before + 1


async def test_coming_back_from_a_step_leads_nowhere_else(suite: Suite):
    answer = await suite.get("/auth/proven?next=https://elsewhere.example/")
    assert answer.headers["location"] == "/"


async def test_a_changed_demand_forgets_the_tokens_of_that_organisation_alone(suite: Suite, proofs: Proofs):
    await suite.get("/o/durand/")
    await suite.get("/o/lenoir/")
    suite.sessions._known[b"x"] = suite.session
    suite.sessions.demands_changed(FIRM)
    assert FIRM not in suite.session.tokens
    assert OTHER in suite.session.tokens


ASKING = [
    "/o/durand/settings/profiles/new",
    "/o/durand/settings/profiles/p1",
    "/o/durand/settings/people/m1/rights",
    "/o/durand/settings/people/m1/superior",
    "/o/durand/settings/passwords",
    "/o/durand/settings/products/new",
    "/o/durand/settings/products/p1/edit",
]


@pytest.fixture
def served(suite: Suite) -> Suite:
    suite.frame.organisation.kind = tenancy_pb2.ORGANISATION_KIND_PROVIDER
    suite.organisations[0].face.kind = tenancy_pb2.ORGANISATION_KIND_PROVIDER
    suite.services.answers["ListProfiles"] = tenancy_pb2.ListProfilesResponse(
        profiles=[tenancy_pb2.Profile(id="p1", name="Conseiller")]
    )
    suite.services.answers["GetMember"] = tenancy_pb2.Member(id="m1", state=tenancy_pb2.MEMBERSHIP_STATE_ACTIVE)
    return suite


@pytest.mark.parametrize("path", ASKING)
async def test_a_sensitive_form_is_shown_to_whoever_has_just_proven_who_they_are(served: Suite, proofs: Proofs, path):
    proofs.minutes = 11
    answer = await served.get(path)
    assert urlsplit(answer.headers["location"]).path == "/step-up"
    assert leads_back_to(answer.headers["location"]) == path
    proofs.minutes = 9
    assert (await served.get(path)).status_code == 200


@pytest.mark.parametrize("path", ["/o/durand/settings/profiles/p1", "/o/durand/settings/people/m1/rights"])
async def test_whoever_may_only_look_is_asked_nothing(served: Suite, proofs: Proofs, path):
    proofs.minutes = 600
    served.frame.CopyFrom(make_frame(rights=["members.read"]))
    assert (await served.get(path)).status_code == 200


@pytest.mark.usefixtures("proofs")
async def test_bank_details_that_are_refused_keep_the_form(served: Suite):
    served.services.answers["UpdateOrganisation"] = precondition("step_up_required")
    answer = await served.post("/o/durand/settings/organisation", {"name": "Durand", "iban": "FR76"})
    assert 'name="iban" value="FR76"' in answer.text
    assert 'href="/step-up?next=' in answer.text


@pytest.mark.usefixtures("proofs")
@pytest.mark.parametrize(
    ("path", "method", "typed"),
    [
        ("invite", "InviteMember", dict.fromkeys(("given_name", "family_name", "mail", "profile_id"), "Ida")),
        ("m1", "UpdateMember", {"profile_id": "p1", "function": "Associée", "version": "3"}),
        ("m1/superior", "MoveMember", {"manager": "m2", "reason": "Nouvelle équipe", "version": "3"}),
        ("m1/reopen", "ReopenMember", {}),
        ("m1/directory", "SetDirectoryHand", {"followed": "1", "version": "3"}),
    ],
)
async def test_what_gives_somebody_power_is_kept_until_it_is_proven(served: Suite, path: str, method: str, typed):
    served.services.answers[method] = precondition("step_up_required")
    answer = await served.post(f"/o/durand/settings/people/{path}", typed)
    assert 'href="/step-up?next=' in answer.text
    assert [f'name="{name}" value="{value}"' in answer.text for name, value in typed.items()] == [True] * len(typed)


@pytest.mark.usefixtures("proofs")
async def test_a_secret_is_not_replaced_without_a_proof(served: Suite):
    served.services.answers["RotateProductSecret"] = precondition("step_up_required")
    answer = await served.post("/o/durand/settings/products/p1/secret", {"keep_hours": "24"})
    assert 'href="/step-up?next=' in answer.text


@pytest.mark.usefixtures("proofs")
@pytest.mark.parametrize(("path", "method"), [("s2/end", "EndMySession"), ("end-others", "EndMyOtherSessions")])
async def test_another_device_is_not_signed_out_without_a_proof(served: Suite, path: str, method: str):
    served.services.answers[method] = precondition("step_up_required")
    answer = await served.post(f"/o/durand/account/sessions/{path}")
    assert 'href="/step-up?next=' in answer.text


async def test_whoever_a_firm_alone_vouched_for_proves_the_account_before_they_see_more(suite: Suite, proofs: Proofs):
    suite.services.answers["ListMySessions"] = precondition("door_closed", step="own")
    answer = await suite.get("/o/durand/account")
    assert urlsplit(answer.headers["location"]).path == "/step-up"
    assert leads_back_to(answer.headers["location"]) == "/o/durand/account"
    before = proofs.asked
    await suite.get("/o/durand/account")
    assert proofs.asked > before  # nothing of the token of before counts, whichever replica led through the step


@pytest.mark.usefixtures("proofs")
async def test_what_was_typed_is_kept_while_the_account_is_proven(suite: Suite):
    suite.services.answers["UpdateMyAccount"] = precondition("door_closed", step="own")
    answer = await suite.post("/o/durand/account", {"given_name": "Hélène", "family_name": "Roche", "locale": "fr"})
    assert answer.status_code == 409
    assert 'name="given_name" value="Hélène"' in answer.text
    assert 'href="/step-up?next=' in answer.text


@pytest.mark.usefixtures("proofs")
async def test_whoever_a_firm_alone_vouched_for_finds_the_way_to_their_other_organisations(suite: Suite):
    shown = tenancy_pb2.ListMyOrganisationsResponse(
        organisations=suite.organisations[:1], total=1, named=suite.organisations[0], partial=True
    )
    suite.services.answers["ListMyOrganisations"] = shown
    suite.session.entered.clear()
    page = (await suite.get("/o/durand/")).text
    found = re.search(r'<a class="menu-item" href="(/step-up[^"]+)">.*?My other organisations', page, re.DOTALL)
    assert found
    assert leads_back_to(unescape(found[1])) == "/organisations"


@pytest.mark.usefixtures("proofs")
async def test_whoever_proved_their_account_is_offered_no_further_proof(suite: Suite):
    assert "My other organisations" not in (await suite.get("/o/durand/")).text
