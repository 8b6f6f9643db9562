"""How the replicas of a service share their calls, and how one of them leaves without a call that fails.

Channels of ours call replicas in turn, and watch the health of each (`grpc.health.v1.Health`, gRFC A17). One that
leaves says so first and answers on for a moment: by the time it stops, nobody sends it anything.
"""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import grpc
from google.protobuf import descriptor_pool

#: Of every channel and server: a peer that went away is noticed, and how large a message may be.
_BOTH = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", 8 * 1024 * 1024),
)
#: A connection lives for a quarter of a minute: then callers look again which replicas a name stands for. Nothing else
#: makes them look before one is gone: not that it says that it leaves (gRPC looks again for who is gone only).
SERVER = (
    *_BOTH,
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 20_000),  # its constant in C says min_recv_ping
    ("grpc.max_connection_age_ms", 15_000),
    ("grpc.max_connection_age_grace_ms", 30_000),
)
CHANNEL = (
    *_BOTH,
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.dns_min_time_between_resolutions_ms", 2_000),
)
#: What every service offers beside its own contract.
_SHARED = "parvis/trail/v1/trail.proto"
#: Methods that only read: the names that AIP-131 and following give them.
READING = ("Get", "List", "BatchGet", "Resolve", "Check")
SERVICE = "grpc.health.v1.Health"
#: Seconds for which a process that leaves says so. Whoever calls it hears of it at once, but may know no other yet:
#: where nobody waits for that before a replica is told to stop, it drains for longer, and says so in the last of them.
SAID = 5.0
# HealthCheckResponse has one field, an enumeration: its two values that we use, as they stand on the wire.
SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


def target(address: str) -> str:
    """What gRPC is told to call: a name, which may stand for several replicas, or addresses with commas between."""
    return f"ipv4:{address}" if "," in address else f"dns:///{address}"


def service_config(peer: str) -> str:
    """Of a channel: replicas in turn, but those that say they leave (gRFC A17); reading methods once more when the peer
    was not reached, with throttling (gRFC A6).
    """
    files = []
    for path in (f"parvis/{peer}/v1/{peer}.proto", _SHARED):
        with suppress(KeyError):  # a contract that this process never imports is not called either
            files.append(descriptor_pool.Default().FindFileByName(path))
    names = [
        {"service": service.full_name, "method": method.name}
        for file in files
        for service in file.services_by_name.values()
        for method in service.methods
        if method.name.startswith(READING)
    ]
    again = {
        "maxAttempts": 2,
        "initialBackoff": "0.1s",
        "maxBackoff": "0.3s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    return json.dumps(
        {
            "loadBalancingConfig": [{"round_robin": {}}],
            "healthCheckConfig": {"serviceName": ""},
            "methodConfig": [{"name": names, "retryPolicy": again}],
            "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
        }
    )


class Health:
    """One process: it serves from its start, until it leaves."""

    def __init__(self) -> None:
        self._leaves = asyncio.Event()
        self._gone = asyncio.Event()

    def leave(self) -> None:
        """Tells whoever watches to call others from now on."""
        self._leaves.set()

    def go(self) -> None:
        """Ends the watching: the process stops."""
        self._leaves.set()
        self._gone.set()

    def handler(self) -> grpc.GenericRpcHandler:
        """What a server is given. Any name of a service is answered: a process takes all of its calls or none."""
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {"Check": grpc.unary_unary_rpc_method_handler(self._check),
             "Watch": grpc.unary_stream_rpc_method_handler(self._watch)},
        )  # fmt: skip

    async def _check(self, _request: bytes, _context: Any) -> bytes:
        return NOT_SERVING if self._leaves.is_set() else SERVING

    async def _watch(self, _request: bytes, _context: Any) -> AsyncIterator[bytes]:
        if not self._leaves.is_set():
            yield SERVING
            await self._leaves.wait()
        yield NOT_SERVING
        await self._gone.wait()


class Stop:
    """What ends this process: SIGTERM after a moment, in which others learn of it; SIGINT (Ctrl-C) at once."""

    def __init__(self) -> None:
        self._asked, self._hurry = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._asked.set)
        loop.add_signal_handler(signal.SIGINT, self._at_once)

    def _at_once(self) -> None:
        self._hurry.set()
        self._asked.set()

    async def asked(self) -> None:
        """Returns when somebody wants the process to end."""
        await self._asked.wait()

    async def drained(self, seconds: float, leave: Callable[[], None]) -> None:
        """Returns after `seconds`, in the last of which it has called `leave`; at once where there is a hurry."""
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait([hurry], timeout=max(seconds - SAID, 0))
        leave()
        await asyncio.wait([hurry], timeout=min(seconds, SAID))
        hurry.cancel()
