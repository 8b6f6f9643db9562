"""The REST interface as an application: problems (RFC 9457), request identifiers, metadata of the decision point."""

import re
import time
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from parvis_kit.errors import Kind, ServiceError
from parvis_tenancy.http.authzen import PREFIX, Authzen
from parvis_tenancy.http.callers import ProductTokens
from parvis_tenancy.http.words import sentence
from parvis_tenancy.service.asking import Asking

#: Bytes of a body, at most.
LARGEST = 1 << 20
_STATUS: Final = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.LIMIT: 429,
    Kind.UNAVAILABLE: 503,
}
#: What a request identifier may look like to be said again; anything else is not repeated into headers and logs.
_IDENTIFIER = re.compile(r"[\x21-\x7e]{1,200}")
_WELL_KNOWN = "/.well-known/authzen-configuration"
#: Where the metadata says that something is asked.
_ENDPOINTS: Final = {
    "access_evaluation_endpoint": "evaluation",
    "access_evaluations_endpoint": "evaluations",
    "search_subject_endpoint": "search/subject",
    "search_resource_endpoint": "search/resource",
    "search_action_endpoint": "search/action",
}
_PATHS: Final = {f"{PREFIX}/{path}": path for path in _ENDPOINTS.values()}
SECONDS = Histogram(
    "parvis_authzen_seconds",
    "Time to answer a product, in seconds",
    ["endpoint", "status"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2),
)

_log = structlog.get_logger(__name__)


def make_app(asking: Asking, tokens: ProductTokens, *, public_url: str) -> "Edge":
    """All that products may ask."""
    app = FastAPI(
        title="Parvis: who may do what",
        version="1.0",
        description="OpenID AuthZEN Authorization API 1.0, for products. How to begin: docs/authzen.md.",
        openapi_url="/api/tenancy/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        servers=[{"url": public_url}],
    )

    async def metadata() -> JSONResponse:
        described = {name: f"{public_url}{PREFIX}/{path}" for name, path in _ENDPOINTS.items()}
        answer = {"policy_decision_point": public_url, **described}
        return JSONResponse(answer, headers={"Cache-Control": "public, max-age=3600"})

    app.add_api_route(_WELL_KNOWN, metadata, summary="Where what is asked", tags=["metadata"])
    app.include_router(Authzen(asking, tokens).router)
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http_error)
    return Edge(app)


class Edge:
    """What every answer has: the identifier of its request; no body that is too large; nothing kept by anybody."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        identifier, began = headers.get("x-request-id", ""), time.perf_counter()

        async def say(message: Message) -> None:
            if message["type"] == "http.response.start":
                endpoint = _PATHS.get(scope["path"], "other")
                SECONDS.labels(endpoint, str(message["status"])).observe(time.perf_counter() - began)
                told = MutableHeaders(scope=message)
                if _IDENTIFIER.fullmatch(identifier):
                    told["X-Request-ID"] = identifier
                told.setdefault("Cache-Control", "no-store")
            await send(message)

        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > LARGEST:
            await problem(Request(scope), 413, "too_large")(scope, receive, say)
            return
        taken = 0

        async def hear() -> Message:
            """Also of a body that does not say its length no more is taken than of one that does."""
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > LARGEST:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return message

        try:
            await self.app(scope, hear, say)
        except Exception:  # noqa: BLE001 - the last one to know: whoever asked gets an answer that they can read
            _log.exception("request_failed", request_id=identifier)
            await problem(Request(scope), 500, "internal")(scope, receive, say)


def problem(
    request: Request,
    status: int,
    reason: str,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """A problem document in the language that is asked for, English unless it is French."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": sentence(reason, language(request)),
        "reason": reason,
    }
    if errors:
        body["errors"] = errors
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def language(request: Request) -> str:
    """`fr` when French comes first in Accept-Language."""
    return "fr" if request.headers.get("accept-language", "").strip().lower().startswith("fr") else "en"


async def _service_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, ServiceError):
        raise error
    status = _STATUS.get(error.kind, 500)
    if status == HTTPStatus.UNAUTHORIZED:
        return problem(request, status, error.reason, headers={"WWW-Authenticate": _challenge(error.reason)})
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return problem(request, status, error.reason, headers={"Retry-After": "1"})
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("request_failed", error=str(error))
        return problem(request, status, "unavailable" if error.kind is Kind.UNAVAILABLE else "internal")
    errors = [{"pointer": f"/{each.field}", "detail": each.reason} for each in error.violations]
    return problem(request, status, error.reason, errors=errors)


def _challenge(reason: str) -> str:
    """What proves oneself here (RFC 6750, 3; RFC 9449, 7.1)."""
    if reason == "token_missing":
        return 'Bearer realm="Parvis", DPoP algs="ES256 PS256 EdDSA"'
    error = "invalid_dpop_proof" if reason == "proof_invalid" else "invalid_token"
    scheme = "DPoP" if reason in {"token_bound", "proof_invalid"} else "Bearer"
    return f'{scheme} error="{error}", error_description="{sentence(reason, "en").replace(chr(34), "")}"'


async def _malformed(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return problem(request, 400, "not_json")
    errors = [{"pointer": "/" + "/".join(map(str, each["loc"][1:])), "detail": str(each["msg"])} for each in found]
    return problem(request, 400, "malformed_request", errors=errors)


async def _http_error(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    headers = dict(getattr(error, "headers", None) or {})
    known = {404: "not_found", 405: "method_not_allowed", 400: "not_json", 413: "too_large"}
    return problem(request, status, known.get(status, "internal"), headers=headers)
