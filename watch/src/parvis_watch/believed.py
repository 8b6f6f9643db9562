"""Whom a client believes, read again while a process runs ([why so](../../../docs/adr/0029-renewed-while-running.md)):
one mechanism, for clients that ask it for a context at each connection and for those that are given one for good.
"""

import ssl
import threading
import time
from pathlib import Path
from typing import Any

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization

#: Seconds between two looks at a file.
PAUSE = 1.0
#: How often a file that is half written is read at first, and seconds between.
_TRIES, _AGAIN = 10, 0.02
_log = structlog.get_logger(__name__)


class Believed:
    """Whom a client believes: the authorities of one file as it is now, and nobody else; without a file, those that
    everybody believes. Names are checked, TLS is 1.2 at least. Safe to ask from any thread. `tries`: how often a file
    that is half written is read at first, a moment between.
    """

    def __init__(self, authority: Path | None, tries: int = _TRIES) -> None:
        self._authority = authority
        self._tries = tries
        self._lock = threading.Lock()
        self._due = 0.0
        self._content = b""
        self._context: ssl.SSLContext | None = None

    def now(self) -> ssl.SSLContext:
        """The same object until the file has changed, a second late at most. A file that is gone, or half of one, is
        passed over: whom it named before is believed on. Raises OSError where there was no good one before.
        """
        with self._lock:
            if self._context is None or (self._authority and time.monotonic() >= self._due):
                self._due = time.monotonic() + PAUSE
                self._context = self._look(self._context)
            return self._context

    def _look(self, before: ssl.SSLContext | None) -> ssl.SSLContext:
        if self._authority is None:
            return context_of()
        try:
            content = _whole(self._authority, 1 if before else self._tries)
            if before is not None and content == self._content:
                return before
            made = context_of(content)
        except (OSError, ValueError) as error:
            if before is None:
                raise OSError(f"{self._authority} holds no authority that could be believed: {error}") from error
            _log.warning("authority_unusable", problem=str(error), meanwhile="the one before it is believed")
            return before
        if before is not None:
            _log.info("authority_renewed", file=str(self._authority))
        self._content = content
        return made


class Believing(ssl.SSLContext):
    """The same as a context that asyncio is given once: each handshake asks it whom to believe. It never waits for a
    file, since a loop runs it: whoever connects tries again.
    """

    _believed: Believed

    @classmethod
    def of(cls, authority: Path) -> "Believing":
        made = cls(ssl.PROTOCOL_TLS_CLIENT)
        made._believed = Believed(authority, tries=1)
        return made

    def wrap_bio(self, *told: Any, **named: Any) -> ssl.SSLObject:
        """What asyncio, and whoever is in its place, begins a handshake with."""
        return self._believed.now().wrap_bio(*told, **named)


def _whole(authority: Path, tries: int) -> bytes:
    """What is in the file. Whoever reads it for the first time waits while somebody writes it."""
    while True:
        content = authority.read_bytes()
        try:
            x509.load_pem_x509_certificates(content)  # an empty file would make it believe everybody's
        except ValueError:
            tries -= 1
            if tries < 1:
                raise
            time.sleep(_AGAIN)
        else:
            return content


def context_of(authorities: bytes | None = None) -> ssl.SSLContext:
    """A client's, who believes these (PEM), or whom everybody believes, and checks names. TLS is 1.2 at least."""
    told = None if authorities is None else _certificates(authorities)
    context = ssl.create_default_context(cadata=told)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _certificates(authorities: bytes) -> bytes:
    """As OpenSSL takes them whatever else stands in the file: of PEM it takes ASCII only."""
    found = x509.load_pem_x509_certificates(authorities)
    return b"".join(each.public_bytes(serialization.Encoding.DER) for each in found)
