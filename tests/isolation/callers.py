"""Who calls, with what in hand, over wires that nobody guards: the certificate and the token are chosen freely."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
from contract import answer_of, path_of, service_of
from google.protobuf.message import Message

from parvis_kit.wire import error_of

#: Seconds that a call may take.
DEADLINE = 10.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who calls.

    `through`: the service whose certificate is shown. `token`: the subject's, empty for a service in its own name.
    `organisation_id`: whom a service in its own name says that it acts for.
    """

    through: str
    token: str = ""
    organisation_id: str = ""

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What the call carries beside the request."""
        carried = {
            "authorization": f"Bearer {self.token}" if self.token else "",
            "parvis-organisation": self.organisation_id,
        }
        return tuple((name, value) for name, value in carried.items() if value)


class Wires:
    """Channels with the certificate of any service to any other."""

    def __init__(self, environment: Callable[[str], dict[str, str]]) -> None:
        self._environment = environment
        self._channels: dict[tuple[str, str], grpc.aio.Channel] = {}

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()

    async def call(self, caller: Caller, method: str, request: Message) -> Message:
        """Calls "ContactService.GetContact" as anybody. Raises ServiceError."""
        target = service_of(method)
        call = self._channel(caller.through, target).unary_unary(
            path_of(method), type(request).SerializeToString, answer_of(method).FromString
        )
        try:
            return await call(request, timeout=DEADLINE, metadata=caller.metadata)
        except grpc.aio.AioRpcError as error:
            raise error_of(error, target) from error

    def address(self, target: str) -> str:
        """host:port of a service."""
        return json.loads(self._environment("web")["PARVIS_PEERS"])[target]

    def files(self, service: str) -> tuple[bytes, bytes, bytes]:
        """Authority, key and certificate of a service."""
        told = self._environment(service)
        return tuple(Path(told[f"PARVIS_TLS_{name}"]).read_bytes() for name in ("CA", "KEY", "CERTIFICATE"))

    def open(self, target: str, credentials: grpc.ChannelCredentials) -> grpc.aio.Channel:
        """A channel with any credentials."""
        return grpc.aio.secure_channel(
            self.address(target), credentials, options=[("grpc.ssl_target_name_override", target)]
        )

    def _channel(self, through: str, target: str) -> grpc.aio.Channel:
        if (through, target) not in self._channels:
            self._channels[through, target] = self.open(target, grpc.ssl_channel_credentials(*self.files(through)))
        return self._channels[through, target]
