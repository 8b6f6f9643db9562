"""Choosing an organisation: the page that somebody who belongs to several sees first."""

from starlette.responses import RedirectResponse, Response

from parvis_web.access import ACCOUNT, Area
from parvis_web.visit import AccountVisit

pages = Area("organisations")


@pages.get("/organisations", ACCOUNT)
async def choose(visit: AccountVisit) -> Response:
    """The organisations of the reader; whoever has one only is taken there."""
    mine = await visit.organisations(fresh=True)
    if len(mine) == 1:
        return RedirectResponse(f"/o/{mine[0].face.slug}/", 303)
    return visit.render("organisations/choose.html", {"organisations": mine})
