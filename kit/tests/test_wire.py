"""An error that one service raises is the error that its caller catches."""

import grpc
from hypothesis import given
from hypothesis import strategies as st

from parvis_kit.errors import Kind, ServiceError, Violation
from parvis_kit.wire import error_of, status_of

WORDS = st.from_regex(r"[a-z][a-z_]{0,30}", fullmatch=True)
VALUES = st.dictionaries(WORDS, st.text(max_size=40), max_size=4)
ERRORS = st.builds(
    lambda kind, reason, params, violations: ServiceError(kind, reason, violations=violations, **params),
    st.sampled_from(Kind),
    WORDS,
    VALUES.filter(lambda params: "violations" not in params),
    st.lists(st.builds(Violation, WORDS, WORDS, VALUES), max_size=4),
)


def over_the_wire(error: ServiceError) -> ServiceError:
    code, message, trailing = status_of(error)
    metadata = grpc.aio.Metadata(*trailing)
    return error_of(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, details=message), "peer")


@given(ERRORS)
def test_every_error_crosses_the_wire_unchanged(error):
    arrived = over_the_wire(error)
    assert (arrived.kind, arrived.reason, arrived.params, arrived.violations) == (
        error.kind,
        error.reason,
        error.params,
        error.violations,
    )


def test_a_peer_that_was_not_reached_is_unavailable_and_named():
    lost = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())
    arrived = error_of(lost, "billing")
    assert (arrived.kind, arrived.reason, arrived.params) == (
        Kind.UNAVAILABLE,
        "service_unavailable",
        {"service": "billing"},
    )


def test_a_deadline_that_passed_is_unavailable():
    late = grpc.aio.AioRpcError(grpc.StatusCode.DEADLINE_EXCEEDED, grpc.aio.Metadata(), grpc.aio.Metadata())
    assert error_of(late, "billing").kind is Kind.UNAVAILABLE
