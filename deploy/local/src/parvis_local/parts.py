"""What a part of the suite is: how it is started, what it waits for, and how one sees that it is healthy."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from parvis_local.processes import Process

Kind = Literal["server", "service", "gateway", "local"]


class NotHealthy(Exception):
    """Why a part is not healthy (yet), in words for a person."""


async def nothing() -> None:
    """For parts that need no preparation."""


@dataclass(frozen=True, slots=True)
class Part:
    """One supervised process (with its own children)."""

    name: str
    kind: Kind
    title: str  # for messages: "PostgreSQL"
    address: str  # where it answers; for a person and for `status`
    ports: tuple[int, ...]
    start: Callable[[], Awaitable[Process]]
    probe: Callable[[], Awaitable[None]]  # returns when healthy, raises NotHealthy or OSError
    after: tuple[str, ...] = ()  # parts that must be healthy and settled before this one starts
    prepare: Callable[[], Awaitable[None]] = nothing  # before its first start
    settle: Callable[[], Awaitable[None]] = nothing  # after it is healthy for the first time, before those that wait
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 60.0  # seconds to become healthy
    grace: float = 10.0  # seconds to stop before it is killed


@dataclass(slots=True)
class Failure(Exception):
    """A part that did not become healthy, and why."""

    part: str
    reason: str
    log_end: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.part}: {self.reason}"


async def http_ok(port: int, path: str, *, host: str = "127.0.0.1") -> None:
    """Raises NotHealthy unless the address answers 200. Small on purpose: the supervisor stays a small process."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read(65536)
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if status != [b"200"]:
        said = body.decode(errors="replace").strip()[:500]
        raise NotHealthy(f"{path} answers {b''.join(status).decode() or 'nothing'} {said}".strip())


async def is_healthy(part: Part, *, within: float = 3.0) -> str:
    """'' when the part is healthy now, else the reason."""
    try:
        async with asyncio.timeout(within):
            await part.probe()
    except NotHealthy as reason:
        return str(reason)
    except TimeoutError:
        return f"no answer within {within:g} s"
    except OSError as error:
        return error.strerror or str(error)
    return ""
