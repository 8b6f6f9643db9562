"""Whose provider somebody signs in with: the choice where there is one, and the link of a domain's postmaster."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis_identity.domain.addresses import continuation
from parvis_identity.domain.links import LinkState
from parvis_identity.http.browser import query_of, read_form
from parvis_identity.http.site import Site, see_other
from parvis_identity.service import mail_domains
from parvis_identity.service.domains import Opened
from parvis_identity.service.mail_domains import Unfit
from parvis_identity.service.organisations import Face
from parvis_identity.store import domains as store
from parvis_identity.store.domains import Door
from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError

_LONGEST_HINT = 254
#: Firms that are offered for one domain, at most.
_MOST_FIRMS = 20


@dataclass(frozen=True, slots=True)
class Offer:
    """A provider on a button, and where the button leads."""

    name: str
    href: str


@dataclass(frozen=True, slots=True)
class FirmOffer:
    """The providers of one firm."""

    name: str
    accent: str
    offers: Sequence[Offer]


class FindingPages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Addresses of these pages."""
        guarded = self._site.guarded
        return [
            Route("/sso/choose", guarded(self.show_choice), methods=["GET"]),
            Route("/sso/domains/{token}", guarded(self.show_link), methods=["GET"]),
            Route("/sso/domains/{token}", guarded(self.answer_link), methods=["POST"]),
        ]

    async def show_choice(self, request: Request) -> Response:
        """The providers of a domain, for links from elsewhere."""
        query = query_of(request)
        after = continuation(query.get("next", ""))
        try:
            domain = mail_domains.ascii_name(query.get("domain", ""))
        except Unfit:
            domain = ""
        doors = await doors_of(self._site, domain)
        if not doors:
            return see_other(f"/login{_query(next=after)}")
        return await choice(self._site, request, doors, after, query.get("login_hint", "")[:_LONGEST_HINT])

    async def show_link(self, request: Request) -> Response:
        """What a postmaster is asked; opening the link answers nothing: mail scanners open links too."""
        return await self._link_page(request, await self._site.domains.open(request.path_params["token"]))

    async def answer_link(self, request: Request) -> Response:
        """Yes or no."""
        site = self._site
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        agreed = form.get("answer") == "yes"
        opened = await site.domains.answer(request.path_params["token"], agreed=agreed)
        return await self._link_page(request, opened)

    async def _link_page(self, request: Request, opened: Opened) -> Response:
        row = opened.domain
        face = await _face(self._site, row.organisation_slug) if row else None
        context: dict[str, object] = {
            "state": "held" if opened.held and opened.state is not LinkState.EXPIRED else opened.state.value,
            "domain": mail_domains.shown(row.domain) if row else "",
            "firm": face,
            "action": request.url.path,
        }
        status = {LinkState.UNKNOWN: 404, LinkState.EXPIRED: 410}.get(opened.state, 200)
        return self._site.page(request, "domain_link.html", context, face=face, status=status)


async def doors_of(site: Site, domain: str) -> Sequence[Door]:
    """The providers that addresses of a domain lead to."""
    if not domain:
        return ()
    async with site.database.begin(Caller("identity")) as unit:
        return await store.doors_of_domain(unit, domain)


async def doors_at(site: Site, face: Face) -> Sequence[Door]:
    """The providers of a firm, for its own door."""
    async with site.database.begin(Caller("identity")) as unit:
        return await store.doors_of_firm(unit, face.id)


async def choice(
    site: Site, request: Request, doors: Sequence[Door], after: str, hint: str, *, onward: bool = False
) -> Response:
    """The page with the providers. `onward`: where there is one way and no other, the browser takes it by itself; not
    by a redirect, which the policy of the form that it came from would hold (CSP 3, form-action).
    """
    slugs = list(dict.fromkeys(each.slug for each in doors))[:_MOST_FIRMS]
    firms = []
    for slug in slugs:
        face = await _face(site, slug)
        offers = [Offer(each.name, start(each, after, hint)) for each in doors if each.slug == slug]
        firms.append(FirmOffer(face.name if face else slug, face.accent if face else "", offers))
    enforced = all(each.enforced for each in doors)
    alone = enforced and len(doors) == 1
    context: dict[str, object] = {
        "firms": firms,
        "enforced": enforced,
        "onward": alone and onward,
        "identifier": hint,
        "password": f"/login{_query(step='password', login_hint=hint, next=after)}",
        "other": f"/login{_query(next=after)}",
    }
    headers = {"Refresh": f"0; url={start(doors[0], after, hint)}"} if alone and onward else None
    face = await _face(site, slugs[0]) if len(slugs) == 1 else None
    return site.page(request, "sso_choose.html", context, face=face, headers=headers)


def start(door: Door, after: str, hint: str = "", invitation: str = "") -> str:
    """The address that begins a sign-in with a provider; `invitation`: the token of the one that is open."""
    return f"/sso/{door.provider_id}/start{_query(next=after, login_hint=hint, invitation=invitation)}"


async def _face(site: Site, slug: str) -> Face | None:
    """None where tenancy cannot be asked: nobody's sign-in waits for a name."""
    try:
        return await site.organisations.face(slug)
    except ServiceError:
        return None


def _query(**given: str) -> str:
    """What is given, as a query."""
    kept = {name: value for name, value in given.items() if value}
    return f"?{urlencode(kept, quote_via=quote)}" if kept else ""
