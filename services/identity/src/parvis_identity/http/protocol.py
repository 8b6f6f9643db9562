"""What endpoints that clients call share: errors in the protocol's own form, and tokens in the header."""

import json
import secrets
from collections.abc import Mapping
from http import HTTPStatus

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from parvis_identity.http.site import Endpoint
from parvis_identity.service.protocol import ProtocolRefusal
from parvis_identity.service.refusals import WAITING
from parvis_kit.errors import Kind, ServiceError

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
#: Public documents, which pages of clients may read (Discovery 1.0, section 4).
ANYWHERE = {"Access-Control-Allow-Origin": "*"}
_log = structlog.get_logger(__name__)
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class JsonAnswer(JSONResponse):
    """JSON as ever, with one encoder for all."""

    def render(self, content: object) -> bytes:
        return _encode(content).encode()


def answered(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with its errors as the protocol's own (RFC 6749, 5.2)."""

    async def answer(request: Request) -> Response:
        reply = await attempt(request)
        if reply.status_code >= HTTPStatus.BAD_REQUEST:
            _write_down(request, reply)
        return reply

    async def attempt(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ProtocolRefusal as refusal:
            told = refusal.answer
            return JSONResponse(told.body, told.status, headers={**plain(told.headers), **NO_STORE})
        except ServiceError as error:
            if error.kind is Kind.INVALID:
                return problem(400, "invalid_request", "The request is malformed.")
            if error.kind in {Kind.UNAVAILABLE, Kind.LIMIT}:
                return problem(503, "temporarily_unavailable", "Try again in a moment.")
            _log.error("protocol_failed", error=str(error))
        except Exception:  # noqa: BLE001 - the edge: the client gets an answer, the log a trace
            _log.exception("protocol_failed", reference=secrets.token_hex(4))
        return problem(500, "server_error", "Something went wrong on our side.")

    return answer


def _write_down(request: Request, reply: Response) -> None:
    """That a request of a client was refused, and why: nothing was granted. Never what it carried."""
    told = json.loads(bytes(reply.body)) if reply.media_type == JSONResponse.media_type and reply.body else {}
    error = told.get("error", reply.status_code)
    if error not in WAITING:
        address, why = request.client.host if request.client else "", told.get("error_description", "")
        _log.info("protocol_refused", path=request.url.path, error=error, why=why, address=address)


def bearer_of(request: Request) -> str:
    """The token of a Bearer header (RFC 6750, 2.1), empty when there is none."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else ""


def problem(status: int, error: str, description: str) -> JSONResponse:
    """An error of the protocol."""
    return JSONResponse({"error": error, "error_description": description}, status, headers=NO_STORE)


def plain(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers without the content's type: the body's own counts."""
    return {name: value for name, value in headers.items() if name.lower() != "content-type"}
