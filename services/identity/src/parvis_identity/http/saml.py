"""What SAML providers read and call of us besides answers: our metadata, and sign-outs."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis_identity.http.browser import read_form
from parvis_identity.http.site import Site, see_other
from parvis_identity.http.sso import SsoPages
from parvis_identity.models import ProviderKind, SsoProvider
from parvis_identity.service.sso.saml_logout import Message
from parvis_identity.service.sso.upstream import Refused
from parvis_kit.errors import not_found

_LARGEST_POST = 512 * 1024
_SIGNED_OUT = "/signed-out"


class SamlPages:
    """See the module."""

    def __init__(self, site: Site, sso: SsoPages) -> None:
        self._site = site
        self._guarded = sso.guarded

    def routes(self) -> list[Route]:
        """Addresses of one provider: none is another's."""
        guarded = self._guarded
        return [
            Route("/sso/{provider:uuid}/metadata", guarded(self.metadata), methods=["GET"]),
            Route("/sso/{provider:uuid}/slo", guarded(self.sign_out), methods=["GET", "POST"]),
        ]

    async def metadata(self, request: Request) -> Response:
        """What the provider is to know of us. Nothing of it is secret."""
        found = await self._site.saml.upstream.own_metadata(await self._provider(request))
        headers = {"Content-Disposition": 'attachment; filename="parvis-metadata.xml"', "Cache-Control": "max-age=300"}
        return Response(found, media_type="application/samlmetadata+xml", headers=headers)

    async def sign_out(self, request: Request) -> Response:
        """Somebody signed out at the provider; or it answers that somebody who signed out here is signed out there."""
        provider = await self._provider(request)
        if request.method == "POST":
            form = await read_form(request, largest=_LARGEST_POST)
            text = form.get("SAMLRequest") or form.get("SAMLResponse", "")
            message = Message(form=text, relay_state=form.get("RelayState", ""))
        else:
            # As it came: the signature is over these very octets.
            message = Message(query=request.scope["query_string"].decode("latin-1"))
        try:
            received = await self._site.saml.logout.received(provider, message)
        except Refused as refused:
            raise await self._site.sso.not_taken(provider, refused) from refused
        return see_other(received.location or _continued(received.relay_state))

    async def _provider(self, request: Request) -> SsoProvider:
        found = await self._site.sso.provider(request.path_params["provider"])
        if found.kind != ProviderKind.SAML:
            raise not_found("provider_not_found")
        return found


def _continued(relay_state: str) -> str:
    """Where a sign-out goes on that came back: a path of ours, and no other place."""
    ours = relay_state.startswith("/") and not relay_state.startswith(("//", "/\\"))
    return relay_state if ours and relay_state.isprintable() else _SIGNED_OUT
