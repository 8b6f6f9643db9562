"""Seeing the portal as somebody else: how it begins, what every page says then, what is refused, how it ends."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from parvis.documents.v1 import documents_pb2
from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import forbidden, precondition, unavailable
from parvis_web import viewings
from parvis_web.access import PageRoute
from parvis_web.pages import AREAS
from parvis_web.testing import FIRM, Suite, make_frame, text_of
from parvis_web.viewings import Viewing

ROUTES = [route for area in AREAS for route in area.routes]
VIEWING, MEMBER, CONTACT = (f"0192f000-0000-7000-8000-0000000000{each}" for each in ("10", "11", "12"))
BACK = f"/o/durand/contacts/{CONTACT}"
FORM = f"{BACK}/accesses/{MEMBER}/view"


def begun(suite: Suite, minutes: float = 30, **changes: Any) -> Viewing:
    """The browser holds a viewing; identity gives tokens for it, tenancy the client's frame."""
    expires = int((datetime.now(UTC) + timedelta(minutes=minutes)).timestamp())
    values = {
        "id": VIEWING,
        "organisation_id": FIRM,
        "portal": True,
        "name": "Luc Morel",
        "viewer_name": "Claire Martin",
    }
    viewing = Viewing(**{**values, "expires_at": expires, "back": BACK, **changes})
    suite.client.cookies.set("test-viewing-durand", viewings.pack(suite.session, viewing))
    frame = make_frame(tenancy_pb2.MEMBERSHIP_KIND_PORTAL, ())
    frame.membership.given_name, frame.membership.family_name = "Luc", "Morel"
    suite.services.answers |= {
        "GetFrame": lambda _: frame,
        "GetHome": lambda _: tenancy_pb2.Home(frame=frame),
    }
    return viewing


async def test_it_begins_with_a_reason_and_leads_to_the_home_page(suite: Suite):
    answer = identity_pb2.Viewing(id=VIEWING, organisation_id=FIRM, name="Luc Morel", portal=True)
    suite.services.answers["StartViewing"] = answer
    went = await suite.post(FORM, {"reason": "Appel"})
    assert (went.status_code, went.headers["location"]) == (303, "/o/durand/")
    assert (suite.services.last("StartViewing").reason, suite.services.last("StartViewing").membership_id) == (
        "Appel",
        MEMBER,
    )
    assert "test-viewing-durand" in went.headers["set-cookie"]


@pytest.mark.parametrize("path", ["/", "/documents", "/invoices"])
async def test_every_page_says_who_is_viewed_who_views_and_how_long(suite: Suite, path):
    begun(suite, 12)
    page = text_of(await suite.get(f"/o/durand{path}"))
    assert "You see the portal as Luc Morel. Read only; you are Claire Martin. 12 minutes left." in page
    assert "Leave" in page


async def test_the_pages_are_the_viewed_persons(suite: Suite):
    begun(suite)
    page = await suite.get("/o/durand/")
    assert suite.services.last("GetOrganisationToken").viewing_id == VIEWING
    assert "/o/durand/contacts" not in page.text
    assert "/o/durand/account" not in page.text
    assert "Lenoir Conseil" not in page.text


async def test_an_error_says_so_too(suite: Suite):
    begun(suite)
    suite.services.answers["GetHome"] = unavailable("service_unavailable")
    assert "You see the portal as Luc Morel" in text_of(await suite.get("/o/durand/"))


@pytest.mark.parametrize(
    "route",
    [r for r in ROUTES if r.rule.inside and "POST" in r.methods and not r.leaves_viewing and not r.api],
    ids=lambda r: r.path,
)
async def test_no_form_is_taken_while_one_views(suite: Suite, route: PageRoute):
    begun(suite)
    path = route.path.replace("{slug}", "durand")
    for name in ("id", "person_id", "membership_id", "folder_id", "upload_id"):
        path = path.replace(f"{{{name}}}", MEMBER)
    answer = await suite.post(path.replace("{kind}", "document-filed").replace("{locale}", "fr"), {"name": "x"})
    assert answer.status_code == 403
    assert "Not while you see the portal as Luc Morel" in text_of(answer)
    assert set(suite.services.calls) <= {"GetOrganisationToken", "ListMyOrganisations"}
    assert suite.services.last("GetOrganisationToken").organisation_id == ""


async def test_what_a_service_shows_to_nobody_else_is_refused_with_a_sentence(suite: Suite):
    begun(suite)
    suite.services.answers["GetMyAccount"] = forbidden("viewing_read_only")
    answer = await suite.get("/o/durand/account")
    assert answer.status_code == 403
    assert "Not while you see the portal as Luc Morel" in text_of(answer)


async def test_a_document_is_described_and_not_opened(suite: Suite):
    begun(suite)
    document = documents_pb2.Document(id=MEMBER, name="Bilan.pdf", media_type="application/pdf", version=1)
    document.filed_at.FromDatetime(datetime.now(UTC))
    suite.services.answers["GetDocument"] = documents_pb2.DocumentRecord(document=document)
    page = await suite.get(f"/o/durand/documents/{MEMBER}")
    assert "would count as opened by Luc Morel" in text_of(page)
    assert "/download" not in page.text
    assert "/content" not in page.text


@pytest.mark.parametrize("ended", ["by the clock", "by identity"])
async def test_its_end_leads_to_ones_own_page_which_says_so(suite: Suite, ended):
    if ended == "by the clock":
        begun(suite, -1)
    else:
        begun(suite)
        given = suite.services.answers["GetOrganisationToken"]
        over = precondition("viewing_ended")
        suite.services.answers["GetOrganisationToken"] = lambda asked: over if asked.viewing_id else given(asked)
    answer = await suite.get("/o/durand/documents")
    assert (answer.status_code, answer.headers["location"]) == (303, BACK)
    assert 'test-viewing-durand=""' in str(answer.headers.get_list("set-cookie"))
    assert "test-flash" in str(answer.headers.get_list("set-cookie"))


async def test_leaving_leads_back_to_where_one_came_from(suite: Suite):
    begun(suite)
    answer = await suite.post("/o/durand/viewing/end")
    assert (answer.status_code, answer.headers["location"]) == (303, BACK)
    assert suite.services.last("EndViewing").id == VIEWING
    assert suite.services.last("GetOrganisationToken").viewing_id == ""


async def test_a_cookie_that_the_session_did_not_sign_shows_ones_own_pages(suite: Suite):
    viewing = begun(suite)
    kept = viewings.pack(suite.session, viewing)
    suite.client.cookies.set("test-viewing-durand", kept[:-2] + ("aa" if kept[-2:] != "aa" else "bb"))
    await suite.get("/o/durand/")
    assert suite.services.last("GetOrganisationToken").viewing_id == ""


async def test_another_organisation_is_seen_as_oneself(suite: Suite):
    begun(suite)
    await suite.get("/o/lenoir/")
    assert suite.services.last("GetOrganisationToken").viewing_id == ""


async def test_the_frame_of_a_viewing_is_never_taken_for_ones_own(suite: Suite):
    begun(suite)
    await suite.get("/o/durand/documents")
    suite.client.cookies.delete("test-viewing-durand")
    suite.services.answers["GetFrame"] = unavailable("service_unavailable")
    page = text_of(await suite.get("/o/durand/documents"))
    assert "Luc Morel" not in page
