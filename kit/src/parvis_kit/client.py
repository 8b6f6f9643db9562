"""Calls to other services: one channel per peer for life, mutual TLS, deadlines, the caller's token, errors as
`ServiceError`.

    peers = Peers(settings)
    contacts = tenancy_pb2_grpc.ContactServiceStub(peers.channel("tenancy"))
    record = await contacts.GetContact(request)

Outgoing calls carry what `caller.acting()` says: the subject's token of the request at hand, or the organisation
that the service acts for
in its own name. Calls that only read are tried again once when the peer was not reached (it restarts); others never.
"""

import time
from typing import Any, cast

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.message import Message

from parvis_kit.caller import acting
from parvis_kit.settings import ServiceSettings
from parvis_kit.telemetry import CALLS
from parvis_kit.tls import channel_credentials
from parvis_kit.wire import OPTIONS, error_of

#: The longest that any call may take, in seconds.
LONGEST = 10.0
#: What is kept back for the way home, in seconds.
RESERVE = 0.01
#: Methods that only read: the names that AIP-131 and following give them.
READING = ("Get", "List", "BatchGet", "Resolve", "Check")

_OPTIONS: tuple[tuple[str, Any], ...] = (
    *OPTIONS,
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),
)


class Peers:
    """The other services, as this one may call them. Made after a fork, inside the running loop."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._channels: dict[str, _Channel] = {}

    def channel(self, peer: str) -> grpc.aio.Channel:
        """The channel to a peer, for its generated stubs. It connects with the first call."""
        if peer not in self._channels:
            self._channels[peer] = _Channel(peer, self._settings)
        # A stub only asks its channel for `unary_unary`.
        return cast("grpc.aio.Channel", self._channels[peer])

    async def close(self) -> None:
        """Ends every call and channel."""
        for channel in self._channels.values():
            await channel.close()


class _Channel:
    def __init__(self, peer: str, settings: ServiceSettings) -> None:
        self._peer = peer
        self._channel = grpc.aio.secure_channel(
            settings.peers[peer],
            channel_credentials(settings),
            options=[
                *_OPTIONS,
                ("grpc.ssl_target_name_override", peer),
                ("grpc.service_config", _retries(peer)),
            ],
        )

    def unary_unary(self, path: str, request_serializer: Any, response_deserializer: Any, **_: Any) -> "_Method":
        call = self._channel.unary_unary(path, request_serializer, response_deserializer)
        return _Method(self._peer, path, call)

    async def close(self) -> None:
        await self._channel.close(grace=1)


class _Method:
    __slots__ = ("_call", "_count", "_peer")

    def __init__(self, peer: str, path: str, call: "grpc.aio.UnaryUnaryMultiCallable[Message, Message]") -> None:
        self._peer = peer
        self._count = CALLS.labels(path).inc
        self._call = call

    async def __call__(self, request: Message, *, timeout: float | None = None) -> Message:  # noqa: ASYNC109 - a gRPC deadline, not a cancelled task
        now = acting()
        metadata = [*now.tells()]
        if now.token:
            metadata.append(("authorization", f"Bearer {now.token}"))
        elif now.organisation_id is not None:
            metadata.append(("parvis-organisation", str(now.organisation_id)))
        if now.traceparent:
            metadata.append(("traceparent", now.traceparent))
        seconds = min(timeout or LONGEST, LONGEST)
        if now.deadline is not None:
            seconds = min(seconds, now.deadline - time.monotonic() - RESERVE)
        self._count()
        try:
            call = self._call(request, timeout=max(seconds, 0.001), metadata=tuple(metadata))
            answer = await call
            now.hears(await call.trailing_metadata())
        except grpc.aio.AioRpcError as error:
            now.hears(error.trailing_metadata())
            raise error_of(error, self._peer) from error
        return answer


def _retries(peer: str) -> str:
    """The service config (gRFC A6): reading methods once more when the peer was not reached, with throttling."""
    file = descriptor_pool.Default().FindFileByName(f"parvis/{peer}/v1/{peer}.proto")
    names = ", ".join(
        f'{{"service": "{service.full_name}", "method": "{method.name}"}}'
        for service in file.services_by_name.values()
        for method in service.methods
        if method.name.startswith(READING)
    )
    policy = (
        '{"maxAttempts": 2, "initialBackoff": "0.1s", "maxBackoff": "0.3s", "backoffMultiplier": 2,'
        ' "retryableStatusCodes": ["UNAVAILABLE"]}'
    )
    return (
        f'{{"methodConfig": [{{"name": [{names}], "retryPolicy": {policy}}}],'
        ' "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1}}'
    )
