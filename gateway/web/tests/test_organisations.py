"""One account in thousands of organisations: the switch and the page that chooses search and page on the server."""

import re

from parvis.tenancy.v1 import tenancy_pb2
from parvis_web.sessions import ENTERED
from parvis_web.testing import Suite, text_of

MANY = 2000


def in_many(suite: Suite) -> None:
    """The reader belongs to 2,000 organisations, of which tenancy shows the first by name."""
    for number in range(3, MANY + 1):
        face = tenancy_pb2.Face(id=f"0192f000-0000-7000-8000-{number:012}", slug=f"n{number}", name=f"Nom {number}")
        suite.organisations.append(tenancy_pb2.MyOrganisation(face=face, kind=tenancy_pb2.MEMBERSHIP_KIND_STAFF))


async def test_the_switch_searches_and_shows_few(suite: Suite):
    in_many(suite)
    page = await suite.get("/o/durand/")
    menu = page.text[page.text.index("org-menu") : page.text.index("</details>")]
    assert '<form class="search org-search" role="search" action="/organisations">' in menu
    assert len(re.findall(r'href="/o/', menu)) == 8
    assert "2,000" in menu


async def test_the_organisation_at_hand_is_in_the_switch_wherever_it_stands_in_the_list(suite: Suite):
    in_many(suite)
    suite.frame.organisation.slug, suite.frame.organisation.name = "n1987", "Nom 1987"
    page = await suite.get("/o/n1987/")
    assert 'href="/o/n1987/" aria-current="true"' in page.text


async def test_a_page_weighs_the_same_for_2000_organisations(suite: Suite):
    few = await suite.get("/o/durand/")
    suite.session.ask_again()
    in_many(suite)
    many = await suite.get("/o/durand/")
    assert len(many.content) < len(few.content) + 4000
    assert suite.services.last("ListMyOrganisations").page_size == 8


async def test_going_through_many_keeps_few_in_memory(suite: Suite):
    in_many(suite)
    for number in range(3, 3 + 2 * ENTERED):
        await suite.portal.sessions.organisation(suite.session, f"n{number}")
    assert len(suite.session.entered) == ENTERED
    assert len(suite.session.organisations) == 8


async def test_choosing_among_many_is_a_search_on_the_server(suite: Suite):
    in_many(suite)
    await suite.get("/organisations?q=nom+1987&after=abc")
    asked = suite.services.last("ListMyOrganisations")
    assert (asked.query, asked.page_token, asked.page_size) == ("nom 1987", "abc", 20)


async def test_a_search_that_finds_one_shows_it_and_does_not_leave(suite: Suite):
    answer = tenancy_pb2.ListMyOrganisationsResponse(organisations=suite.organisations[:1], total=1)
    suite.services.answers["ListMyOrganisations"] = answer
    assert (await suite.get("/organisations?q=durand")).status_code == 200
    assert (await suite.get("/organisations")).headers["location"] == "/o/durand/"


async def test_a_search_that_finds_nothing_says_so(suite: Suite):
    suite.services.answers["ListMyOrganisations"] = tenancy_pb2.ListMyOrganisationsResponse()
    page = text_of(await suite.get("/organisations?q=zzz"))
    assert "None of your organisations has this name." in page


async def test_two_organisations_need_no_search(suite: Suite):
    assert 'role="search"' not in (await suite.get("/organisations")).text
    assert 'class="search org-search"' not in (await suite.get("/o/durand/")).text


async def test_an_organisation_that_has_just_come_is_in_the_switch_once_the_list_was_seen(suite: Suite):
    other = suite.organisations.pop()
    await suite.get("/o/durand/")
    suite.organisations.append(other)
    await suite.get("/organisations")
    assert "Lenoir Conseil" in text_of(await suite.get("/o/durand/"))
