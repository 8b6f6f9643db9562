"""Signatures of ID tokens and logout tokens (RFC 7515, RFC 7518), by joserfc: algorithms that are named here and no
others, keys of the provider's own set and no others.
"""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from parvis_identity.domain.oidc_claims import Wrong, members_of

#: Signatures with a private key. Never `none`, nor a secret that both sides know: a public key would pass for one.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
#: Characters of a token that is looked at: hundreds of groups fit.
LARGEST = 128 * 1024
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
#: Headers by which a token would bring its own key, or a rule that we do not know (RFC 7515, 4.1).
_FORBIDDEN = ("jwk", "jku", "x5u", "crit", "b64", "zip")
_RSA_BITS = 2048
_MOST_KEYS = 100


@dataclass(frozen=True, slots=True)
class Read:
    """A token that is signed."""

    header: dict[str, Any]
    claims: dict[str, Any]


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of a provider that can verify, and the names of those that are too weak to."""

    keys: tuple[Key, ...] = ()
    weak: frozenset[str] = frozenset()

    def fitting(self, header: dict[str, Any]) -> list[Key]:
        """Those that may have signed a token with this header."""
        kid = header.get("kid")
        of_kind = [key for key in self.keys if _fits(key, header["alg"])]
        return [key for key in of_kind if kid is None or key.get("kid") == kid]


def keys_of(document: bytes) -> KeySet:
    """A JSON Web Key Set (RFC 7517); what we cannot use in it is left out. Raises ValueError when it is none."""
    listed = members_of(document).get("keys")
    if not isinstance(listed, list) or len(listed) > _MOST_KEYS:
        raise ValueError("It is not a JSON Web Key Set.")
    found: list[Key] = []
    weak: set[str] = set()
    for each in listed:
        if not isinstance(each, dict) or each.get("use", "sig") != "sig" or each.get("kty") not in {"EC", "RSA", "OKP"}:
            continue
        try:
            key = JWKRegistry.import_key({name: value for name, value in each.items() if name not in {"x5c", "x5u"}})
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, RSAKey) and key.public_key.key_size < _RSA_BITS:
            weak.add(str(each.get("kid")))
        else:
            found.append(key)
    return KeySet(tuple(found), frozenset(weak))


def header_of(token: str, allowed: Iterable[str]) -> dict[str, Any] | Wrong:
    """The header of a token that may be verified."""
    parts = token.split(".")
    if len(parts) == 5:  # noqa: PLR2004 - RFC 7516, 7.1
        return Wrong("token_encrypted", "The token is encrypted, which was not agreed.")
    if len(parts) != 3 or len(token) > LARGEST:  # noqa: PLR2004 - RFC 7515, 7.1
        return Wrong("token_malformed", "The token is no signed JWT.")
    try:
        header = members_of(base64.b64decode(parts[0] + "=" * (-len(parts[0]) % 4), b"-_", validate=True))
    except ValueError:
        return Wrong("token_malformed", "The token is no signed JWT.")
    if header.get("alg") not in set(allowed) & set(ALGORITHMS):
        return Wrong("algorithm_refused", f"The token is signed with {json.dumps(header.get('alg'))[:40]}.")
    if brought := [name for name in _FORBIDDEN if name in header]:
        return Wrong("header_refused", f"The header of the token holds {', '.join(brought)}.")
    return header


def verify(token: str, header: dict[str, Any], keys: KeySet) -> Read | Wrong:
    """What the token says, once one of the keys is proved to have signed it."""
    fitting = keys.fitting(header)
    if not fitting:
        if str(header.get("kid")) in keys.weak:
            return Wrong("key_weak", "The provider signs with an RSA key of less than 2048 bits.")
        return Wrong("key_unknown", f"The provider publishes no key {header.get('kid') or ''} for {header['alg']}.")
    registry = JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
    for key in fitting:
        try:
            read = jws.deserialize_compact(token, key, registry=registry)
        except (JoseError, ValueError, TypeError):
            continue
        try:
            return Read(header, members_of(read.payload))
        except ValueError as error:
            return Wrong("claims_malformed", f"What the token says cannot be read: {error}")
    return Wrong("signature_wrong", "No key of the provider signed the token.")


def _fits(key: Key, algorithm: str) -> bool:
    if key.get("alg") not in {None, algorithm} and {key.get("alg"), algorithm} != {"EdDSA", "Ed25519"}:
        return False
    if algorithm in _CURVES:
        return isinstance(key, ECKey) and key.curve_name == _CURVES[algorithm]
    if algorithm[:2] in {"RS", "PS"}:
        return isinstance(key, RSAKey)
    return isinstance(key, OKPKey) and key.curve_name == "Ed25519"
