"""What a process proves itself with, read again while it runs: certificates and secrets are renewed without a restart
([why so](../../../docs/adr/0029-renewed-while-running.md)).
"""

import asyncio
import logging
import os
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from parvis_watch import start
from parvis_watch.believed import PAUSE, Believing

#: The file of the authority that NATS shows a certificate of; "none", or without it, the address alone decides.
NATS_CA = "PARVIS_NATS_CA"
_WRITTEN = 0.1  # s
_REMEDY = "./parvis secrets --renew-certificates makes new ones; they are taken without a restart"
_log = structlog.get_logger(__name__)

#: PEM: the authorities that are believed, the key, the certificate.
Pems = tuple[bytes, bytes, bytes]
Thing = TypeVar("Thing")


class Papers:
    """The PEM files of one process. Safe to ask from any thread.

    Half a renewal (a key whose certificate is not there yet, a file half written) is passed over: what was read before
    is shown until the files fit each other. Raises ValueError or OSError when they do not at the first reading.
    """

    def __init__(self, authority: Path, key: Path, certificate: Path) -> None:
        self._files = (authority, key, certificate)
        self._lock = threading.Lock()
        self._stamps = self._look()
        self._pems, self._ends = self._read()
        self._due = time.monotonic() + PAUSE
        self._told = False
        self._shown: Pems | None = None

    def renewed(self) -> Pems | None:
        """As `now`, but once: None when it was told before."""
        pems = self.now()
        with self._lock:
            before, self._shown = self._shown, pems
        return None if before is pems else pems

    def now(self) -> Pems:
        """What to show and to believe; the same object until the files were replaced, a second late at most."""
        with self._lock:
            if time.monotonic() >= self._due:
                self._due = time.monotonic() + PAUSE
                self._renew()
            return self._pems

    def _renew(self) -> None:
        try:
            stamps = self._look()  # before the files: what changes while they are read is read again
            if stamps != self._stamps:
                self._pems, self._ends = self._read()
                self._stamps, self._told = stamps, False
                _log.info("certificate_renewed", file=str(self._files[2]), until=self._ends.isoformat())
        except (OSError, ValueError) as error:
            _log.warning("certificate_unusable", problem=str(error), meanwhile="the one before it is shown")
        if self._ends < datetime.now(UTC) and not self._told:
            self._told = True
            _log.error("certificate_expired", file=str(self._files[2]), ended=self._ends.isoformat(), remedy=_REMEDY)

    def _look(self) -> tuple[tuple[int, int, int], ...]:
        return tuple((found.st_mtime_ns, found.st_ino, found.st_size) for found in map(Path.stat, self._files))

    def _read(self) -> tuple[Pems, datetime]:
        authority, key, certificate = (file.read_bytes() for file in self._files)
        x509.load_pem_x509_certificates(authority)
        own = x509.load_pem_x509_certificates(certificate)[0]
        if serialization.load_pem_private_key(key, None).public_key() != own.public_key():
            raise ValueError(f"{self._files[1]} is not the key of {self._files[2]}")
        return (authority, key, certificate), own.not_valid_after_utc


class Made(Generic[Thing]):
    """What is made of papers, and made again once they were replaced; `leave` is awaited for what they were before."""

    def __init__(
        self, papers: Papers, make: Callable[[Pems], Thing], leave: Callable[[Thing], Coroutine[Any, Any, object]]
    ) -> None:
        self._papers, self._make, self._leave = papers, make, leave
        self._made: tuple[Pems, Thing] | None = None
        self._leaving: asyncio.Task[object] | None = None

    def now(self) -> Thing:
        """It, inside the running loop."""
        pems = self._papers.now()
        if self._made is None or self._made[0] is not pems:
            if self._made is not None:
                self._leaving = asyncio.create_task(self._leave(self._made[1]))
            self._made = pems, self._make(pems)
        return self._made[1]


def _of_worth(record: logging.LogRecord) -> bool:
    """Not what asyncio says at the end of each TLS connection of the client of NATS, which was made for plain ones."""
    return "eof_received() has no effect" not in str(record.msg)


class Address:
    """An address with a password in it, which `again` reads anew when the password is refused: whoever changes it
    writes the file first and the server next, and nobody notices.
    """

    def __init__(self, url: str, again: Callable[[], str] = str) -> None:
        self.url = url
        self._again = again

    @classmethod
    def of(cls, url: "Address | str") -> "Address":
        return url if isinstance(url, cls) else cls(str(url))

    @classmethod
    def told(cls, variable: str, url: str) -> "Address":
        """Of a variable, or of the secret's file that stands for it."""
        return cls(url, lambda: secret_now(variable, url))

    async def connect(self, connect: Callable[[str], Awaitable[Thing]], refused: type[Exception]) -> Thing:
        """What `connect` gives for the address; raises what it raises."""
        try:
            try:
                return await connect(self.url)
            except ssl.SSLCertVerificationError:
                raise
            except ssl.SSLError:  # the authority's file, at the moment in which it is written
                await asyncio.sleep(_WRITTEN)
                return await connect(self.url)
        except refused:
            if (url := self._again() or self.url) == self.url:
                raise
        made = await connect(url)
        self.url = url
        _log.info("password_renewed")
        return made

    def credentials(self) -> dict[str, Any]:
        """For a client of NATS: `user` and `password`, as they are when they are asked for, nothing where the address
        has none; and whom to believe. TLS is spoken from the first byte on then: a client that waits for the server's
        word whether to speak it speaks plainly to whoever says nothing of it.
        """

        def now() -> SplitResult:
            return urlsplit(self._again() or self.url)

        told: dict[str, Any] = {}
        if (authority := os.environ.get(NATS_CA, "none")) not in {"", "none"}:
            told = {"tls": Believing.of(Path(authority)), "tls_handshake_first": True}
            logging.getLogger("asyncio").addFilter(_of_worth)
        if urlsplit(self.url).username:
            told["user"] = lambda: unquote(now().username or "")
            told["password"] = lambda: unquote(now().password or "")
        return told


def secret_now(variable: str, before: str) -> str:
    """A secret as its file says at this moment. `before` where there is no such file, where it is empty, or where the
    secret came as a variable of the environment, which nobody can change in a running process.
    """
    if variable.upper() in os.environ or start.SECRETS is None:
        return before
    try:
        return (start.SECRETS / variable.lower()).read_text().strip() or before
    except OSError:
        return before
