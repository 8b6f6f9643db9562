"""Errors on the gRPC wire: `ServiceError` ⇄ status with details (google.rpc ErrorInfo and BadRequest)."""

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2

from parvis_kit.errors import Kind, ServiceError, Violation

DETAILS_KEY = "grpc-status-details-bin"
DOMAIN = "parvis"

_CODES = {
    Kind.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Kind.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Kind.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
    Kind.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Kind.CONFLICT: grpc.StatusCode.ABORTED,
    Kind.PRECONDITION: grpc.StatusCode.FAILED_PRECONDITION,
    Kind.LIMIT: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Kind.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Kind.INTERNAL: grpc.StatusCode.INTERNAL,
}
_KINDS = {code: kind for kind, code in _CODES.items()} | {grpc.StatusCode.DEADLINE_EXCEEDED: Kind.UNAVAILABLE}


def status_of(error: ServiceError) -> tuple[grpc.StatusCode, str, tuple[tuple[str, bytes], ...]]:
    """Code, message and trailing metadata of an error."""
    code = _CODES[error.kind]
    status = status_pb2.Status(code=code.value[0], message=error.reason)
    _pack(status, error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.params))
    if error.violations:
        bad = error_details_pb2.BadRequest()
        for violation in error.violations:
            bad.field_violations.add(field=violation.field, reason=violation.reason)
            # BadRequest has no room for values: they travel in an ErrorInfo of the same place in the list.
            _pack(status, error_details_pb2.ErrorInfo(domain=f"{DOMAIN}.violation", metadata=violation.params))
        _pack(status, bad)
    return code, error.reason, ((DETAILS_KEY, status.SerializeToString()),)


def error_of(error: grpc.aio.AioRpcError, peer: str) -> ServiceError:
    """The error that a peer raised; UNAVAILABLE `service_unavailable` when the call did not reach it or took too
    long.
    """
    kind = _KINDS.get(error.code(), Kind.INTERNAL)
    details = dict(error.trailing_metadata() or ()).get(DETAILS_KEY)
    if not isinstance(details, bytes):
        reason = "service_unavailable" if kind is Kind.UNAVAILABLE else error.code().name.lower()
        return ServiceError(kind, reason, service=peer)
    status = status_pb2.Status.FromString(details)
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    params: list[dict[str, str]] = []
    own: dict[str, str] = {}
    for detail in status.details:
        if detail.Unpack(info):
            if info.domain == DOMAIN:
                own = dict(info.metadata)
            else:
                params.append(dict(info.metadata))
        else:
            detail.Unpack(bad)
    violations = [
        Violation(violation.field, violation.reason, values)
        for violation, values in zip(bad.field_violations, params, strict=False)
    ]
    return ServiceError(kind, status.message, violations=violations, **own)


def _pack(status: status_pb2.Status, detail: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest) -> None:
    packed = AnyMessage()
    packed.Pack(detail)
    status.details.append(packed)
