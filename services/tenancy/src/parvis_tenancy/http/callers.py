"""Which product is asking: access tokens that identity gives to a product for itself (RFC 9068, client credentials), as
bearer, or bound to a key and proven with it (RFC 9449).

A product's token works here because it is the product's own: it names no person, and its audience is the product.
"""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from parvis_kit.errors import ServiceError, unauthenticated
from parvis_kit.tokens import LEEWAY, REFRESH_INTERVAL, FetchKeys
from parvis_tenancy.domain.questions import Asker
from parvis_tenancy.http.paces import SEARCH, Paces

ALGORITHMS = ["ES256"]
#: What a proof may be signed with, and with which key.
_PROVES: Mapping[str, tuple[str, type[Any], tuple[str, ...]]] = {
    "ES256": ("EC", ECKey, ("kty", "crv", "x", "y")),
    "PS256": ("RSA", RSAKey, ("kty", "n", "e")),
    "EdDSA": ("OKP", OKPKey, ("kty", "crv", "x")),
    "Ed25519": ("OKP", OKPKey, ("kty", "crv", "x")),
}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
#: Seconds that a proof is accepted before and after the time that it says, and bytes of one at most.
_WINDOW, _LARGEST = 60, 4096
_REMEMBERED = 4096


class _Registry(jws.JWSRegistry):
    """Headers that are not known are ignored (RFC 7515, 4), and a key has room in one."""

    max_header_length = 2048
    max_payload_length = 2048


_REGISTRY = _Registry(algorithms=list(_PROVES), strict_check_header=False)


@dataclass(frozen=True, slots=True)
class _Token:
    asker: Asker
    expires: float
    #: Thumbprint of the key that it is bound to; empty for a bearer token.
    jkt: str


class ProductTokens:
    """See the module. Tokens that were verified are remembered, and so are proofs that were used, in this process."""

    def __init__(self, fetch_keys: FetchKeys, *, issuer: str, each_second: float = 0) -> None:
        self._fetch_keys = fetch_keys
        self._paces = Paces(each_second)
        self._issuer = issuer
        self._keys: KeySet | None = None
        self._fetched = float("-inf")
        self._known: OrderedDict[str, _Token] = OrderedDict()
        self._used: OrderedDict[str, float] = OrderedDict()

    async def asker(self, authorization: str, proofs: Sequence[str], *, method: str, path: str) -> Asker:
        """The product that sends a request. Raises UNAUTHENTICATED token_missing, token_invalid, token_expired,
        token_of_a_person, token_bound, proof_invalid, LIMIT too_often.
        """
        scheme, _, token = authorization.strip().partition(" ")
        if scheme.lower() not in {"bearer", "dpop"} or not token.strip():
            raise unauthenticated("token_missing")
        found = await self._verified(token.strip())
        if found.expires <= time.time():
            self._known.pop(token.strip(), None)
            raise unauthenticated("token_expired")
        if found.jkt and scheme.lower() == "bearer":
            raise unauthenticated("token_bound")
        if scheme.lower() == "dpop":
            self._prove(found, token.strip(), proofs, method, f"{self._issuer}{path}")
        self._paces.count(found.asker.client_id, SEARCH if "/search/" in path else 1.0)
        return found.asker

    async def _verified(self, token: str) -> _Token:
        if token in self._known:
            return self._known[token]
        claims = self._decode(token)
        if claims is None and time.monotonic() - self._fetched >= REFRESH_INTERVAL:
            await self._refresh_keys()
            claims = self._decode(token)
        if claims is None:
            raise unauthenticated("token_invalid")
        found = self._own(claims)
        self._known[token] = found
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found

    async def _refresh_keys(self) -> None:
        """Raises UNAVAILABLE when there are none at all; with some, those that are not known are not ours for now."""
        try:
            document = json.loads(await self._fetch_keys())
        except ServiceError:
            if self._keys is None:
                raise
            return
        self._fetched = time.monotonic()
        self._keys = KeySet.import_key_set(document)

    def _decode(self, token: str) -> dict[str, Any] | None:
        if self._keys is None:
            return None
        try:
            decoded = jwt.decode(token, self._keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            return None
        claims = dict(decoded.claims)
        good = (
            decoded.header.get("typ") == "at+jwt"
            and claims.get("iss") == self._issuer
            and isinstance(claims.get("exp"), int)
            and isinstance(claims.get("client_id"), str)
            and claims.get("iat", 0) <= time.time() + LEEWAY
        )
        return claims if good else None

    @staticmethod
    def _own(claims: dict[str, Any]) -> _Token:
        """Only what a client got for itself: of a person, or for somebody else's interface, it says other things."""
        client_id = claims["client_id"]
        if claims.get("sub") != client_id or claims.get("aud") != client_id or claims.keys() & {"sid", "grant", "act"}:
            raise unauthenticated("token_of_a_person")
        bound = claims.get("cnf")
        if bound is not None and not (isinstance(bound, dict) and isinstance(bound.get("jkt"), str)):
            raise unauthenticated("token_invalid")  # bound to something that we do not know
        asker = Asker(client_id, pairwise=claims.get("subject_type") == "pairwise")
        return _Token(asker, float(claims["exp"]), bound["jkt"] if bound else "")

    def _prove(self, token: _Token, text: str, proofs: Sequence[str], method: str, address: str) -> None:
        """Raises UNAUTHENTICATED proof_invalid unless the proof is for this request (RFC 9449, 4.3)."""
        claims, jkt = _proof(proofs[0]) if len(proofs) == 1 else ({}, "")
        ath = hash_of(text)
        made, identifier = claims.get("iat"), claims.get("jti")
        good = (
            token.jkt
            and hmac.compare_digest(jkt.encode(), token.jkt.encode())
            and claims.get("htm") == method
            and _same_address(claims.get("htu"), address)
            and isinstance(made, int | float)
            and abs(made - time.time()) <= _WINDOW
            and hmac.compare_digest(str(claims.get("ath")).encode(), ath.encode())
            and isinstance(identifier, str)
            and 0 < len(identifier) <= _LARGEST
        )
        if not good or not self._first_time(f"{jkt} {identifier}"):
            raise unauthenticated("proof_invalid")

    def _first_time(self, proof: str) -> bool:
        now = time.monotonic()
        while self._used and next(iter(self._used.values())) < now:
            self._used.popitem(last=False)
        if proof in self._used:
            return False
        self._used[proof] = now + 2 * _WINDOW + 1
        return True


def hash_of(token: str) -> str:
    """The `ath` of a proof that comes with an access token (RFC 9449, 4.2)."""
    return urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")


def _proof(encoded: str) -> tuple[dict[str, Any], str]:
    """The claims of a proof and the thumbprint of the key in its header that signed it; nothing when it is none."""
    if len(encoded) > _LARGEST or not encoded.isascii():
        return {}, ""
    try:
        extracted = jws.extract_compact(encoded.encode(), registry=_REGISTRY)
        header = extracted.headers()
        described = header["jwk"]
        kty, key_class, members = _PROVES[header["alg"]]
        if header.get("typ") != "dpop+jwt" or described["kty"] != kty or _PRIVATE & described.keys():
            return {}, ""
        key = key_class.import_key({name: described[name] for name in members})
        if not jws.validate_compact(extracted, key, algorithms=list(_PROVES), registry=_REGISTRY):
            return {}, ""
        claims = json.loads(extracted.payload)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}, ""
    return (claims, key.thumbprint()) if isinstance(claims, dict) else ({}, "")


def _same_address(htu: object, address: str) -> bool:
    """Whether `htu` is the address, without query and fragment; scheme and host in any case."""
    if not isinstance(htu, str):
        return False
    try:
        told, own = urlsplit(htu), urlsplit(address)
        return (told.scheme.lower(), told.netloc.lower(), told.path) == (own.scheme, own.netloc.lower(), own.path)
    except ValueError:
        return False
