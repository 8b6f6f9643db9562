"""The mail sink as a process: SMTP on one port, page and API on another."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import Envelope as SmtpEnvelope
from aiosmtpd.smtp import Session as SmtpSession

from parvis_local.mailsink.messages import Mailbox
from parvis_local.mailsink.pages import application

LARGEST = 35_000_000  # bytes of one message, attachments included


class _Keep:
    """What aiosmtpd calls for each message."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: SmtpSession, envelope: SmtpEnvelope
    ) -> str:
        del server, session
        content = envelope.content or b""
        raw = content.encode() if isinstance(content, str) else content
        kept = self._mailbox.keep(envelope.mail_from or "", tuple(envelope.rcpt_tos), raw)
        return f"250 OK kept as {kept.id}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs until SIGTERM. Settings: PARVIS_MAILSINK_{HTTP,SMTP} (host:port), PARVIS_MAILSINK_FOLDER."""
    del arguments
    asyncio.run(_run())


async def _run() -> None:
    mailbox = Mailbox(Path(os.environ["PARVIS_MAILSINK_FOLDER"]))
    handler = _Keep(mailbox)
    host, port = os.environ["PARVIS_MAILSINK_SMTP"].rsplit(":", 1)
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(
        lambda: SMTP(handler, hostname="parvis.example", data_size_limit=LARGEST, enable_SMTPUTF8=True, loop=loop),
        host,
        int(port),
    )
    host, port = os.environ["PARVIS_MAILSINK_HTTP"].rsplit(":", 1)
    settings = uvicorn.Config(
        application(mailbox),
        host=host,
        port=int(port),
        log_level="warning",
        lifespan="off",
        timeout_graceful_shutdown=2,
    )
    async with smtp:
        await uvicorn.Server(settings).serve()
