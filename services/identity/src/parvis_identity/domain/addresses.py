"""Which addresses a browser may be sent to: the registered ones of a client, and a few pages of our own.
Nothing else.
"""

import re
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

#: Longer ones are refused (characters).
LONGEST = 2000
#: Pages of ours that a sign-in may lead to.
_CONTINUATIONS = (
    *("/oauth2/authorize", "/password", "/address", "/links", "/device", "/step-up"),
    *("/factors", "/factors/enrol", "/factors/application", "/factors/passkey", "/factors/codes"),
    "/auth/proven",  # of the gateway, which looks at what it leads to
)
#: And those whose address holds a secret of ours, or names an organisation.
_CONTINUATION_BELOW = re.compile(
    r"/join/[a-z0-9-]+/[A-Za-z0-9_-]{43}|/sso/link/[A-Za-z0-9_-]{43}|/address/new/[A-Za-z0-9_-]{65}|/(?:door|factors)/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)

#: Beginnings of those that only stand between.
_BETWEEN = ("/door/", "/step-up", "/factors/enrol")


def is_redirect_uri(uri: str) -> bool:
    """Whether a client may register this address: https, or http on the machine itself; absolute, ASCII, no
    fragment, no user.

    RFC 6749, 3.1.2; RFC 9700, 2.1 and 4.1: compared as a whole string later, so nothing in it is a pattern.
    """
    if not uri or len(uri) > LONGEST or not uri.isascii() or any(c in uri for c in '"\\<>^`{|}* \t\r\n'):
        return False
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "#" in uri or parts.username is not None or not uri.isprintable():
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_local(host))


def is_registered(uri: str, registered: Sequence[str], *, native: bool) -> bool:
    """Whether an answer may go to this address: it is one of the registered ones, as a whole string. Applications on a
    device listen where there is room: of a registered loopback address any port will do for them (RFC 8252, 7.3).
    """
    return uri in registered or (native and any(_same_but_port(uri, each) for each in registered))


def _same_but_port(uri: str, registered: str) -> bool:
    if not is_redirect_uri(uri):
        return False
    asked, known = urlsplit(uri), urlsplit(registered)
    if known.scheme != "http" or known.hostname not in {"127.0.0.1", "::1"}:
        return False
    bare = asked._replace(netloc=asked.netloc.removesuffix(f":{asked.port}"))
    return bare == known._replace(netloc=known.netloc.removesuffix(f":{known.port}"))


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def origin_of(uri: str) -> str:
    """The origin of an absolute address: "https://app.example:8443"; empty when it has none."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else ""


def continuation(address: str) -> str:
    """The page of ours that a sign-in was asked for, when it is one; else empty: never an address of somebody else.

    A path that starts with two slashes, a backslash or a scheme leads elsewhere in a browser, and so does one with
    dots, encoded or not (URL Standard, 4.1): where the address holds a secret, its form is compared as a whole.
    """
    if len(address) > 2 * LONGEST or not address.isascii() or not address.isprintable() or "\\" in address:
        return ""
    path, _, _ = address.partition("?")
    return address if path in _CONTINUATIONS or _CONTINUATION_BELOW.fullmatch(path) else ""


#: Pages of the portal: plain parts, none of them dots alone.
_PORTAL = re.compile(r"/(?:account|organisations|o/[a-z0-9-]+(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9_.~-]+)*)/?")


def returning(address: str) -> str:
    """The page that somebody was at when they were asked to prove themselves: of ours or of the portal, else empty."""
    if continuation(address):
        return address
    if len(address) > 2 * LONGEST or not address.isascii() or not address.isprintable() or "\\" in address:
        return ""
    path, _, _ = address.partition("?")
    return address if _PORTAL.fullmatch(path) else ""


def final(address: str) -> str:
    """Where a continuation leads in the end: doors and proofs lead back to what they were asked for."""
    address = continuation(address)
    while address.startswith(_BETWEEN):
        address = continuation(parameters_of(address).get("next", ""))
    return address


def parameters_of(address: str) -> dict[str, str]:
    """Parameters in the query of a continuation; the first of each name, malformed ones left out."""
    found: dict[str, str] = {}
    try:
        said = parse_qsl(address.partition("?")[2].partition("#")[0], keep_blank_values=True, max_num_fields=60)
    except ValueError:  # more of them than anybody means
        return {}
    for name, value in said:
        found.setdefault(name, value)
    return found


def slug_of(typed: str) -> str:
    """The short name of a firm, of which somebody types the sign-in address or the last part of it."""
    return re.split(r"[?#]", typed.strip(), maxsplit=1)[0].rstrip("/").rpartition("/")[2]
