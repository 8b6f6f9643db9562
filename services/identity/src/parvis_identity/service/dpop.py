"""DPoP (RFC 9449): reading the proof that comes with a request, once; and the nonces of installations that ask for
them.
"""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from parvis_identity.domain import dpop as rules
from parvis_identity.service.refusals import Refusals
from parvis_identity.store import openid as store
from parvis_kit.unit import UnitOfWork

#: What a proof may be signed with (FAPI 2.0, 5.4); "Ed25519" is the newer name of EdDSA with that curve (RFC 9864).
ALGORITHMS = ("ES256", "PS256", "EdDSA", "Ed25519")
#: Bytes of a proof at most: one with an RSA key of 4096 bits has about 1,700.
LARGEST = 4096
_RSA_BITS = range(2048, 4097)
#: Seconds that a nonce is handed out; it is accepted for as long again.
_NONCE_SECONDS = 120

PublicKey = ECKey | OKPKey | RSAKey


class ProofRefused(Exception):
    """A proof that is not good. `error` is the protocol's code (RFC 9449, 5 and 8), `description` for a developer."""

    def __init__(self, description: str, error: str = "invalid_dpop_proof") -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class Proof:
    """A good proof: the thumbprint of the key that made it (RFC 7638)."""

    jkt: str


class _Registry(jws.JWSRegistry):
    """Headers that are not known are ignored (RFC 7515, 4), and a key has room in one."""

    max_header_length = 2048
    max_payload_length = 2048


_REGISTRY = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


class Nonces:
    """Nonces that are not stored: a time slot and its code (RFC 9449, 8)."""

    def __init__(self, secret: bytes) -> None:
        self._secret = hmac.digest(secret, b"dpop-nonce", "sha256")

    def current(self, now: datetime) -> str:
        """The nonce to use now."""
        return self._of(int(now.timestamp()) // _NONCE_SECONDS)

    def accepts(self, nonce: object, now: datetime) -> bool:
        """Whether a nonce was handed out a moment ago."""
        slot = int(now.timestamp()) // _NONCE_SECONDS
        return isinstance(nonce, str) and any(
            hmac.compare_digest(nonce.encode("utf-8", "replace"), self._of(each).encode()) for each in (slot, slot - 1)
        )

    def _of(self, slot: int) -> str:
        code = hmac.digest(self._secret, slot.to_bytes(8, "big"), "sha256")
        return urlsafe_b64encode(code[:18]).decode()


class Proofs:
    """Reads proofs for the addresses of one issuer. With `nonces`, a proof must carry one."""

    def __init__(self, *, issuer: str, nonces: Nonces | None = None) -> None:
        self._issuer = issuer
        self._nonces = nonces
        self._refusals = Refusals()

    def nonce(self, now: datetime) -> str:
        """What the header DPoP-Nonce of an answer says; empty when nonces are not asked for."""
        return self._nonces.current(now) if self._nonces is not None else ""

    async def read(
        self, unit: UnitOfWork, headers: Sequence[str], *, method: str, path: str, access_token: str | None = None
    ) -> Proof | None:
        """The proof of a request: None when there is none. Its `jti` is used up.

        `headers` are the values of the header DPoP; `access_token` comes with it at a resource. Raises ProofRefused.
        """
        if not headers:
            return None
        if len(headers) > 1:
            raise ProofRefused("There is more than one DPoP header.")
        claims, key = _verified(headers[0])
        address = f"{self._issuer}{path}"
        if wrong := rules.problem(claims, method=method, address=address, now=unit.now, access_token=access_token):
            raise ProofRefused(wrong)
        if self._nonces is not None and not self._nonces.accepts(claims.get("nonce"), unit.now):
            raise ProofRefused("The proof must carry the nonce of the header DPoP-Nonce.", "use_dpop_nonce")
        jkt = key.thumbprint()
        if not await store.first_time(unit, "dpop", jkt, claims["jti"], rules.acceptable_until(claims)):
            self._refusals.note(unit, "proof.replayed", jkt, "replayed", kind="key")
            raise ProofRefused("The proof was used before ('jti').")
        return Proof(jkt)


def _verified(encoded: str) -> tuple[dict[str, Any], PublicKey]:
    """The claims of a proof whose signature is that of the key in its header. Raises ProofRefused."""
    if len(encoded) > LARGEST or not encoded.isascii():
        raise ProofRefused("The proof is not a JWT.")
    try:
        extracted = jws.extract_compact(encoded.encode(), registry=_REGISTRY)
        header = extracted.headers()
        key = _public_key(header)
        if not jws.validate_compact(extracted, key, algorithms=ALGORITHMS, registry=_REGISTRY):
            raise ProofRefused("The signature of the proof is wrong.")
        claims = json.loads(extracted.payload)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ProofRefused("The proof is not a JWT that is signed with the key in its header.") from error
    if not isinstance(claims, dict):
        raise ProofRefused("The proof has no claims.")
    return claims, key


def _public_key(header: dict[str, Any]) -> PublicKey:
    """The key in the header of a proof, of the kind that its algorithm asks for. Raises ProofRefused, and what an
    import raises.
    """
    if header.get("typ") != "dpop+jwt":
        raise ProofRefused("The proof is not of type dpop+jwt.")
    if header.get("alg") not in ALGORITHMS:
        raise ProofRefused(f"The proof is not signed with one of {', '.join(ALGORITHMS)}.")
    described = header.get("jwk")
    if not isinstance(described, dict) or rules.PRIVATE_MEMBERS & described.keys():
        raise ProofRefused("The header of the proof holds no public key ('jwk').")
    # Only what the thumbprint is made of: what else a stranger says of the key is nothing to go by.
    match header["alg"], described.get("kty"), described.get("crv"):
        case "ES256", "EC", "P-256":
            return ECKey.import_key({name: described[name] for name in ("kty", "crv", "x", "y")})
        case "EdDSA" | "Ed25519", "OKP", "Ed25519":
            return OKPKey.import_key({name: described[name] for name in ("kty", "crv", "x")})
        case "PS256", "RSA", _:
            key = RSAKey.import_key({name: described[name] for name in ("kty", "n", "e")})
            if key.raw_value.key_size in _RSA_BITS:
                return key
    raise ProofRefused("The key of the proof does not fit its algorithm.")
