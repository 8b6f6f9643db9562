"""Signing in with a firm's own provider (`/sso/…`): to it, back from it, and what follows."""

import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from urllib.parse import quote, urlencode
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from parvis_identity.domain.addresses import continuation, returning
from parvis_identity.domain.interaction import SINCE
from parvis_identity.domain.links import LinkState, Purpose
from parvis_identity.domain.sessions import PASSWORD_ACR
from parvis_identity.http.browser import query_of, read_form
from parvis_identity.http.second_factor import ask_factor
from parvis_identity.http.site import Endpoint, Site, see_other, to_sign_in, wait_text
from parvis_identity.http.sso_words import refusal_in_words, status_of
from parvis_identity.models import ProviderKind, SsoProvider
from parvis_identity.service.second_factor import Asked
from parvis_identity.service.sign_in import Expired, MustChoose
from parvis_identity.service.sign_in import Refused as WrongPassword
from parvis_identity.service.sso.signing_in import Arrived, NotTaken, Outcome, Proven, ToProve, Tried, is_proven
from parvis_identity.service.sso.upstream import Refused
from parvis_identity.service.visitor import Visitor
from parvis_kit.errors import not_found

#: How long a browser keeps the secret that its sign-ins at providers are bound to.
_KEPT = timedelta(hours=1)
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_LONGEST_HINT = 254
#: Bytes of a SAML response in a form.
_LARGEST_POST = 512 * 1024
#: Where a first factor is added.
_ADDING = ("/factors/application", "/factors/passkey")
_NOTHING: Mapping[str, str] = MappingProxyType({})


class SsoPages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Addresses of these pages."""
        guarded = self.guarded
        return [
            Route("/sso/finish/{state}", guarded(self.finish), methods=["GET"]),
            Route("/sso/step-up", guarded(self.step_up), methods=["GET"]),
            Route("/sso/link/{state}", guarded(self.show_link), methods=["GET"]),
            Route("/sso/link/{state}", guarded(self.link), methods=["POST"]),
            Route("/sso/{provider:uuid}/start", guarded(self.start), methods=["GET"]),
            Route("/sso/{provider:uuid}/callback", guarded(self.callback), methods=["GET"]),
            Route("/sso/{provider:uuid}/logout", guarded(self.signed_out), methods=["GET"]),
            Route("/sso/{provider:uuid}/logout", guarded(self.signed_out_there), methods=["POST"]),
            Route("/sso/{provider:uuid}/acs", guarded(self.consume), methods=["POST"]),
        ]

    def guarded(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint, whose refusals become pages."""

        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except NotTaken as error:
                return self.refused(request, error)

        return self._site.guarded(answer)

    async def start(self, request: Request) -> Response:
        """To the provider: from a button, from a firm's door, from a tile in the firm's own portal, for a trial."""
        site, query = self._site, query_of(request)
        provider = await site.sso.provider(_id(request))
        browser = self._browser(request)
        address, after = site.cookies.visitor(request).address, continuation(query.get("next", ""))
        if not site.starts.take(address, provider.id):
            refused = Refused("starts_too_many", "Too many sign-ins were begun from there, and not finished.")
            raise await site.sso.not_taken(provider, refused, after)
        if trial := query.get("trial", ""):
            who = await site.signed_in(request)
            if who is None:
                raise not_found("trial_not_found")
            location = await site.sso.start_trial(provider, trial, browser=browser, who=who)
        else:
            again = await site.signed_in(request) if query.get("again") else None
            hint = query.get("login_hint", "")[:_LONGEST_HINT]
            anew = SINCE in await site.asked(after)  # the client wants a new sign-in (`prompt=login`, `max_age`)
            invited = await self._invited(request, provider, query.get("invitation", ""))
            location = await site.sso.start(
                provider, browser=browser, after=after, hint=hint, again=again, anew=anew, invited=invited
            )
        response = site.leave(request, location, provider.name)
        site.cookies.set(response, site.cookies.sso, browser, lifetime=_KEPT)
        return response

    async def _invited(self, request: Request, provider: SsoProvider, token: str) -> UUID | None:
        """The account that an invitation of the provider's firm is for; None without one that is open."""
        if not token:
            return None
        visitor = self._site.cookies.visitor(request)
        opened = await self._site.password_links.open_link(token, visitor, Purpose.ACTIVATION)
        ours = opened.link is not None and opened.link.organisation_id == provider.organisation_id
        return opened.account.id if opened.state is LinkState.OPEN and ours and opened.account else None

    async def signed_out(self, request: Request) -> Response:
        """Back from a provider where somebody was signed out."""
        return see_other(await self._site.signing_out.returned(query_of(request).get("state", "")))

    async def signed_out_there(self, request: Request) -> Response:
        """An OpenID provider says that somebody signed out there (OpenID Connect Back-Channel Logout 1.0, 2.8)."""
        site = self._site
        provider = await site.sso.provider(_id(request))
        token = (await read_form(request, largest=_LARGEST_POST)).get("logout_token", "")
        try:
            if provider.kind != ProviderKind.OIDC:
                raise Refused("token_malformed", "The provider speaks SAML.")  # noqa: TRY301 - as all others
            await site.oidc_logout.received(provider, token)
        except Refused as error:
            await site.sso.not_taken(provider, error)
            told = {"error": "invalid_request", "error_description": error.check}
            return JSONResponse(told, 400, headers={"Cache-Control": "no-store"})
        return Response(status_code=200, headers={"Cache-Control": "no-store"})

    async def callback(self, request: Request) -> Response:
        """Back from an OpenID provider."""
        answer = query_of(request)
        state = answer.get("state", "")
        visitor = self._site.cookies.visitor(request)
        outcome = await self._site.sso.answered(_id(request), state, answer, visitor, self._browser(request))
        return self._go(outcome, visitor)

    async def consume(self, request: Request) -> Response:
        """Takes what a SAML provider made the browser send, without our cookies: it comes back by itself."""
        form = await read_form(request, largest=_LARGEST_POST)
        state = form.get("RelayState", "")
        await self._site.sso.posted(_id(request), state, form)
        return see_other(f"/sso/finish/{quote(state, safe='')}")

    async def finish(self, request: Request) -> Response:
        """The browser comes for what a provider said."""
        visitor = self._site.cookies.visitor(request)
        outcome = await self._site.sso.finished(request.path_params["state"], visitor, self._browser(request))
        return self._go(outcome, visitor)

    async def step_up(self, request: Request) -> Response:
        """Whoever comes from a firm's directory proves there again who they are."""
        site = self._site
        after = returning(query_of(request).get("next", "")) or "/account"
        who = await site.signed_in(request)
        if who is None:
            return to_sign_in(after)
        provider = await site.sso.provider_of(who)
        if provider is None:
            raise not_found("provider_not_found")
        browser = self._browser(request)
        location = await site.sso.start(provider, browser=browser, after=after, again=who)
        response = site.leave(request, location, provider.name)
        site.cookies.set(response, site.cookies.sso, browser, lifetime=_KEPT)
        return response

    async def show_link(self, request: Request) -> Response:
        """The question whether the account of the firm's directory and the person's own are one person's: their own is
        proven first.
        """
        return await self._link_page(request)

    async def link(self, request: Request) -> Response:
        """Proves the person's own account, or links it once it is proven."""
        site = self._site
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        state, browser = request.path_params["state"], self._browser(request)
        who = await site.signed_in(request)
        _provider, account, _assertion, _after = await site.sso.to_link(state, browser)
        if who is not None and who.account.id == account.id and is_proven(who):
            linked, after = await site.sso.link(state, browser, who)
            return see_other(after or f"/o/{linked.organisation_slug}")
        _ = site.pages.translator(request)
        if not form.get("password"):
            return await self._link_page(request, {"password": _("Enter your password.")})
        visitor = site.cookies.visitor(request)
        result = await site.passwords.sign_in(account.identifier, form["password"], None, visitor)
        if isinstance(result, WrongPassword):
            message = _("This is not your current password.")
            if wait := wait_text(_, result.wait.total_seconds()):
                message = f"{message} " + _("Wait %(time)s before you try again.", time=wait)
            return await self._link_page(request, {"password": message})
        here = f"/sso/link/{state}"
        if isinstance(result, MustChoose | Expired):
            return see_other(f"/login?{urlencode({'step': 'password', 'next': here}, quote_via=quote)}")
        if isinstance(result, Asked):
            return ask_factor(site, result, here)
        response = see_other(here)
        site.cookies.begin(response, result)
        return response

    async def _link_page(self, request: Request, errors: Mapping[str, str] = _NOTHING) -> Response:
        site, state = self._site, request.path_params["state"]
        provider, account, assertion, _ = await site.sso.to_link(state, self._browser(request))
        who = await site.signed_in(request)
        here = who is not None and who.account.id == account.id
        if who is not None and here and who.session.acr >= PASSWORD_ACR and not is_proven(who):
            return see_other(f"/step-up?{urlencode({'next': f'/sso/link/{state}'}, quote_via=quote)}")
        context: dict[str, object] = {
            "provider": provider.name,
            "mail": account.identifier,
            "known_as": assertion.user_name or assertion.mail,
            "proven": here and who is not None and is_proven(who),
            "action": f"/sso/link/{state}",
            "forgotten": "/reset",
            "door": f"/login/{provider.organisation_slug}",
            "errors": errors,
        }
        face = await site.face_of(provider.organisation_slug)
        return site.page(request, "sso_link.html", {**context, "firm": face}, face=face, status=422 if errors else 200)

    def refused(self, request: Request, error: NotTaken) -> Response:
        """Why a sign-in with a provider ends here, and what to do."""
        _ = self._site.pages.translator(request)
        provider = error.provider
        title, text = refusal_in_words(_, error.refused.check, provider.name if provider else "")
        slug = provider.organisation_slug if provider else ""
        carried = f"?{urlencode({'next': error.after}, quote_via=quote)}" if error.after else ""
        again = f"/sso/{provider.id}/start{carried}" if provider else "/login"
        context: dict[str, object] = {
            "title": title,
            "text": text,
            "check": error.refused.check,
            "again": again,
            "door": f"/login/{slug}{carried}" if slug else "/login",
        }
        return self._site.page(request, "sso_refused.html", context, status=status_of(error.refused.check))

    def _go(self, outcome: Outcome, visitor: Visitor) -> Response:
        site = self._site
        if isinstance(outcome, Arrived | Proven):
            site.starts.came_back(visitor.address, outcome.provider.id)
        match outcome:
            case ToProve(state):
                return see_other(f"/sso/link/{state}")
            case Proven(address, untold=True) if not address.startswith(_ADDING):
                # It proves nothing that is sensitive: a factor of their own does, from now on.
                return see_other(f"/factors/enrol?{urlencode({'next': address}, quote_via=quote)}")
            case Tried(address) | Proven(address):
                return see_other(address or "/")
            case Arrived(begun, after, provider):
                if isinstance(begun, Asked):
                    return ask_factor(site, begun, after, provider.organisation_slug)
                response = see_other(after or f"/o/{provider.organisation_slug}")
                site.cookies.begin(response, begun)
                return response

    def _browser(self, request: Request) -> str:
        """The secret that this browser's sign-ins are bound to; a new one where it has none."""
        held = request.cookies.get(self._site.cookies.sso, "")
        return held if _SECRET.fullmatch(held) else secrets.token_urlsafe(32)


def _id(request: Request) -> UUID:
    found: UUID = request.path_params["provider"]
    return found
