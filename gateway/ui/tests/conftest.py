"""Assets are built once (skipped when nothing changed); a request is a plain ASGI scope."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp

from parvis_ui import build
from parvis_ui.pages import Pages


@pytest.fixture(scope="session", autouse=True)
def assets() -> None:
    build.build()


@pytest.fixture(scope="session")
def pages(assets: None) -> Pages:
    return Pages("parvis_ui", store_origin="http://127.0.0.1:8601/bucket")


@pytest.fixture
def ask() -> Callable[..., Request]:
    """Makes a GET request: `ask("/styleguide", cookie="parvis_lang=en", accept_language="fr")`."""

    def made(path: str = "/", *, scheme: str = "http", **headers: str) -> Request:
        path, _, query = path.partition("?")
        sent = {"host": "localhost:8600", **{name.replace("_", "-"): value for name, value in headers.items()}}
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": query.encode(),
            "scheme": scheme,
            "server": ("localhost", 8600),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }
        return Request(scope)

    return made


@dataclass
class Answer:
    status_code: int
    headers: Headers
    body: bytes


@pytest.fixture
def call() -> Callable[..., Answer]:
    """Calls an ASGI application: `call(app, "POST", "/preferences", body="theme=dark", referer="…")`."""

    def made(app: ASGIApp, method: str, path: str, body: str = "", **headers: str) -> Answer:
        messages = []

        async def receive():
            return {"type": "http.request", "body": body.encode()}

        async def send(message):
            messages.append(message)

        sent = {"host": "localhost:8600", **{name.replace("_", "-"): value for name, value in headers.items()}}
        raw = [(name.encode(), value.encode()) for name, value in sent.items()]
        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "scheme": "http", "headers": raw}
        asyncio.run(app(scope, receive, send))
        content = b"".join(message.get("body", b"") for message in messages)
        return Answer(messages[0]["status"], Headers(raw=messages[0]["headers"]), content)

    return made
