"""The frame: who gets in, what is refused, what is said when something is down."""

import re

import pytest
from structlog.testing import capture_logs

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import conflict, forbidden, invalid, not_found, unauthenticated, unavailable
from parvis_ui.translations import problems, sources
from parvis_web.access import PageRoute
from parvis_web.pages import AREAS
from parvis_web.testing import ORIGIN, Suite, make_frame, text_of
from parvis_web.visit import local_path

ROUTES = [route for area in AREAS for route in area.routes]
ID = "0192f000-0000-7000-8000-000000000003"


def address(route: PageRoute) -> str:
    """An address of the route, in the firm."""
    return re.sub(r"\{\w+\}", ID, route.path.replace("{slug}", "durand"))


def test_every_route_has_a_rule_that_fits_its_address():
    assert ROUTES
    for route in ROUTES:
        assert route.rule.inside == route.path.startswith("/o/{slug}"), route.path


@pytest.mark.parametrize(
    "route", [r for r in ROUTES if r.rule.who != "anyone"], ids=lambda r: f"{r.methods[0]} {r.path}"
)
async def test_who_is_not_signed_in_is_sent_to_the_sign_in_page_or_refused(suite: Suite, route):
    suite.sign_out()
    path = address(route)
    answer = await suite.client.request(route.methods[0], path, headers={"Origin": ORIGIN})
    assert answer.status_code in {303, 401}
    assert suite.services.calls == []


@pytest.mark.parametrize("route", [r for r in ROUTES if "POST" in r.methods], ids=lambda r: r.path)
@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {}],
    ids=["foreign origin", "no origin", "cross-site", "nothing said"],
)
async def test_a_form_of_another_site_does_nothing(suite: Suite, route, headers):
    path = address(route)
    answer = await suite.client.post(path, data={"csrf": "guessed"}, headers=headers)
    assert answer.status_code == 403
    assert not [call for call in suite.services.calls if not call.startswith(("Get", "List", "Check"))]


async def test_a_form_of_an_ended_session_keeps_what_was_typed(suite: Suite):
    suite.sign_out()
    answer = await suite.post("/o/durand/applications/x/assign-to-me", {"note": "Ce que j'ai écrit"})
    assert answer.status_code == 401
    assert 'value="Ce que j&#39;ai écrit"' in answer.text


async def test_a_form_with_the_token_of_an_older_session_is_confirmed_by_the_reader(suite: Suite):
    answer = await suite.post("/o/durand/applications/x/assign-to-me", {"csrf": "older", "note": "kept"})
    assert answer.status_code == 401
    assert 'value="kept"' in answer.text
    assert f'value="{suite.session.csrf}"' in answer.text
    assert "SetAssignment" not in suite.services.calls


#: What every service's trail comes together on: one call for each, and in the file with proofs one more for each.
JOURNAL = "/o/{slug}/settings/audit"
JOURNAL_CALLS = 13
#: A file with all that is kept: it asks every service until it has everything, as long as the browser takes it.
EXPORT = "/o/{slug}/settings/data/export.zip"


@pytest.mark.parametrize("route", [r for r in ROUTES if "GET" in r.methods and r.rule.inside], ids=lambda r: r.path)
async def test_a_page_costs_five_calls_at_most_and_says_so_when_its_services_are_down(suite: Suite, route):
    await suite.get("/o/durand/")
    suite.services.calls.clear()
    await suite.get(address(route))
    if route.path != EXPORT:
        assert len(suite.services.calls) <= (JOURNAL_CALLS if route.path.startswith(JOURNAL) else 5)
    working = ("GetOrganisationToken", "ListMyOrganisations", "GetFrame")
    suite.services.fallback = unavailable("service_unavailable")
    suite.services.answers = {name: suite.services.answers[name] for name in working}
    answer = await suite.get(address(route))
    assert answer.status_code in {200, 303, 404, 503}


async def test_home_costs_three_calls(suite: Suite):
    await suite.get("/o/durand/")
    suite.services.calls.clear()
    answer = await suite.get("/o/durand/")
    assert answer.status_code == 200
    assert sorted(suite.services.calls) == ["GetHome", "GetOverview", "GetOverview"]


async def test_a_service_that_is_down_leaves_the_rest_of_home(suite: Suite):
    suite.services.answers["GetOverview"] = unavailable("service_unavailable", service="documents")
    answer = await suite.get("/o/durand/")
    assert answer.status_code == 200
    assert "Documents: not available right now" in text_of(answer)
    assert "Applications" in text_of(answer)


async def test_home_stands_when_tenancy_is_down(suite: Suite):
    await suite.get("/o/durand/")
    suite.services.answers["GetHome"] = unavailable("service_unavailable", service="tenancy")
    answer = await suite.get("/o/durand/")
    assert answer.status_code == 200
    assert "Applications: not available right now" in text_of(answer)
    assert "Cabinet Durand" in answer.text


async def test_an_organisation_of_others_is_not_found(suite: Suite):
    answer = await suite.get("/o/unknown/")
    assert answer.status_code == 404
    assert "Cabinet Durand" not in answer.text


async def test_an_access_that_was_cut_says_so_and_the_others_go_on(suite: Suite):
    assert (await suite.get("/o/lenoir/")).status_code == 200
    del suite.organisations[1]
    suite.sessions._known[b"x"] = suite.session
    suite.sessions.membership_changed(suite.session.account_id)
    answer = await suite.get("/o/lenoir/")
    assert answer.status_code == 403
    assert "Your access to Lenoir Conseil has ended" in text_of(answer)
    assert "Your access to Lenoir Conseil has ended" in text_of(await suite.get("/o/lenoir/documents")), "a second tab"
    assert (await suite.get("/o/durand/")).status_code == 200


async def test_who_belongs_nowhere_any_more_is_told_so_after_signing_in(suite: Suite):
    suite.organisations.clear()
    answer = await suite.get("/o/durand/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/organisations")


async def test_a_session_that_ended_elsewhere_leads_to_the_sign_in_page(suite: Suite):
    suite.services.answers["GetOrganisationToken"] = unauthenticated("session_ended")
    answer = await suite.get("/o/durand/applications?x=1")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/auth/start?next=%2Fo%2Fdurand%2Fapplications%3Fx%3D1")


async def test_a_token_that_a_service_refuses_is_replaced_once(suite: Suite):
    turns = iter([unauthenticated("token_expired"), tenancy_pb2.ListMyProductsResponse()])
    suite.services.answers["ListMyProducts"] = lambda _: next(turns)
    answer = await suite.get("/o/durand/applications")
    assert answer.status_code == 200


async def test_a_missing_right_is_named_with_who_gives_it(suite: Suite):
    suite.services.answers["ListMembers"] = forbidden("right_missing", right="members.read")
    suite.services.answers["GetFrame"] = lambda _: make_frame(rights=[])
    suite.services.answers["Check"] = lambda _: tenancy_pb2.Decision(granters=["Hugo Petit"])
    answer = await suite.get("/o/durand/settings/people")
    assert answer.status_code == 403
    assert "See the people of the organisation" in text_of(answer)
    assert "Hugo Petit can give it to you" in text_of(answer)
    assert "mailto:?subject=" in answer.text


async def test_staff_pages_do_not_exist_for_a_portal_access(suite: Suite):
    suite.services.answers["GetFrame"] = lambda _: make_frame(tenancy_pb2.MEMBERSHIP_KIND_PORTAL, [])
    assert (await suite.get("/o/durand/settings/people")).status_code == 404


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (not_found(), 404),
        (invalid("not_a_uuid"), 404),
        (unavailable("service_unavailable"), 503),
        (conflict("stale_version"), 409),
    ],
)
async def test_errors_of_services_become_pages(suite: Suite, error, status):
    suite.services.answers["ListMyProducts"] = error
    answer = await suite.get("/o/durand/applications")
    assert answer.status_code == status
    assert "<h1>" in answer.text


async def test_a_mistake_of_ours_has_a_reference_and_no_detail(suite: Suite):
    suite.services.answers["ListMyProducts"] = lambda _: 1 / 0
    with capture_logs() as lines:
        answer = await suite.get("/o/durand/applications")
    assert answer.status_code == 500
    assert "Reference" in text_of(answer)
    assert "ZeroDivision" not in answer.text
    [line] = [line for line in lines if line["event"] == "page_failed"]
    assert (line["log_level"], line["path"]) == ("error", "/o/durand/applications")
    assert line["reference"] in answer.text


async def test_a_post_to_a_service_that_is_down_keeps_what_was_typed(suite: Suite):
    suite.services.answers["SetAssignment"] = unavailable("service_unavailable")
    answer = await suite.post("/o/durand/applications/x/assign-to-me", {"note": "kept"})
    assert answer.status_code == 503
    assert 'value="kept"' in answer.text


async def test_an_unknown_address_is_a_page(suite: Suite):
    answer = await suite.get("/nowhere")
    assert answer.status_code == 404
    assert "This page does not exist" in text_of(answer)


async def test_a_method_that_echoes_is_refused(suite: Suite):
    for path in ("/", "/nowhere", "/organisations"):
        answer = await suite.client.request("TRACE", path, headers={"X-Told": "secret"})
        assert answer.status_code in {404, 405}
        assert "secret" not in answer.text


async def test_a_message_is_shown_once(suite: Suite):
    answer = await suite.post("/o/durand/applications/x/assign-to-me")
    assert answer.status_code == 303
    shown = await suite.get("/o/durand/applications")
    assert "The application is assigned to you." in shown.text
    assert "The application is assigned to you." not in (await suite.get("/o/durand/applications")).text


@pytest.mark.parametrize(
    "address", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb"]
)
def test_nobody_is_sent_to_another_site(address):
    assert local_path(address) == "/"


def test_words_are_seen_where_they_are_asked_for_by_their_full_name():
    assert ("", "The access of %(name)s is cut.") in sources("parvis_web")


def test_every_word_is_translated():
    assert problems("parvis_web") == []


def test_every_template_compiles(drawn):
    assert drawn.warm() > 0


@pytest.mark.parametrize("path", ["imports", "products"])
async def test_pages_of_the_provider_are_nowhere_else(suite: Suite, path: str):
    suite.services.answers["GetFrame"] = lambda _: make_frame(rights=["organisation.manage"])
    assert (await suite.get(f"/o/durand/settings/{path}")).status_code == 404
