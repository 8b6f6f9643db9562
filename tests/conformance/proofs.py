"""What clients sign: assertions (RFC 7523), DPoP proofs (RFC 9449), request objects (RFC 9101), how to break it."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

Key = RSAKey | ECKey | OKPKey
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]
#: What is broken on purpose may have any header.
_ANY_HEADER = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)


def make_key(algorithm: str) -> Key:
    """A new key for one algorithm, with a `kid` and its `alg`."""
    described = {"kid": secrets.token_hex(8), "use": "sig", "alg": algorithm}
    if algorithm == "ES256":
        return ECKey.generate_key("P-256", described)
    if algorithm in {"EdDSA", "Ed25519"}:
        return OKPKey.generate_key("Ed25519", described)
    return RSAKey.generate_key(2048, described)


def algorithm_of(key: Key) -> str:
    """The algorithm that a key was made for."""
    return str(key.as_dict(private=False)["alg"])


def public(key: Key) -> dict[str, Any]:
    """A key as it is published."""
    return dict(key.as_dict(private=False))


def key_set(*keys: Key) -> dict[str, Any]:
    """A key set as it is published (RFC 7517)."""
    return {"keys": [public(key) for key in keys]}


def thumbprint(key: Key) -> str:
    """RFC 7638, as `dpop_jkt` and `cnf.jkt` have it."""
    return key.thumbprint()


def sign(key: Key, header: Mapping[str, Any], claims: Mapping[str, Any], *, algorithm: str = "") -> str:
    """A signed JWT; what the header says wins over what is usual."""
    algorithm = algorithm or algorithm_of(key)
    signed_with = key
    if algorithm != algorithm_of(key):
        members = {name: value for name, value in key.as_dict(private=True).items() if name not in {"alg", "use"}}
        signed_with = type(key).import_key(members)  # type: ignore[assignment] # of the same kind
    return jwt.encode({"alg": algorithm, **header}, dict(claims), signed_with, registry=_ANY_HEADER, default_type=None)


def unsigned(claims: Mapping[str, Any], header: Mapping[str, Any] | None = None) -> str:
    """A JWT with `alg` none (RFC 7519, 6)."""
    return f"{encoded({'alg': 'none', **(header or {})})}.{encoded(claims)}."


def encoded(content: Mapping[str, Any] | bytes) -> str:
    """base64url without padding, of JSON or of bytes."""
    raw = content if isinstance(content, bytes) else json.dumps(content, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decoded(text: str) -> bytes:
    """The other way. Raises ValueError."""
    if "=" in text or not set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"):
        raise ValueError("That is not base64url.")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def half_hash(text: str, algorithm: str = "RS256") -> str:
    """`at_hash` and `c_hash` (OpenID Connect Core 3.1.3.6): half of the hash that the algorithm signs; Ed25519 has
    SHA-512 inside.
    """
    digest = hashlib.sha512(text.encode()) if algorithm in {"EdDSA", "Ed25519"} else hashlib.sha256(text.encode())
    return encoded(digest.digest()[: digest.digest_size // 2])


def whole_hash(text: str) -> str:
    """`ath`, and the challenge of PKCE with S256."""
    return encoded(hashlib.sha256(text.encode()).digest())


def spoilt(token: str) -> str:
    """A JWT whose signature does not fit."""
    head, body, signature = token.split(".")
    wrong = bytearray(decoded(signature))
    wrong[len(wrong) // 2] ^= 0x5A
    return f"{head}.{body}.{encoded(bytes(wrong))}"


def replaced(token: str, *, header: Mapping[str, Any] | None = None, claims: Mapping[str, Any] | None = None) -> str:
    """A JWT with another header or other claims under the old signature."""
    head, body, signature = token.split(".")
    return f"{encoded(header) if header else head}.{encoded(claims) if claims else body}.{signature}"


def header_of(token: str) -> dict[str, Any]:
    """The header of a JWT, unverified. Raises ValueError."""
    return dict(json.loads(decoded(token.split(".", maxsplit=1)[0])))


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a JWT, unverified. Raises ValueError."""
    return dict(json.loads(decoded(token.split(".")[1])))


def verified(token: str, keys: Mapping[str, Any], *, algorithms: list[str]) -> dict[str, Any]:
    """The claims of a JWT whose signature verifies with a published key. Raises JoseError or ValueError."""
    registry = JWSRegistry(algorithms=algorithms, strict_check_header=True)
    key = KeySet.import_key_set({"keys": keys["keys"]})
    return dict(jwt.decode(token, key, algorithms=algorithms, registry=registry).claims)


def assertion_claims(client_id: str, audience: Any, **changes: Any) -> dict[str, Any]:
    """What a client says of itself (RFC 7523, 3); a change to None leaves a claim out."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": client_id, "sub": client_id, "aud": audience, "jti": secrets.token_urlsafe(24),
        "iat": now, "exp": now + 60,
    }  # fmt: skip
    return without_none(claims | changes)


def proof(
    key: Key,
    method: str,
    address: str,
    *,
    access_token: str = "",
    nonce: str = "",
    header: Mapping[str, Any] | None = None,
    **changes: Any,
) -> str:
    """A DPoP proof (RFC 9449, 4.2); a change to None leaves a claim or a member of the header out."""
    claims: dict[str, Any] = {
        "jti": secrets.token_urlsafe(24), "htm": method, "htu": address, "iat": int(time.time()),
        "ath": whole_hash(access_token) if access_token else None, "nonce": nonce or None,
    }  # fmt: skip
    jwk = {name: value for name, value in public(key).items() if name not in {"kid", "use", "alg"}}
    head = without_none({"typ": "dpop+jwt", "jwk": jwk, **(header or {})})
    return sign(key, head, without_none(claims | changes))


def without_none(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that are there."""
    return {name: value for name, value in members.items() if value is not None}
