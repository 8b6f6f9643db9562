"""The relying party's web server: callbacks, documents that it publishes, and what arrives over the back channel."""

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that came in."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str

    @property
    def form(self) -> dict[str, list[str]]:
        """The body as a form."""
        return parse_qs(self.body, keep_blank_values=True)


@dataclass
class Receiver:
    """Listens on the loopback interface, on a port of its own."""

    _documents: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    _arrivals: list[Arrival] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                receiver.answer(self)

            do_POST = do_GET  # noqa: N815 - the name that the library asks for

            def log_message(self, *_: Any) -> None:
                """The test speaks, not its server."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:PORT`."""
        if self._server is None:
            raise RuntimeError("The receiver does not listen.")
        return f"http://127.0.0.1:{self._server.server_port}"

    def address(self, path: str) -> str:
        """The address of a path (`/…`)."""
        return f"{self.origin}{path}"

    def publish(self, path: str, content: Any, kind: str = "application/json") -> str:
        """Serves a document under a path until it is replaced; returns its address. What is no text becomes JSON."""
        body = content if isinstance(content, str) else json.dumps(content)
        self._documents[path] = kind, body.encode()
        return self.address(path)

    def wait_for(self, path: str, *, count: int = 1, patience: float = 10.0) -> list[Arrival]:
        """What came in under a path, once there are `count` or patience (s) ends."""
        give_up = time.monotonic() + patience
        with self._changed:
            while True:
                found = [each for each in self._arrivals if each.path == path]
                left = give_up - time.monotonic()
                if len(found) >= count or left <= 0:
                    return found
                self._changed.wait(left)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Notes a request and answers it."""
        parts = urlsplit(request.path)
        body = request.rfile.read(int(request.headers.get("content-length") or 0)).decode("utf-8", "replace")
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self._changed:
            self._arrivals.append(Arrival(request.command, parts.path, parts.query, headers, body))
            self._changed.notify_all()
        kind, content = self._documents.get(parts.path, ("text/plain", b"received"))
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(content)))
        request.send_header("Cache-Control", "no-store")
        request.end_headers()
        request.wfile.write(content)
