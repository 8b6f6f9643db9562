"""TLS of HTTP inside an installation: what a listener shows, and whom a client believes. Both are what the files hold
at the moment of a handshake ([why so](../../../docs/adr/0029-renewed-while-running.md)).
"""

import ssl
import tempfile
from typing import TYPE_CHECKING

import structlog

from parvis_watch.believed import context_of

if TYPE_CHECKING:
    from parvis_watch.papers import Papers, Pems

_log = structlog.get_logger(__name__)


def shown(papers: "Papers") -> ssl.SSLContext:
    """For a listener: TLS 1.2 and 1.3, nothing plain; each handshake is shown the newest certificate."""
    pems = papers.now()
    newest = pems, _showing(pems)

    def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        nonlocal newest
        if (now := papers.now()) is not newest[0]:
            try:
                newest = now, _showing(now)
            except OSError as error:  # no room in /tmp: the next handshake tries again
                _log.warning("certificate_unusable", problem=str(error), meanwhile="the one before it is shown")
        connection.context = newest[1]

    context = _showing(pems)
    context.sni_callback = choose  # asked without a name too
    return context


def believing(papers: "Papers") -> ssl.SSLContext:
    """For a client: believes the installation's own authority and no other, and checks the name."""
    return context_of(papers.now()[0])


def _showing(pems: "Pems") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _, key, certificate = pems
    # It reads files only; both from one, so that a renewal cannot come in between.
    with tempfile.NamedTemporaryFile(prefix="parvis-") as both:
        both.write(key + certificate)
        both.flush()
        context.load_cert_chain(both.name)
    return context
