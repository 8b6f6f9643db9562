"""SCIM 2.0 under /scim/v2 (RFC 7644): the addresses at which firms' directories keep users and groups here."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from parvis_identity.domain.scim import discovery
from parvis_identity.domain.scim.projection import read as projection_of
from parvis_identity.domain.scim.refusals import ScimRefusal, invalid_syntax, unknown
from parvis_identity.domain.scim.schemas import GROUPS, USERS, Resource
from parvis_identity.http.protocol import bearer_of
from parvis_identity.http.site import Site
from parvis_identity.service.scim import bulk, searching
from parvis_identity.service.scim.directories import Directory
from parvis_identity.service.scim.requests import Act
from parvis_kit.errors import Kind, ServiceError
from parvis_ui import bodies

#: Below these, everything is refused in the protocol's own words.
BASE = "/scim/v2"
MEDIA = "application/scim+json"
_TAKEN = frozenset({MEDIA, "application/json"})
_EVERY = ["GET", "POST", "PUT", "PATCH", "DELETE"]
#: Bodies above are read by another thread: nobody waits for it.
_LARGE = 64 * 1024
_log = structlog.get_logger(__name__)
Handler = Callable[[Request, Directory], Awaitable[Response]]


class ScimPages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._scim = site.scim
        self._address = site.scim.address

    def routes(self) -> list[Route]:
        """Addresses of the protocol. Each takes every method, so that one that is not there is refused as a refusal."""
        found = [
            self._route("/Me", dict.fromkeys(_EVERY, self._not_here)),
            self._route("/ServiceProviderConfig", {"GET": self._config}),
            self._route("/ResourceTypes", {"GET": self._resource_types}),
            self._route("/ResourceTypes/{id}", {"GET": self._resource_type}),
            self._route("/Schemas", {"GET": self._schemas}),
            self._route("/Schemas/{id}", {"GET": self._schema}),
            self._route("/Bulk", {"POST": self._bulk}),
            self._route("/.search", {"POST": self._searched((USERS, GROUPS))}),
        ]
        for resource in (USERS, GROUPS):
            search = self._searched((resource,))
            one = {"GET": self._get, "PUT": self._change, "PATCH": self._change, "DELETE": self._delete}
            found += [
                self._route(f"{resource.endpoint}/.search", {"POST": search}),
                self._route(resource.endpoint, {"GET": search, "POST": _of(self._create, resource)}),
                self._route(
                    f"{resource.endpoint}/{{id}}", {name: _of(handler, resource) for name, handler in one.items()}
                ),
            ]
        return [*found, self._otherwise(found)]

    def _otherwise(self, known: Sequence[Route]) -> Route:
        """What is below in no way that is written above. Paths differ by case and by a slash (RFC 3986, 6.2.2.1), and
        directories are set up by hand, with an address that ends in one: `/Users/`, `//Users` and `/users` are Users.
        """
        nowhere = self._route("/{rest:path}", dict.fromkeys(_EVERY, self._nowhere))

        async def endpoint(request: Request) -> Response:
            scope, asked, route = {**request.scope, "path": _canonical(request.scope["path"])}, request, nowhere
            for each in known if scope["path"] != request.scope["path"] else ():
                match, found = each.matches(scope)
                if match is Match.FULL:
                    asked, route = Request({**scope, **found}, request.receive), each
                    break
            answer: Response = await route.endpoint(asked)
            return answer

        return Route(nowhere.path, endpoint, methods=_EVERY)

    def _route(self, path: str, handlers: Mapping[str, Handler]) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                return await self._answered(request, handlers)
            except ScimRefusal as refusal:
                await bodies.drop(request)
                return _refusal(refusal, request, ", ".join(handlers))
            except ServiceError as error:
                status = 503 if error.kind in {Kind.UNAVAILABLE, Kind.LIMIT} else 500
                _log.warning("scim_failed", error=str(error))
            except Exception:  # noqa: BLE001 - the edge: the directory gets an answer, the log a trace
                status = 500
                _log.exception("scim_failed", reference=secrets.token_hex(4))
            told = "A part of the server restarts. Try again." if status == 503 else "Something went wrong on our side."  # noqa: PLR2004 - as above
            return _refusal(ScimRefusal(status, told), request, "")

        return Route(f"{BASE}{path}", endpoint, methods=_EVERY)

    async def _answered(self, request: Request, handlers: Mapping[str, Handler]) -> Response:
        directory = await self._scim.directories.let_in(bearer_of(request))
        handler = handlers.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            raise ScimRefusal(405, "This address does not know that method.", check="method_unknown")
        return await handler(request, directory)

    async def _not_here(self, request: Request, directory: Directory) -> Response:
        del request, directory
        raise ScimRefusal(501, "A token is nobody's: there is no Me.", check="not_implemented")

    async def _nowhere(self, request: Request, directory: Directory) -> Response:
        del request, directory
        raise unknown("address")

    async def _config(self, request: Request, directory: Directory) -> Response:
        del directory
        _no_filter(request)
        page, largest = searching.PAGE, searching.LARGEST_PAGE
        return _answer(discovery.config(self._address, page=page, largest_page=largest))

    async def _resource_types(self, request: Request, directory: Directory) -> Response:
        del directory
        _no_filter(request)
        return _answer(_listed(discovery.resource_types(self._address)))

    async def _resource_type(self, request: Request, directory: Directory) -> Response:
        del directory
        return _answer(_one(discovery.resource_types(self._address), request, "resource type"))

    async def _schemas(self, request: Request, directory: Directory) -> Response:
        del directory
        _no_filter(request)
        return _answer(_listed(discovery.schemas(self._address)))

    async def _schema(self, request: Request, directory: Directory) -> Response:
        del directory
        return _answer(_one(discovery.schemas(self._address), request, "schema"))

    def _searched(self, resources: tuple[Resource, ...]) -> Handler:
        async def search(request: Request, directory: Directory) -> Response:
            said = request.query_params if request.method == "GET" else await _json(request)
            if not isinstance(said, Mapping):
                raise invalid_syntax("The body is no object.")
            return _answer(await self._scim.searching.find(directory, resources, searching.read(said)))

        return search

    async def _create(self, request: Request, directory: Directory, resource: Resource) -> Response:
        body, projection = await _json(request), _projection(request)
        try:
            row = await self._scim.create(directory, resource, body)
        except ScimRefusal as refusal:
            name = Act("POST", resource, directory.token_id, body).name
            name = "" if name == str(directory.token_id) else name
            await self._scim.refusals.keep(directory, f"POST {resource.name}", [(name, refusal)])
            raise
        shown, tag = await self._scim.shown(directory, resource, row, projection)
        location = self._scim.rendering.location(resource, row["id"])
        return _answer(shown, 201, {"ETag": tag, "Location": location})

    async def _get(self, request: Request, directory: Directory, resource: Resource) -> Response:
        row_id = searching.row_id(request.path_params["id"], resource.name.lower())
        shown, tag = await self._scim.searching.get(directory, resource, row_id, _projection(request))
        named = request.headers.get("if-none-match", "")
        if named.strip() == "*" or bulk.versions_of(tag) <= bulk.versions_of(named):  # RFC 9110, 13.1.2
            return Response(status_code=304, headers={"ETag": tag})
        return _answer(shown, 200, {"ETag": tag})

    async def _change(self, request: Request, directory: Directory, resource: Resource) -> Response:
        body, projection = await _json(request), _projection(request)
        act = self._act(request, resource, body)
        try:
            row = await self._scim.do(directory, act)
        except ScimRefusal as refusal:
            await self._scim.refusals.keep(directory, f"{act.method} {resource.name}", [(act.name, refusal)])
            raise
        shown, tag = await self._scim.shown(directory, resource, row, projection)
        return _answer(shown, 200, {"ETag": tag})

    async def _delete(self, request: Request, directory: Directory, resource: Resource) -> Response:
        act = self._act(request, resource, None)
        await self._scim.delete(directory, act)
        return Response(status_code=204)

    def _act(self, request: Request, resource: Resource, body: object) -> Act:
        row_id = searching.row_id(request.path_params["id"], resource.name.lower())
        versions = bulk.versions_of(request.headers.get("if-match", ""))
        return Act(request.method, resource, row_id, body, versions)

    async def _bulk(self, request: Request, directory: Directory) -> Response:
        return _answer(await bulk.run(self._scim, directory, await _json(request)))


_ENDPOINTS = ("Users", "Groups", "Bulk", "Me", "Schemas", "ResourceTypes", "ServiceProviderConfig")
_NAMES = {each.lower(): each for each in _ENDPOINTS}


def _canonical(path: str) -> str:
    """A path below BASE as RFC 7644, 3.2 writes it."""
    first, *rest = [each for each in path.removeprefix(BASE).split("/") if each] or [""]
    return "/".join([BASE, _NAMES.get(first.lower(), first), *rest])


def _of(handler: Callable[[Request, Directory, Resource], Awaitable[Response]], resource: Resource) -> Handler:
    async def endpoint(request: Request, directory: Directory) -> Response:
        return await handler(request, directory, resource)

    return endpoint


def _projection(request: Request) -> Any:
    return projection_of(request.query_params.get("attributes"), request.query_params.get("excludedAttributes"))


def _no_filter(request: Request) -> None:
    """RFC 7644, 4: what the server says of itself is not filtered."""
    if "filter" in request.query_params:
        raise ScimRefusal(403, "This address has no filter.", check="filter_refused")


def _listed(resources: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "schemas": [searching.LIST],
        "totalResults": len(resources),
        "itemsPerPage": len(resources),
        "startIndex": 1,
        "Resources": resources,
    }


def _one(resources: list[dict[str, Any]], request: Request, kind: str) -> dict[str, Any]:
    found = next((each for each in resources if each["id"].lower() == request.path_params["id"].lower()), None)
    if found is None:
        raise unknown(kind)
    return found


async def _json(request: Request) -> Any:
    """What a request carries. Raises ScimRefusal 413, 415, or 400 invalidSyntax."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _TAKEN:
        raise ScimRefusal(415, f"The body is {MEDIA}.", check="media_type")
    body = await bodies.read(request, discovery.LARGEST_BODY)
    if body is None:
        raise ScimRefusal(413, f"A body has {discovery.LARGEST_BODY} bytes at most.", check="too_large")
    try:
        return await asyncio.to_thread(_read, body) if len(body) > _LARGE else _read(body)
    except (ValueError, RecursionError) as error:
        raise invalid_syntax("The body is no JSON.") from error


def _read(body: bytes) -> Any:
    """What JSON says, where it says it once and in numbers that there are (RFC 8259, 4 and 6). Raises ValueError."""
    return json.loads(body, object_pairs_hook=_once, parse_constant=_no_number)


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a member stands there twice")
    return found


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def _answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(content, status, media_type=MEDIA, headers={"Cache-Control": "no-store", **(headers or {})})


def _refusal(refusal: ScimRefusal, request: Request, allowed: str) -> Response:
    _log.info("scim_refused", check=refusal.check, method=request.method, address=_address(request))
    headers = {}
    if refusal.status == 401:  # noqa: PLR2004 - RFC 6750, 3
        headers["WWW-Authenticate"] = 'Bearer realm="SCIM"'
    if refusal.status == 405 and allowed:  # noqa: PLR2004 - RFC 9110, 15.5.6
        headers["Allow"] = allowed
    if refusal.status in {429, 503}:
        headers["Retry-After"] = "1" if refusal.status == 429 else "5"  # noqa: PLR2004 - as above
    return _answer(refusal.body, refusal.status, headers)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
