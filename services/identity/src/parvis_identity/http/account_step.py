"""Where the links of an older portal lead (requirement D2): one address, which goes on to the right step of an account.

    /activate?step=sign-in&organisation=<slug>&identifier=<what is typed there>

`step`: `sign-in` (the password is known), `first` (none was chosen yet), `forgotten`, `change`. `organisation` for
firms whose clients have codes; left out for personal accounts. `identifier` fills in the field. An address that cannot
be followed shows the choice instead. No account is looked for: the answer depends on nothing but the address.
"""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis_identity.domain.identifiers import LONGEST_MAIL
from parvis_identity.http.browser import query_of
from parvis_identity.http.site import Site, see_other
from parvis_identity.service.organisations import Face


class AccountStepPages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Addresses of these pages."""
        return [Route("/activate", self._site.guarded(self.lead), methods=["GET"])]

    async def lead(self, request: Request) -> Response:
        """Goes on to the step, or shows the choice."""
        query = query_of(request)
        slug, identifier = query.get("organisation", "").strip(), query.get("identifier", "").strip()[:LONGEST_MAIL]
        face = await self._site.organisations.face(slug) if slug else None
        addresses = _addresses(face, identifier)
        step = query.get("step", "")
        if step in addresses and (face is not None or not slug):
            return see_other(addresses[step])
        unknown = bool(step or (slug and face is None))
        context = {"addresses": addresses, "firm": face, "unknown": unknown}
        return self._site.page(request, "account_step.html", context, face=face, status=404 if unknown else 200)


def _addresses(face: Face | None, identifier: str) -> dict[str, str]:
    """Where each step is."""
    hint = {"login_hint": identifier} if identifier else {}
    known = {"organisation": face.slug} if face else {}
    known |= {"identifier": identifier} if identifier else {}
    return {
        "sign-in": _with(f"/login/{face.slug}" if face else "/login", hint),
        "first": _with("/reset", {"first": "1", **known}),
        "forgotten": _with("/reset", known),
        "change": "/password",
    }


def _with(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
