"""Legal mentions and hosting: where the data is kept, by whom, for how long (P18)."""

from starlette.responses import Response

from parvis_web import kept
from parvis_web.access import ANYONE, Area
from parvis_web.visit import Visit

pages = Area("legal")


@pages.get("/legal", ANYONE)
async def legal(visit: Visit) -> Response:
    """The page, from the settings of the installation and from what its services say that they keep."""
    holdings, whole = await visit.portal.kept.holdings()
    context = {
        "legal": visit.portal.settings.legal,
        "kept": kept.parts(visit.words, holdings),
        "stays": kept.stays(visit.words, holdings),
        "whole": whole,
    }
    return visit.render("legal/legal.html", context)
