"""Where clients ask about tokens (RFC 7662) and give them back (RFC 7009)."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis_identity.http.browser import read_form
from parvis_identity.http.protocol import NO_STORE, JsonAnswer, answered
from parvis_identity.http.site import Site
from parvis_identity.service import profiles
from parvis_identity.service.authentication import unauthenticated
from parvis_identity.service.protocol import ProtocolRefusal
from parvis_identity.service.token_state import TokenState
from parvis_kit.caller import Caller

INTROSPECT = "/oauth2/introspect"
REVOKE = "/oauth2/revoke"


class TokenStatePages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._state = TokenState(site.tokens, site.clients)
        self._caller = Caller("identity")

    def routes(self) -> list[Route]:
        """Addresses of these endpoints."""
        return [
            Route(INTROSPECT, answered(self.introspect), methods=["POST"]),
            Route(REVOKE, answered(self.revoke), methods=["POST"]),
        ]

    async def introspect(self, request: Request) -> Response:
        """RFC 7662, 2. For clients that can prove who they are: else anybody could try tokens (section 4)."""
        form = await read_form(request)
        proven = await self._site.authentication.prove(form, request.headers, request.scope["path"])
        if profiles.is_public(proven.client):
            raise ProtocolRefusal(unauthenticated("A public client cannot ask about tokens."))
        async with self._site.answering() as unit:
            await proven.once(unit)
            told = await self._state.introspect(unit, proven.client, form)
        return JsonAnswer(told, headers=NO_STORE)

    async def revoke(self, request: Request) -> Response:
        """RFC 7009, 2."""
        form = await read_form(request)
        proven = await self._site.authentication.prove(form, request.headers, request.scope["path"])
        async with self._site.answering() as unit:
            await proven.once(unit)
            refusal = await self._state.revoke(unit, proven.client, form)
        if refusal is not None:
            raise ProtocolRefusal(refusal)
        return Response(headers=NO_STORE)
