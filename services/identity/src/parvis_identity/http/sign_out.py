"""Signing out because an application asks for it (OpenID Connect RP-Initiated Logout 1.0)."""

from collections.abc import Mapping
from urllib.parse import urlencode
from uuid import UUID

from authlib.common.urls import add_params_to_uri
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis_identity.http.browser import query_of, read_form
from parvis_identity.http.site import Site, see_other
from parvis_identity.models import Client
from parvis_identity.service import sessions
from parvis_kit.caller import Caller

LOGOUT = "/oauth2/logout"


class SignOutPages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._caller = Caller("identity")

    def routes(self) -> list[Route]:
        """The end_session_endpoint."""
        return [Route(LOGOUT, self._site.guarded(self.sign_out), methods=["GET", "POST"])]

    async def sign_out(self, request: Request) -> Response:
        """At once when the application shows whose session it means, else after a question: without proof, a link on
        any page could sign people out.
        """
        site = self._site
        parameters = await read_form(request) if request.method == "POST" else query_of(request)
        confirmed = request.method == "POST" and "csrf" in parameters
        if confirmed:
            site.cookies.check_form(request, parameters, origin=site.origin)
        cookie = site.cookies.visitor(request).cookie
        if request.method == "POST" and not confirmed and not cookie:
            # A POST of another site comes without cookies: the same request as GET has them.
            return see_other(f"{LOGOUT}?{urlencode(parameters)}")
        hint = site.tokens.read_hint(parameters["id_token_hint"]) if "id_token_hint" in parameters else None
        client_id = parameters.get("client_id", "")
        if "id_token_hint" in parameters and (hint is None or (client_id and hint.get("aud") != client_id)):
            told: dict[str, object] = {"error": "invalid_request", "description": "Invalid 'id_token_hint'."}
            return site.page(request, "bad_request.html", told, status=400)
        async with site.database.begin(self._caller) as unit:
            client = await site.clients.find(unit, str(hint["aud"]) if hint else client_id)
            who = await sessions.signed_in(unit, cookie)
            if who is None and hint is None:
                return site.page(request, "signed_out.html")
            if who is not None and not confirmed and (hint is None or hint.get("sid") != str(who.session.id)):
                context: dict[str, object] = {
                    "fields": {name: value for name, value in parameters.items() if name != "csrf"},
                    "account": who.account,
                }
                return site.page(request, "logout.html", context, form_action=_targets(client, parameters))
            vouched = await site.signing_out.vouched(unit, who) if who is not None else ()
            if who is not None:
                await sessions.end(unit, who.account.id, session_id=who.session.id)
            elif hint is not None:
                await sessions.end_by_id(unit, UUID(str(hint["sid"])))
        response = self._done(request, client, parameters)
        if vouched and (final := response.headers.get("location")) is not None:
            address = await site.signing_out.leave(vouched, final)
            response = response if address == final else site.leave(request, address, "")
        site.cookies.drop(response, site.cookies.session)
        return response

    def _done(self, request: Request, client: Client | None, parameters: Mapping[str, str]) -> Response:
        """On to the registered address, or a page of ours; one that says so when the address is not registered."""
        asked = parameters.get("post_logout_redirect_uri", "")
        if not asked or client is None:
            return see_other("/signed-out")
        if asked not in client.post_logout_redirect_uris:
            return self._site.page(request, "signed_out.html", {"astray": client.name}, status=400)
        state = parameters.get("state", "")
        return see_other(str(add_params_to_uri(asked, [("state", state)])) if state else asked)


def _targets(client: Client | None, parameters: Mapping[str, str]) -> list[str]:
    """Where the form of the question may end, beside ourselves."""
    asked = parameters.get("post_logout_redirect_uri", "")
    return [asked] if client is not None and asked in client.post_logout_redirect_uris else []
