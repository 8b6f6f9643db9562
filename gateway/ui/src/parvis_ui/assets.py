"""The built files: addresses with their hash, and an application that serves them to be kept for ever.

`dist/` is made by `python -m parvis_ui.build`; `PARVIS_UI_DIST` names another place.
"""

import gzip
import json
import mimetypes
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from parvis_ui.colour import accent_stylesheet

_FOREVER = "public, max-age=31536000, immutable"
_ACCENT = re.compile(r"accent/([0-9a-f]{6})\.css")
_PLACES = (Path(__file__).parent / "dist", Path(__file__).parents[2] / "dist")
_ACCENT_LIMIT = 512
_TYPES = {
    ".mjs": "text/javascript",
    ".js": "text/javascript",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
    ".bcmap": "application/octet-stream",
}


class AssetsMissingError(RuntimeError):
    """The pages' assets were not built."""


def built() -> Path:
    """Folder of the built files. Raises AssetsMissingError when there is none."""
    chosen = os.environ.get("PARVIS_UI_DIST")
    for place in (Path(chosen),) if chosen else _PLACES:
        if (place / "manifest.json").is_file():
            return place
    message = "The pages' assets are not built: run `python -m parvis_ui.build`."
    raise AssetsMissingError(message)


@dataclass(slots=True)
class _Body:
    media_type: str
    plain: bytes
    encoded: dict[str, bytes]


class Assets:
    """Addresses of the built files and the ASGI application for `/assets`.

    Files are read once and stay in memory (about 5 MB).
    """

    def __init__(self, prefix: str = "/assets") -> None:
        self.prefix = prefix
        self._bodies: dict[str, _Body] = {}

    @cached_property
    def folder(self) -> Path:
        """Where the built files are."""
        return built()

    @cached_property
    def names(self) -> dict[str, str]:
        """Name in the sources to name with its hash."""
        read = json.loads((self.folder / "manifest.json").read_text())
        return {str(name): str(entry["file"]) for name, entry in read["files"].items()}

    @cached_property
    def _served(self) -> frozenset[str]:
        return frozenset(
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*")
            if path.is_file() and path.suffix not in {".br", ".gz"} and path.name not in {"manifest.json", ".stamp"}
        )

    def url(self, name: str) -> str:
        """Address of a built file: `app.css` → `/assets/app-Y7QX2K.css`. Raises KeyError for an unknown name."""
        return f"{self.prefix}/{self.names[name]}"

    def accent_url(self, accent: str) -> str:
        """Address of the stylesheet of an accent `#rrggbb`; empty when there is none."""
        digits = accent.lower().removeprefix("#")
        return f"{self.prefix}/accent/{digits}.css" if _ACCENT.fullmatch(f"accent/{digits}.css") else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a built file or an accent's stylesheet; anything else is not found."""
        if scope["type"] != "http":
            return
        root = str(scope.get("root_path", ""))
        path = str(scope["path"]).removeprefix(root).lstrip("/").removeprefix(self.prefix.lstrip("/") + "/")
        headers = Headers(scope=scope)
        body = self._body(path) if scope["method"] in {"GET", "HEAD"} else None
        if body is None:
            await Response("Not found\n", 404, media_type="text/plain")(scope, receive, send)
            return
        answer = {"Cache-Control": _FOREVER, "X-Content-Type-Options": "nosniff", "Vary": "Accept-Encoding"}
        content = body.plain
        for encoding in ("br", "gzip"):
            if encoding in body.encoded and encoding in headers.get("accept-encoding", ""):
                content = body.encoded[encoding]
                answer["Content-Encoding"] = encoding
                break
        await Response(content, headers=answer, media_type=body.media_type)(scope, receive, send)

    def _body(self, path: str) -> _Body | None:
        known = self._bodies.get(path)
        if known:
            return known
        accent = _ACCENT.fullmatch(path)
        if accent:
            plain = accent_stylesheet(accent[1]).encode()
            made = _Body("text/css", plain, {"gzip": gzip.compress(plain)})
            if len(self._bodies) > _ACCENT_LIMIT + len(self._served):
                return made
        elif path in self._served:
            made = self._read(path)
        else:
            return None
        self._bodies[path] = made
        return made

    def _read(self, path: str) -> _Body:
        file = self.folder / path
        media_type = _TYPES.get(file.suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
        encoded = {
            encoding: variant.read_bytes()
            for encoding, suffix in (("br", ".br"), ("gzip", ".gz"))
            if (variant := file.with_name(file.name + suffix)).is_file()
        }
        return _Body(media_type, file.read_bytes(), encoded)
