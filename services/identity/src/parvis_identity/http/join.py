"""Asking an organisation for an account: its public page (`/join/<slug>`) and the link of the mail that it sends."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis_identity.domain.links import LinkState
from parvis_identity.http.browser import read_form
from parvis_identity.http.site import Site, see_other
from parvis_identity.service import sessions
from parvis_identity.service.organisations import Face
from parvis_identity.service.provider import SignedIn
from parvis_identity.service.requests import LONGEST_MESSAGE, Opened, Wish
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind, ServiceError, not_found

_FIELDS = ("given_name", "family_name", "mail", "message")
_NOTHING: Mapping[str, str] = MappingProxyType(dict.fromkeys(_FIELDS, ""))


class JoinPages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Addresses of these pages."""
        guarded = self._site.guarded
        return [
            Route("/join/{slug}", guarded(self.show), methods=["GET"]),
            Route("/join/{slug}", guarded(self.ask), methods=["POST"]),
            Route("/join/{slug}/{token}", guarded(self.show_link), methods=["GET"]),
            Route("/join/{slug}/{token}", guarded(self.use_link), methods=["POST"]),
        ]

    async def _face(self, request: Request) -> Face:
        face = await self._site.organisations.face(request.path_params["slug"])
        if face is None:
            raise not_found("organisation_not_found")
        return face

    async def show(self, request: Request) -> Response:
        """The form, or that the organisation takes no requests."""
        return self._form(request, await self._face(request))

    async def ask(self, request: Request) -> Response:
        """Sends a mail to the address, and says the same whoever it belongs to."""
        site, face = self._site, await self._face(request)
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        typed = {name: form.get(name, "") for name in _FIELDS}
        wish = Wish(**typed, locale=site.pages.language(request))
        try:
            await site.requests.ask(face, wish, site.cookies.visitor(request).address)
        except ServiceError as error:
            if error.kind is Kind.PRECONDITION:
                return self._form(request, face, closed=True)
            if error.kind is not Kind.INVALID:
                raise
            errors = {found.field: self._wrong(request, found.reason) for found in error.violations}
            return self._form(request, face, typed, errors)
        context = {"firm": face, "mail": wish.mail.strip(), "back": f"/login/{face.slug}"}
        return site.page(request, "join_sent.html", context, face=face)

    async def show_link(self, request: Request) -> Response:
        """What the link of the mail leads to: the request is sent, or an account is opened, by a button."""
        opened = await self._site.requests.open(request.path_params["token"], request.path_params["slug"])
        return self._link_page(request, await self._face(request), opened, await self._signed_in(request))

    async def use_link(self, request: Request) -> Response:
        """Sends the request of whoever is signed in with the address, or leads on to the first password."""
        site, face = self._site, await self._face(request)
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        token, who = request.path_params["token"], await self._signed_in(request)
        first_password = await site.requests.begin_account(token, face.slug)
        if first_password is not None:
            return see_other(first_password)
        opened = await site.requests.open(token, face.slug)
        if who is not None and opened.account is not None and who.account.id == opened.account.id:
            opened = await site.requests.send(token, face.slug, who)
            if opened.state in {LinkState.OPEN, LinkState.USED}:
                return see_other(f"/requests/{face.slug}")
        return self._link_page(request, face, opened, who)

    def _form(
        self,
        request: Request,
        face: Face,
        typed: Mapping[str, str] = _NOTHING,
        errors: Mapping[str, str] = MappingProxyType({}),
        *,
        closed: bool = False,
    ) -> Response:
        closed = closed or not face.accepts_requests
        context: dict[str, object] = {
            "firm": face,
            "values": typed,
            "errors": errors,
            "action": f"/join/{face.slug}",
            "sign_in": f"/login/{face.slug}",
            "longest": LONGEST_MESSAGE,
            "closed": closed,
        }
        status = 410 if closed else 422 if errors else 200
        return self._site.page(request, "join.html", context, face=face, status=status)

    def _link_page(self, request: Request, face: Face, opened: Opened, who: SignedIn | None) -> Response:
        owner = who is not None and opened.account is not None and who.account.id == opened.account.id
        back = {"next": request.url.path, "login_hint": opened.request.mail if opened.request else ""}
        context: dict[str, object] = {
            "firm": face,
            "state": opened.state.value,
            "asked": opened.request,
            "mode": "send" if owner else "sign-in" if opened.has_password else "new",
            "other": who.account.name if who is not None and not owner else "",
            "action": request.url.path,
            "sign_in": f"/login?{urlencode(back, quote_via=quote)}",
            "again": f"/join/{face.slug}",
            "waiting": f"/requests/{face.slug}",
        }
        status = {LinkState.OPEN: 200, LinkState.UNKNOWN: 404}.get(opened.state, 410)
        language = opened.request.locale if opened.request else None
        chosen = self._site.pages.language(request, language or "")
        return self._site.page(request, "join_link.html", context, face=face, status=status, language=chosen)

    async def _signed_in(self, request: Request) -> SignedIn | None:
        async with self._site.database.begin(Caller("identity")) as unit:
            return await sessions.signed_in(unit, self._site.cookies.visitor(request).cookie)

    def _wrong(self, request: Request, reason: str) -> str:
        _ = self._site.pages.translator(request)
        texts: dict[str, str] = {
            "required": _("This is needed."),
            "not_a_mail_address": _("A mail address looks like name@example.com."),
            "too_long": _("This is too long."),
            "link_in_name": _("A name holds no web address (://, www.): mail programs would make a link of it."),
        }
        return texts.get(reason) or _("There is an invisible sign in this. Delete the text and type it again.")
