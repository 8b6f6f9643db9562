"""What a DPoP proof must say (RFC 9449, 4.2 and 4.3), once its signature was found good (`service.dpop`)."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

#: A proof is accepted this long before and after the time that it says (seconds): FAPI 2.0, 5.3.2.1 asks for 10 at
#: least and 60 at most into the future.
WINDOW = 60
#: Characters of a `jti` at most; it is only ever hashed.
LONGEST_ID = 256
#: What a public key may hold (RFC 7518, 6.2.1 and 6.3.1; RFC 8037, 2): anything private is refused, not ignored.
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

_DEFAULT_PORTS = {"http": 80, "https": 443}
#: Characters that mean the same with and without an escape (RFC 3986, 2.3).
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def normalised(address: str) -> str:
    """An address without query and fragment as `htu` is compared (RFC 9449, 4.3; RFC 3986, 6.2.2 and 6.2.3): scheme
    and host in small letters, no default port, "/" for an empty path, needless escapes undone.

    Raises ValueError when it is not an absolute http(s) address.
    """
    parts = urlsplit(address)
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not parts.hostname or parts.username is not None:
        raise ValueError("not an http address")
    port = parts.port
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    authority = host if port in {None, _DEFAULT_PORTS[scheme]} else f"{host}:{port}"
    return f"{scheme}://{authority}{_path(parts.path) or '/'}"


def _path(path: str) -> str:
    """The path with escapes of unreserved characters undone and the others in capitals."""
    head, *escaped = path.split("%")
    normal = [head]
    for part in escaped:
        octet = f"%{part[:2].upper()}"
        plain = unquote(octet)
        normal.append((plain if plain in _UNRESERVED else octet) + part[2:])
    return "".join(normal)


def hash_of(access_token: str) -> str:
    """The `ath` of a proof that comes with an access token (RFC 9449, 4.2)."""
    return urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()).decode().rstrip("=")


def problem(
    claims: Mapping[str, Any], *, method: str, address: str, now: datetime, access_token: str | None = None
) -> str:
    """What is wrong with the claims of a proof for this request; empty when nothing is.

    `address` is the endpoint's own, `access_token` the one that comes with it at a resource.
    """
    identifier = claims.get("jti")
    if not isinstance(identifier, str) or not 0 < len(identifier) <= LONGEST_ID or not identifier.isprintable():
        return "The proof has no usable 'jti'."
    if claims.get("htm") != method:
        return "The proof is for another method ('htm')."
    if not _is_for(claims.get("htu"), address):
        return "The proof is for another address ('htu')."
    if wrong := _untimely(claims, now.timestamp()):
        return wrong
    if access_token is not None and not _matches(claims.get("ath"), hash_of(access_token)):
        return "The proof is for another access token ('ath')."
    return ""


def acceptable_until(claims: Mapping[str, Any]) -> datetime:
    """When a proof that `problem` found nothing wrong with is too old: until then its `jti` is remembered."""
    return datetime.fromtimestamp(int(claims["iat"]), UTC) + timedelta(seconds=WINDOW + 1)


def _is_for(htu: object, address: str) -> bool:
    if not isinstance(htu, str):
        return False
    try:
        return normalised(htu) == normalised(address)
    except ValueError:
        return False


def _untimely(claims: Mapping[str, Any], now: float) -> str:
    if not _is_instant(claims.get("iat")) or abs(claims["iat"] - now) > WINDOW:
        return "The proof was not made just now ('iat')."
    if "nbf" in claims and (not _is_instant(claims["nbf"]) or claims["nbf"] > now + WINDOW):
        return "The proof is not valid yet ('nbf')."
    if "exp" in claims and (not _is_instant(claims["exp"]) or claims["exp"] < now - WINDOW):
        return "The proof has expired ('exp')."
    return ""


def _is_instant(value: Any) -> bool:
    """Whether a claim is a NumericDate (RFC 7519, 2) that can be computed with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1 << 40


def _matches(claim: object, expected: str) -> bool:
    return isinstance(claim, str) and claim.isascii() and hmac.compare_digest(claim, expected)
