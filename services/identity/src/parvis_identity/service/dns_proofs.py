"""Looking for a record in the DNS (RFC 1035, RFC 1464), bounded in time, without a cache of our own."""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver

from parvis_identity.domain.domains import RECORD_LABEL, RECORD_PREFIX, Found

#: Seconds that one server may take, and everything together.
STEP = 2.0
WHOLE = 5.0
_PORT = 53


class DnsProofs:
    """See the module. `servers`: "192.0.2.1, [2001:db8::1]:5353"; empty: those of this machine."""

    def __init__(self, servers: str = "", *, step: float = STEP, whole: float = WHOLE) -> None:
        self._servers = servers_of(servers)
        self._step, self._whole = step, whole

    async def look(self, domain: str, token: str) -> Found:
        """Whether the record of a proof stands in the DNS of a domain, and nothing of the domains above it."""
        wanted = f"{RECORD_PREFIX}{token}"
        try:
            async with asyncio.timeout(self._whole + 1):
                texts = await self._texts(f"{record_name(domain)}.")
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return Found.MISSING
        except (dns.exception.DNSException, TimeoutError, OSError):
            return Found.UNREACHABLE
        return Found.RECORD if wanted in texts else Found.OTHER if texts else Found.MISSING

    async def _texts(self, name: str) -> frozenset[str]:
        resolver = dns.asyncresolver.Resolver(configure=not self._servers)
        if self._servers:
            resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in self._servers]
        resolver.timeout, resolver.lifetime = self._step, self._whole
        answer = await resolver.resolve(name, "TXT", search=False)
        return frozenset(b"".join(each.strings).decode("utf-8", "replace").strip() for each in answer)


def record_name(domain: str) -> str:
    """Where the record stands."""
    return f"{RECORD_LABEL}.{domain}"


def servers_of(listed: str) -> Sequence[tuple[str, int]]:
    """Addresses and ports of a comma-separated list. Raises ValueError."""
    return [_server(each.strip()) for each in listed.split(",") if each.strip()]


def _server(text: str) -> tuple[str, int]:
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    ip_address(host)
    return host, int(port or _PORT)
