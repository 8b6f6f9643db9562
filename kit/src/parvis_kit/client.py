"""Calls to other services: one channel per peer, which calls its replicas in turn; mutual TLS, deadlines, the
caller's token, errors as `ServiceError`.

    peers = Peers(settings)
    contacts = tenancy_pb2_grpc.ContactServiceStub(peers.channel("tenancy"))
    record = await contacts.GetContact(request)

Outgoing calls carry what `caller.acting()` says: the subject's token of the request at hand, or the organisation
that the service acts for
in its own name. Calls that only read are tried again once when the peer was not reached (it restarts); others never.
"""

import time
from typing import TYPE_CHECKING, Any, cast

import grpc
from google.protobuf.message import Message

from parvis_kit.caller import acting
from parvis_kit.settings import ServiceSettings
from parvis_kit.tls import papers
from parvis_kit.wire import error_of
from parvis_watch import replicas
from parvis_watch.metrics import CALL_SECONDS, CALLS, CALLS_FAILED
from parvis_watch.papers import Made
from parvis_watch.traces import carried, child

if TYPE_CHECKING:
    from collections.abc import Callable

    from parvis_watch.papers import Pems

#: The longest that any call may take, in seconds.
LONGEST = 10.0
#: What is kept back for the way home, in seconds.
RESERVE = 0.01


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
    """Another channel takes its place once the certificates were replaced; calls that run end on the old one."""

    def __init__(self, peer: str, settings: ServiceSettings) -> None:
        self._peer, self._address = peer, replicas.target(settings.peers[peer])
        self._config = replicas.service_config(peer)
        self._channel = Made(papers(settings), self._make, lambda channel: channel.close(grace=LONGEST))

    def _make(self, pems: "Pems") -> grpc.aio.Channel:
        own = (("grpc.ssl_target_name_override", self._peer), ("grpc.service_config", self._config))
        credentials = grpc.ssl_channel_credentials(*pems)
        return grpc.aio.secure_channel(self._address, credentials, options=[*replicas.CHANNEL, *own])

    def unary_unary(self, path: str, request_serializer: Any, response_deserializer: Any, **_: Any) -> "_Method":
        # Made anew for each call, which costs nothing: the channel may be another one by then.
        made = self._channel
        return _Method(
            self._peer, path, lambda: made.now().unary_unary(path, request_serializer, response_deserializer)
        )

    async def close(self) -> None:
        await self._channel.now().close(grace=1)


class _Method:
    __slots__ = ("_call", "_count", "_observe", "_path", "_peer")

    def __init__(self, peer: str, path: str, call: "Callable[[], Any]") -> None:
        self._peer, self._path = peer, path
        self._count = CALLS.labels(path).inc
        self._observe = CALL_SECONDS.labels(peer).observe
        self._call = call

    async def __call__(self, request: Message, *, timeout: float | None = None) -> Message:  # noqa: ASYNC109 - a gRPC deadline, not a cancelled task
        now = acting()
        metadata = [*now.tells()]
        if now.token:
            metadata.append(("authorization", f"Bearer {now.token}"))
        elif now.organisation_id is not None:
            metadata.append(("parvis-organisation", str(now.organisation_id)))
        seconds = min(timeout or LONGEST, LONGEST)
        if now.deadline is not None:
            seconds = min(seconds, now.deadline - time.monotonic() - RESERVE)
        self._count()
        started = time.perf_counter()
        try:
            with child(self._path, "CLIENT"):
                sent = (*metadata, *carried().items())
                call = self._call()(request, timeout=max(seconds, 0.001), metadata=sent)
                answer: Message = await call
            now.hears(await call.trailing_metadata())
        except grpc.aio.AioRpcError as error:
            now.hears(error.trailing_metadata())
            CALLS_FAILED.labels(self._peer, error.code().name.lower()).inc()
            raise error_of(error, self._peer) from error
        finally:
            self._observe(time.perf_counter() - started)
        return answer
