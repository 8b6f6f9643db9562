"""A process over HTTP: health and metrics for whoever reaches the process itself, and its pages, measured."""

import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from parvis_watch.metrics import PAGE_SECONDS, PAGES, PAGES_NOW, origin
from parvis_watch.papers import Papers
from parvis_watch.probes import Probes
from parvis_watch.tls import shown
from parvis_watch.traces import edge, exporting

#: What HTTP knows; everything else that somebody sends is one word, or strangers would make our series.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NOWHERE = "(none)"
_REDIRECTED = 3
#: What is no page and needs nothing; "": answers without content.
_NO_PAGES = frozenset({b"", b"application/json", b"application/jsonl", b"text/plain", b"text/csv"})


def with_policy(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Headers of an answer that is no page: whoever opens it in a browser, or in a frame, gets nothing that runs. Pages
    have a policy of their own; scripts and styles are read by pages.
    """
    sent = list(headers)
    known = {name.lower(): value for name, value in sent}
    kind = known.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if b"content-security-policy" in known or not (kind in _NO_PAGES or kind.endswith(b"+json")):
        return sent
    return [*sent, (b"content-security-policy", b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'")]


class Watched:
    """Answers /health/live, /health/ready and /metrics; everything else is the application's own.

    What came through the gateway (it always says for which host) never sees these three. `ready` says what is wrong,
    "" when nothing is.
    """

    def __init__(self, pages: ASGIApp | None, *, ready: Callable[[], Awaitable[str]], probes: Probes) -> None:
        self._pages = pages
        self._ready = ready
        self._probes = probes
        #: Whether the process is about to go: its visitors' next requests are for others, on connections of their own.
        self.leaving = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        inside = not any(name == b"x-forwarded-host" for name, _ in scope["headers"])
        path = scope.get("path") if inside else None
        answer: ASGIApp
        if path == "/health/live":
            answer = Response(status_code=204)
        elif path == "/health/ready":
            failing = await self._ready()
            told = {"status": "unready", "failing": failing} if failing else {"status": "ready"}
            answer = JSONResponse(told, status_code=503 if failing else 200)
        elif path == "/metrics":
            await self._probes.ask()
            answer = Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
        elif self._pages is None:
            answer = Response(status_code=404)
        else:
            await self._measured(self._pages, scope, receive, send)
            return
        await answer(scope, receive, send)

    async def _measured(self, pages: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if status // 100 != _REDIRECTED:  # it shows nothing, and leads frames to the store
                    message = {**message, "headers": with_policy(message.get("headers", ()))}
                if self.leaving:
                    message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        origin.set("request")  # a request has a task of its own
        PAGES_NOW.inc()
        started = time.perf_counter()
        method = scope["method"] if scope["method"] in METHODS else "other"
        try:
            with edge(method, "SERVER", _trace_of(scope)) as span:
                try:
                    await pages(scope, receive, sending)
                finally:
                    route = route_of(scope)
                    span.says(f"{method} {route}", {"http.route": route, "http.response.status_code": status})
        finally:
            PAGES_NOW.dec()
            PAGES.labels(method, route, str(status)).inc()
            PAGE_SECONDS.labels(route).observe(time.perf_counter() - started)


def _trace_of(scope: Scope) -> str:
    """What the gateway carries on, where traces are collected; elsewhere strangers could name our traces."""
    if not exporting():
        return ""
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), "")


def route_of(scope: Scope) -> str:
    """The template of the route that answered ("/o/{slug}/contacts"), never the path: paths hold names and secrets."""
    if path := getattr(scope.get("route"), "path", ""):
        return str(path)
    # FastAPI names no route that is not its own.
    return _templates(scope["app"]).get(id(scope["endpoint"]), NOWHERE) if "endpoint" in scope else NOWHERE


@lru_cache
def _templates(app: Starlette) -> dict[int, str]:
    routes = (route for route in app.routes if isinstance(route, Route | Mount))
    return {id(route.endpoint if isinstance(route, Route) else route.app): route.path for route in routes}


class Listens(Protocol):
    """The part of a service's settings that says where and how it listens."""

    @property
    def http_listen(self) -> str: ...
    @property
    def http_tls(self) -> bool: ...
    @property
    def trusted_proxies(self) -> str: ...
    @property
    def tls_ca(self) -> Path: ...
    @property
    def tls_key(self) -> Path: ...
    @property
    def tls_certificate(self) -> Path: ...


def place_of(name: str, listen: str) -> tuple[str, int]:
    """Address and port of HOST:PORT, of IPv6 in brackets or without. Raises ValueError, which says `name`."""
    host, _, port = listen.rpartition(":")
    if not port.isdecimal():
        raise ValueError(f"{name} is HOST:PORT, and is {listen!r}")
    return host.strip("[]"), int(port)


class HttpServer(uvicorn.Server):
    """Serves `app`, over TLS alone where the settings say so; the address of a visitor is what a trusted proxy says.

    `grace`: seconds that running requests get when the process stops.
    """

    def __init__(self, app: ASGIApp, settings: Listens, *, grace: float) -> None:
        host, port = place_of("PARVIS_HTTP_LISTEN", settings.http_listen)
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http="httptools",
                ws="none",
                lifespan="off",
                loop="none",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=True,
                forwarded_allow_ips=settings.trusted_proxies,
                timeout_graceful_shutdown=int(grace),
            )
        )
        if settings.http_tls:
            self.config.load()  # which would leave it plain
            self.config.ssl = shown(Papers(settings.tls_ca, settings.tls_key, settings.tls_certificate))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the service's: uvicorn would take them for itself."""
        yield
