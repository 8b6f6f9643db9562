"""Who vouches for the object store where it is spoken to over TLS, read again while a process runs
([why so](../../../docs/adr/0029-renewed-while-running.md)).
"""

import ssl
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
import urllib3
from cryptography import x509

from parvis_watch.papers import PAUSE

#: How often a file that is half written is read at first, and seconds between.
_TRIES, _AGAIN = 10, 0.02
_log = structlog.get_logger(__name__)


def authority_of(url: str, told: str, own: Path | None) -> Path | None:
    """The file of who vouches for the store behind `url`: the one that somebody told, else the installation's `own`
    where the store's name has no dot (`store`: nobody else can vouch for such a one). None: whom everybody believes.
    """
    if told:
        return Path(told)
    host = urlsplit(url).hostname or ""
    return own if host and "." not in host and ":" not in host else None


class Believed:
    """Whom a client believes: the authorities of one file as it is now, and nobody else; without a file, those that
    everybody believes. Names are checked, TLS is 1.2 at least. Safe to ask from any thread.
    """

    def __init__(self, authority: Path | None) -> None:
        self._authority = authority
        self._lock = threading.Lock()
        self._due = 0.0
        self._content = ""
        self._context: ssl.SSLContext | None = None

    def now(self) -> ssl.SSLContext:
        """The same object until the file has changed, a second late at most. A file that is half written is passed
        over; raises OSError where there was no good one before.
        """
        with self._lock:
            if self._context is None or (self._authority and time.monotonic() >= self._due):
                self._due = time.monotonic() + PAUSE
                self._context = self._look(self._context)
            return self._context

    def _look(self, before: ssl.SSLContext | None) -> ssl.SSLContext:
        if self._authority is None:
            return _context()
        try:
            content = _whole(self._authority, 1 if before else _TRIES)
            if before is not None and content == self._content:
                return before
            made = _context(content)
        except (OSError, ValueError) as error:
            if before is None:
                raise OSError(f"{self._authority} holds no authority that could be believed: {error}") from error
            _log.warning("authority_unusable", problem=str(error), meanwhile="the one before it is believed")
            return before
        if before is not None:
            _log.info("authority_renewed", file=str(self._authority))
        self._content = content
        return made


class Pools(urllib3.PoolManager):
    """Connections to servers that are believed. Once others are believed, new connections are made."""

    def __init__(self, believed: Believed, **options: Any) -> None:
        super().__init__(**options)
        self._believed = believed
        self._last: ssl.SSLContext | None = None

    def connection_from_context(self, request_context: dict[str, Any]) -> urllib3.HTTPConnectionPool:
        """As urllib3 asks, for each request."""
        if request_context["scheme"] == "https":
            now = self._believed.now()
            if now is not self._last:
                self.clear()  # what runs goes on to its end
                self._last = now
            request_context = {**request_context, "ssl_context": now}
        return super().connection_from_context(request_context)


def _whole(authority: Path, tries: int) -> str:
    """What is in the file. Whoever reads it for the first time waits while somebody writes it."""
    while True:
        content = authority.read_text()
        try:
            x509.load_pem_x509_certificates(content.encode())  # an empty file would make it believe everybody's
        except ValueError:
            tries -= 1
            if tries < 1:
                raise
            time.sleep(_AGAIN)
        else:
            return content


def _context(authorities: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
