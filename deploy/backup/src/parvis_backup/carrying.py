"""TLS for programs of PostgreSQL that were built without it, as those of the wheel were: they say everything to a
socket in a folder that is ours alone, and we carry it to the server, to one that an authority vouches for or to none.
"""

import asyncio
import os
import ssl
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

#: Modes of libpq that take TLS of any certificate where the server offers it, and speak plainly where it does not.
#: Who says nothing means `prefer`, to asyncpg too.
_EITHER = ("", "allow", "prefer")
#: What is asked of a server first ("SSL Session Encryption"); it says S, or N.
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_BOUND = b"SCRAM-SHA-256-PLUS\0"
_PIECE = 1 << 16
_PATIENCE = 20.0  # s
Begin = Callable[[asyncio.StreamReader], Coroutine[Any, Any, bytes]]
Carrier = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@contextmanager
def carried(url: str) -> Iterator[str]:
    """The address for such a program: the same, where it or PGSSLMODE wants no TLS or it names no server."""
    parts = urlsplit(url)
    told = dict(parse_qsl(parts.query, keep_blank_values=True))
    mode = told.pop("sslmode", "") or os.environ.get("PGSSLMODE", "")
    authority = told.pop("sslrootcert", "") or os.environ.get("PGSSLROOTCERT", "")
    place = _place(parts, told)
    # A socket of this machine, or none named, which is one too, needs no TLS.
    if mode == "disable" or unquote(place).startswith("/") or (mode in _EITHER and not place):
        yield url
        return
    carriers = [_carrier(each, _context(mode, authority), either=mode in _EITHER) for each in _servers(place)]
    with TemporaryDirectory(prefix="parvis-") as folder, _listening(Path(folder), carriers) as sockets:
        user = parts.netloc.rpartition("@")[0]
        # Several servers stay several: the program chooses among them (target_session_attrs).
        theirs = ",".join(f"{quote(str(each.parent), safe='')}:5432" for each in sockets)
        yield parts._replace(netloc=f"{user}@{theirs}", query=urlencode(told)).geturl()


def _place(parts: SplitResult, told: dict[str, str]) -> str:
    """Hosts with their ports, wherever an address says them; '' where it says none."""
    hosts, ports = told.pop("host", ""), told.pop("port", "") or "5432"
    named = (f"[{each}]" if ":" in each else each for each in hosts.split(","))
    asked = (f"{host}:{port}" for host, port in zip(named, cycle(ports.split(",")), strict=False))
    return parts.netloc.rpartition("@")[2] or (hosts and ",".join(asked))


def _servers(place: str) -> list[tuple[str, int]]:
    named = (urlsplit(f"//{each}") for each in place.split(","))
    return [(each.hostname or "localhost", each.port or 5432) for each in named]


def _context(mode: str, authority: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=None if mode in _EITHER else authority or None)
    context.check_hostname = mode == "verify-full"
    if mode in _EITHER or (mode == "require" and not authority):
        context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def _listening(folder: Path, carriers: list[Carrier]) -> Iterator[list[Path]]:
    """A socket for each carrier, under the name that libpq looks for in a folder, served by a thread."""
    sockets = [folder / str(number) / ".s.PGSQL.5432" for number in range(len(carriers))]
    for each in sockets:
        each.parent.mkdir()
    ready, over = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        async with AsyncExitStack() as stack:
            for path, carrier in zip(sockets, carriers, strict=True):
                await stack.enter_async_context(await asyncio.start_unix_server(carrier, path))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="carrying", daemon=True)
    thread.start()
    if not ready.wait(_PATIENCE):
        raise OSError(f"nobody listens in {folder}")
    try:
        yield sockets
    finally:
        loops[0].call_soon_threadsafe(over.set)
        thread.join(_PATIENCE)


def _carrier(server: tuple[str, int], context: ssl.SSLContext, *, either: bool) -> Carrier:
    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            theirs, to_them = await _reached(server, context, either=either)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            await reader.read(_PIECE)  # what the program begins with
            writer.write(_refusal(f"{server[0]}: {str(error) or type(error).__name__}"))
            writer.close()
            return
        await asyncio.gather(_pass_on(reader, to_them), _pass_on(theirs, writer, _without_binding))

    return carry


async def _reached(
    server: tuple[str, int], context: ssl.SSLContext, *, either: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(_PATIENCE):
        reader, writer = await asyncio.open_connection(*server)
        writer.write(_SSL_REQUEST)
        answer = await reader.readexactly(1)
        if answer == b"S":
            await writer.start_tls(context, server_hostname=server[0])
        elif answer != b"N" or not either:
            writer.close()
            raise OSError("the server speaks no TLS")
    return reader, writer


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, begin: Begin | None = None) -> None:
    try:
        if begin is not None:
            writer.write(await begin(reader))
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass  # one side has gone: so does the other
    finally:
        writer.close()


async def _without_binding(reader: asyncio.StreamReader) -> bytes:
    """The server's words up to how somebody may prove who they are, less the way that binds the proof to TLS: who knows
    no TLS takes its offer for somebody's in between, and rightly. That is us, and we have asked for the certificate.
    """
    told = b""
    while True:
        kind, size = await reader.readexactly(1), await reader.readexactly(4)
        words = await reader.readexactly(struct.unpack("!i", size)[0] - 4)
        if kind == b"R":
            words = words.replace(_BOUND, b"")
        told += kind + struct.pack("!i", len(words) + 4) + words
        if kind in {b"R", b"E"}:
            return told


def _refusal(words: str) -> bytes:
    """What a server says that cannot be connected to now: the program goes to the next, or repeats it."""
    fields = b"SFATAL\0C57P03\0M" + words.encode() + b"\0\0"
    return b"E" + struct.pack("!i", len(fields) + 4) + fields
