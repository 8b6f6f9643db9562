"""Who vouches for the object store where it is spoken to over TLS, read again while a process runs
([why so](../../../docs/adr/0029-renewed-while-running.md)).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3

if TYPE_CHECKING:
    import ssl

    from parvis_watch.believed import Believed


def authority_of(url: str, told: str, own: Path | None) -> Path | None:
    """The file of who vouches for the store behind `url`: the one that somebody told, else the installation's `own`
    where the store's name has no dot (`store`: nobody else can vouch for such a one). None: whom everybody believes.
    """
    if told:
        return Path(told)
    host = urlsplit(url).hostname or ""
    return own if host and "." not in host and ":" not in host else None


class Pools(urllib3.PoolManager):
    """Connections to servers that are believed. Once others are believed, new connections are made."""

    def __init__(self, believed: "Believed", **options: Any) -> None:
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
