"""The addresses where clients register and change themselves (RFC 7591, RFC 7592)."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from parvis_identity.http.browser import LARGEST
from parvis_identity.http.protocol import answered, bearer_of
from parvis_identity.http.site import Site
from parvis_identity.service.protocol import Answer
from parvis_kit.errors import invalid
from parvis_ui import bodies


class RegistrationPages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Addresses of registration."""
        one = "/oauth2/register/{client_id}"
        return [
            Route("/oauth2/register", answered(self.register), methods=["POST"]),
            Route(one, answered(self.read), methods=["GET"]),
            Route(one, answered(self.replace), methods=["PUT"]),
            Route(one, answered(self.remove), methods=["DELETE"]),
        ]

    async def register(self, request: Request) -> Response:
        """RFC 7591, 3."""
        address = self._site.cookies.visitor(request).address
        return _response(await self._site.registration.register(bearer_of(request), await _json(request), address))

    async def read(self, request: Request) -> Response:
        """RFC 7592, 2.1."""
        return _response(await self._site.registration.read(request.path_params["client_id"], bearer_of(request)))

    async def replace(self, request: Request) -> Response:
        """RFC 7592, 2.2."""
        said = await _json(request)
        return _response(
            await self._site.registration.replace(request.path_params["client_id"], bearer_of(request), said)
        )

    async def remove(self, request: Request) -> Response:
        """RFC 7592, 2.3."""
        return _response(await self._site.registration.remove(request.path_params["client_id"], bearer_of(request)))


async def _json(request: Request) -> dict[str, Any]:
    """The object that a request carries. Raises INVALID malformed_json or form_too_large."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise invalid("malformed_json")
    body = await bodies.read(request, LARGEST)
    if body is None:
        raise invalid("form_too_large")
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid("malformed_json") from error
    if not isinstance(said, dict) or "\\u0000" in json.dumps(said):
        raise invalid("malformed_json")
    return said


def _response(answer: Answer) -> Response:
    headers = dict(answer.headers)
    return (
        JSONResponse(answer.body, answer.status, headers=headers)
        if answer.body
        else Response(None, answer.status, headers)
    )
