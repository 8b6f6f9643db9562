"""Calls to addresses that clients and firms registered (logout, key sets, metadata of providers): bounded in time and
size, never into our own network, no redirects, no proxies, no cookies.

The address that was looked at is the address that is called: a name that resolves to something else a moment later
(DNS rebinding) gains nothing.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpcore

from parvis_identity.domain.destinations import networks_of, reachable

#: Seconds, for the connection and for each reading and writing; and for everything together.
STEP = 4.0
WHOLE = 10.0
#: Bytes of an answer that are read at most.
LARGEST = 256 * 1024
_AT_ONCE = 20
_SCHEMES = {"https": 443, "http": 80}


class NotReached(Exception):
    """There is no answer. The message says why, in words that can be shown to whoever registered the address."""


class NotAllowed(NotReached):
    """The address leads where this service does not call, now; trying again may find another one."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Outgoing:
    """See the module. Connections are made when needed, in the loop that asks; `private` as in the settings."""

    def __init__(self, private: str = "") -> None:
        self._private = networks_of(private)
        self._pools: dict[bool, httpcore.AsyncConnectionPool] = {}

    async def get(
        self, url: str, *, accept: str = "application/json", authorization: str = "", largest: int = LARGEST
    ) -> Reply:
        """GET. `largest`: bytes that are read at most. Raises NotReached."""
        headers = {"Accept": accept} | ({"Authorization": authorization} if authorization else {})
        return await self._send("GET", url, headers, b"", largest)

    async def post_form(self, url: str, fields: Mapping[str, str], *, authorization: str = "") -> Reply:
        """POST of a form. Raises NotReached."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "*/*"}
        headers |= {"Authorization": authorization} if authorization else {}
        return await self._send("POST", url, headers, urlencode(fields).encode(), LARGEST)

    async def close(self) -> None:
        """Closes what is open."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            await pool.aclose()

    async def _send(self, method: str, url: str, headers: Mapping[str, str], content: bytes, largest: int) -> Reply:
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
            url.encode("ascii")
        except ValueError as error:
            raise NotAllowed("The address is malformed.") from error
        if parts.scheme not in _SCHEMES or not host or parts.username is not None:
            raise NotAllowed("The address is not one of https.")
        target = f"{parts.scheme}://{parts.netloc}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")
        pool = self._pool(encrypted=parts.scheme == "https")
        limits = {"connect": STEP, "read": STEP, "write": STEP, "pool": WHOLE}
        named = {"Host": parts.netloc, "User-Agent": "Parvis", "Content-Length": str(len(content)), **headers}
        try:
            async with asyncio.timeout(WHOLE):
                stream = pool.stream(
                    method, target, headers=list(named.items()), content=content, extensions={"timeout": limits}
                )
                async with stream as response:
                    return Reply(response.status, _plain(response.headers), await _read(response, largest))
        except TimeoutError as error:
            raise NotReached(f"No answer within {WHOLE:.0f} seconds.") from error
        except (
            httpcore.NetworkError,
            httpcore.TimeoutException,
            httpcore.ProtocolError,
            ssl.SSLError,
            OSError,
        ) as error:
            raise NotReached(_why(error)) from error

    def _pool(self, *, encrypted: bool) -> httpcore.AsyncConnectionPool:
        if encrypted not in self._pools:
            self._pools[encrypted] = httpcore.AsyncConnectionPool(
                ssl_context=ssl.create_default_context() if encrypted else None,
                max_connections=_AT_ONCE,
                max_keepalive_connections=0,  # each call looks again where it goes
                network_backend=_Guarded(self._private, encrypted=encrypted),
            )
        return self._pools[encrypted]


class _Guarded(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were looked at."""

    def __init__(self, private: Iterable[Any], *, encrypted: bool) -> None:
        self._private = tuple(private)
        self._encrypted = encrypted
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        resolved = list(dict.fromkeys(str(each[4][0]) for each in found))
        may = reachable(resolved, private=self._private, encrypted=self._encrypted)
        if not may:
            raise NotAllowed("The address leads into a network that is not called.")
        trouble: Exception | None = None
        for address in may:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
        raise trouble or NotAllowed("The name of the address leads nowhere.")


async def _read(response: httpcore.Response, largest: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_stream():
        body += chunk
        if len(body) > largest:
            raise NotReached("The answer is too large.")
    return bytes(body)


def _plain(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _why(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "The name of the address is unknown."
    if isinstance(error, httpcore.TimeoutException):
        return "The address does not answer in time."
    if isinstance(error, ssl.SSLError) or "SSL" in str(error) or "certificate" in str(error).lower():
        return "The certificate of the address is not accepted."
    if isinstance(error, httpcore.ProtocolError):
        return "The answer is no HTTP."
    return "The address does not answer."
