"""JSON Web Signatures as the protocol uses them (RFC 7515, RFC 7519), by joserfc: four algorithms, sizes bounded, keys
chosen by what the header and the key say.
"""

import json
import warnings
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey

# The profiles name EdDSA; joserfc prefers the newer name Ed25519 of RFC 9864, which no client sends yet.
warnings.filterwarnings("ignore", message="EdDSA is deprecated", category=SecurityWarning)

#: What signs and verifies here, the best first.
ALGORITHMS = ("ES256", "PS256", "EdDSA", "RS256")
#: What FAPI 2.0 allows of them (security profile, 5.4).
STRONG = ("ES256", "PS256", "EdDSA")

#: Characters of a token that is looked at, and keys of a set.
LARGEST = 16_000
_MOST_KEYS = 20
_RSA_BITS = 2048


class NotVerified(Exception):
    """A token that is malformed, or that none of the keys signed. The message can be shown to whoever sent it."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a token says."""

    header: dict[str, Any]
    claims: dict[str, Any]


def keys_of(document: object) -> tuple[Key, ...]:
    """Public keys of a JSON Web Key Set that can verify here; keys of other kinds are left out (RFC 7517, 5).

    Raises ValueError when it is no key set, holds secrets, or holds a key of a kind we use that is malformed or weak.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > _MOST_KEYS or not all(isinstance(each, dict) for each in listed):
        raise ValueError("It is not a JSON Web Key Set of at most 20 keys.")
    found: list[Key] = []
    for each in listed:
        if each.get("kty") == "oct" or "d" in each:
            raise ValueError("It holds a secret key.")
        if each.get("use", "sig") != "sig" or each.get("kty") not in {"EC", "RSA", "OKP"}:
            continue
        try:
            key = JWKRegistry.import_key(each)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise ValueError("It holds a malformed key.") from error
        if isinstance(key, RSAKey) and key.public_key.key_size < _RSA_BITS:
            raise ValueError("It holds an RSA key of less than 2048 bits.")
        found.append(key)
    return tuple(found)


def fits(key: Key, algorithm: str) -> bool:
    """Whether a key can be used with an algorithm."""
    if key.get("alg") not in {None, algorithm}:
        return False
    match algorithm:
        case "ES256":
            return isinstance(key, ECKey) and key.curve_name == "P-256"
        case "EdDSA":
            return isinstance(key, OKPKey) and key.curve_name == "Ed25519"
        case "RS256" | "PS256":
            return isinstance(key, RSAKey)
    return False


def peek(token: str) -> Signed:
    """What a token says of itself; nothing of it is proved. Raises NotVerified."""
    if len(token) > LARGEST or token.count(".") != 2:  # noqa: PLR2004 - three parts
        raise NotVerified("It is not a signed JWT.")
    try:
        read = jws.extract_compact(token.encode("ascii"))
        claims = json.loads(read.payload)
        header = dict(read.headers())
    except (JoseError, ValueError, TypeError) as error:
        raise NotVerified("It is not a signed JWT.") from error
    if not isinstance(claims, dict) or not isinstance(header.get("alg"), str):
        raise NotVerified("It is not a signed JWT.")
    return Signed(header, claims)


def candidates(keys: Iterable[Key], header: dict[str, Any]) -> Sequence[Key]:
    """The keys that may have signed a token with this header."""
    kid = header.get("kid")
    fitting = [key for key in keys if fits(key, str(header.get("alg")))]
    named = [key for key in fitting if kid is not None and key.get("kid") == kid]
    return named or [key for key in fitting if kid is None or key.get("kid") is None]


def verify(token: str, keys: Iterable[Key], algorithms: Collection[str]) -> Signed:
    """What a token says, once one of the keys is proved to have signed it. Raises NotVerified."""
    said = peek(token)
    algorithm = said.header["alg"]
    if algorithm not in algorithms:
        raise NotVerified("It is signed with an algorithm that is not accepted.")
    for key in candidates(keys, said.header):
        try:
            read = jwt.decode(token, key, algorithms=[algorithm])
        except (JoseError, ValueError, TypeError):
            continue
        return Signed(dict(read.header), dict(read.claims))
    raise NotVerified("Its signature does not verify with a key of the client.")


def sign(claims: dict[str, Any], key: Key, algorithm: str, *, typ: str) -> str:
    """A compact JWS of claims."""
    return jwt.encode({"alg": algorithm, "kid": key.kid, "typ": typ}, claims, key, algorithms=[algorithm])
