"""Choosing an organisation: the page that somebody who belongs to several sees first."""

from starlette.responses import RedirectResponse, Response

from parvis.tenancy.v1 import tenancy_pb2
from parvis_ui.lists import changed
from parvis_web.access import ACCOUNT, Area
from parvis_web.calls import at_once
from parvis_web.visit import AccountVisit, open_requests

pages = Area("organisations")

#: Organisations of a page; with no more than that there is nothing to search.
_PAGE = 20


@pages.get("/organisations", ACCOUNT)
async def choose(visit: AccountVisit) -> Response:
    """The organisations of the reader, found by name; whoever has one only is taken there."""
    query, after = visit.query.get("q", ""), visit.query.get("after", "")
    request = tenancy_pb2.ListMyOrganisationsRequest(query=query, page_token=after, page_size=_PAGE)
    found, waiting = await at_once(visit.clients.organisations.ListMyOrganisations(request), open_requests(visit))
    mine = found.organisations
    if not query and not after:
        visit.session.offer(found)  # an invitation that has just come is in the switch at once
    if len(mine) == 1 and not (waiting or query or after):
        return RedirectResponse(f"/o/{mine[0].face.slug}/", 303)
    if len(waiting) == 1 and not (mine or query or after):
        return RedirectResponse(f"/requests/{waiting[0].organisation.slug}", 303)
    context = {
        "organisations": mine,
        "waiting": [] if query or after else waiting,
        "total": found.total,
        "query": query,
        "others_href": visit.others_href,
        "searchable": bool(query) or found.total > _PAGE,
        "next": changed(visit.address, after=found.next_page_token) if found.next_page_token else "",
    }
    return visit.render("organisations/choose.html", context)
