"""The mail server: a few connections kept open, and four ways in which handing a message over may end.

MailServer.send → the server's answer     it accepted the message: it is the server's now
Refused                                   it will never take this message (5xx)
Postponed                                 not now (4xx, no connection, timeout before the content was sent)
Unsure                                    the connection was lost after the content: it may have the message or not
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import SplitResult, unquote, urlsplit

import aiosmtplib
import structlog

from parvis_watch.papers import secret_now

#: Seconds without use after which a connection is taken for gone (servers hang up after some minutes, proxies sooner).
IDLE = 20.0
_PERMANENT = 500
_CLOSING = 421
_log = structlog.get_logger(__name__)


class Refused(Exception):
    """The server will not take the message; `code` as in RFC 5321, section 4.2."""

    def __init__(self, code: int, answer: str) -> None:
        super().__init__(answer)
        self.code = code


class Postponed(Exception):
    """The server cannot take the message now."""


class Unsure(Exception):
    """Nobody knows whether the server has the message."""


class MailServer:
    """See the module. `url` is smtp://[user:password@]host:port, or smtps:// for TLS from the first byte. A password
    goes over TLS only. Its file is read again for each connection: whoever changes it restarts nothing.
    """

    def __init__(self, url: str, *, name: str, connections: int, command_timeout: float) -> None:
        _address(url)
        self._url = url
        self._name = name
        self._timeout = command_timeout
        self._room = asyncio.Semaphore(connections)
        self._idle: list[tuple[float, aiosmtplib.SMTP]] = []

    async def send(self, sender: str, recipient: str, content: bytes) -> str:
        """Hands one message over. Returns the server's answer. Raises Refused, Postponed or Unsure."""
        async with self._connection(sender) as connection:
            try:
                await connection.rcpt(recipient)
            except aiosmtplib.SMTPResponseException as error:
                raise _outcome(error) from error
            except (aiosmtplib.SMTPException, OSError) as error:
                raise Postponed(_words(error)) from error
            try:
                answer = await connection.data(content)
            except aiosmtplib.SMTPResponseException as error:
                raise _outcome(error) from error
            except (aiosmtplib.SMTPException, OSError) as error:
                raise Unsure(_words(error)) from error
        return f"{answer.code} {answer.message}"

    async def close(self) -> None:
        """Says goodbye on every open connection."""
        while self._idle:
            _, connection = self._idle.pop()
            try:
                await connection.quit(timeout=1)
            except (aiosmtplib.SMTPException, OSError):
                connection.close()

    @asynccontextmanager
    async def _connection(self, sender: str) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection on which MAIL FROM was accepted; kept afterwards when nothing went wrong."""
        async with self._room:
            connection = await self._reused(sender)
            if connection is None:
                connection = await self._connect()
                try:
                    await connection.mail(sender)
                except aiosmtplib.SMTPResponseException as error:
                    connection.close()
                    raise _outcome(error) from error
                except (aiosmtplib.SMTPException, OSError) as error:
                    connection.close()
                    raise Postponed(_words(error)) from error
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            self._idle.append((time.monotonic(), connection))

    async def _reused(self, sender: str) -> aiosmtplib.SMTP | None:
        """An open connection that took MAIL FROM: one that the server has closed meanwhile fails here, harmlessly."""
        while self._idle:
            used, connection = self._idle.pop()
            if connection.is_connected and time.monotonic() - used < IDLE:
                try:
                    await connection.mail(sender)
                except aiosmtplib.SMTPResponseException as error:
                    if error.code != _CLOSING:
                        connection.close()
                        raise _outcome(error) from error
                except (aiosmtplib.SMTPException, OSError):
                    pass
                else:
                    return connection
            connection.close()
        return None

    async def _connect(self) -> aiosmtplib.SMTP:
        try:
            parts = _address(secret_now("parvis_smtp_url", self._url))
        except ValueError as error:
            _log.warning("smtp_url_unusable", problem=str(error), meanwhile="the one of the start is used")
            parts = _address(self._url)
        secure = parts.scheme == "smtps"
        connection = aiosmtplib.SMTP(
            hostname=parts.hostname,
            port=parts.port or (465 if secure else 25),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            local_hostname=self._name,
            timeout=self._timeout,
            use_tls=secure,
            start_tls=True if parts.password and not secure else None,
            tls_context=ssl.create_default_context(),
        )
        try:
            await connection.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            connection.close()
            raise Postponed(_words(error)) from error
        return connection


def _address(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ValueError("PARVIS_SMTP_URL must be smtp://[user:password@]host:port or smtps://…")
    return parts


def _outcome(error: aiosmtplib.SMTPResponseException) -> Refused | Postponed:
    answer = f"{error.code} {error.message}"
    return Refused(error.code, answer) if error.code >= _PERMANENT else Postponed(answer)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
