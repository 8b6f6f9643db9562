"""Which machines this service may call because a client registered an address there. Never its own network: an address
is only a name until it is resolved, so what is looked at is what it resolves to (OWASP, server-side request forgery).
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: Addresses that carry an IPv4 address inside and may be led to it (RFC 6052, RFC 8215).
_TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))


def networks_of(listed: str) -> tuple[Network, ...]:
    """Networks of a comma-separated list ("127.0.0.0/8, ::1"). Raises ValueError."""
    return tuple(ip_network(each.strip()) for each in listed.split(",") if each.strip())


def is_public(address: Address) -> bool:
    """Whether anybody on the internet could be there: not ours, not this machine, not a group."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or any(address in each for each in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def is_listed(address: Address, networks: Iterable[Network]) -> bool:
    """Whether an address is in one of the networks."""
    return any(address.version == each.version and address in each for each in networks)


def reachable(resolved: Sequence[str], *, private: Sequence[Network], encrypted: bool) -> list[str]:
    """What may be called of the addresses that a name resolves to: public ones over TLS, those of `private` networks
    either way. One that may not be called forbids all: such a name plays a game.
    """
    found: list[str] = []
    for each in resolved:
        address = ip_address(each.partition("%")[0])
        if not (is_listed(address, private) or (encrypted and is_public(address))):
            return []
        found.append(str(address))
    return found
