"""What a relying party of the FAPI 2.0 profile makes by itself: proofs and assertions, good ones and bad ones."""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

PROOF_ALGORITHMS = ("ES256", "PS256", "EdDSA", "Ed25519")
_GENERATED = {
    "ES256": lambda: ECKey.generate_key("P-256"),
    "PS256": lambda: RSAKey.generate_key(2048),
    "RS256": lambda: RSAKey.generate_key(2048),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519"),
    "Ed25519": lambda: OKPKey.generate_key("Ed25519"),
}


class _Anything(jws.JWSRegistry):
    """Signs whatever a test wants to have signed."""

    max_header_length = 100_000

    def __init__(self) -> None:
        super().__init__(algorithms=list(self.algorithms), strict_check_header=False)

    def check_header(self, header: dict[str, Any]) -> None:
        """Nothing is wrong."""


def sign(header: dict[str, Any], claims: object, key: Any) -> str:
    """A JWT as it is asked for. Members that are None are left out of the header, and of the claims."""
    header = {name: value for name, value in header.items() if value is not None}
    if isinstance(claims, dict):
        claims = {name: value for name, value in claims.items() if value is not None}
    return jws.serialize_compact(header, json.dumps(claims), key, registry=_Anything())


def key_for(algorithm: str) -> Any:
    return _GENERATED[algorithm]()


@dataclass
class Prover:
    """A holder of a DPoP key."""

    key: Any
    algorithm: str = "ES256"

    @classmethod
    def of(cls, algorithm: str) -> "Prover":
        return cls(key_for(algorithm), algorithm)

    @property
    def jkt(self) -> str:
        return self.key.thumbprint()

    def header(self) -> dict[str, Any]:
        public = self.key.as_dict() if isinstance(self.key, OctKey) else self.key.as_dict(private=False)
        return {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": public}

    def proof(
        self,
        method: str,
        address: str,
        *,
        token: str | None = None,
        age: int = 0,
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A proof; `claims` and `header` replace what it says, None takes it out."""
        said: dict[str, Any] = {
            "jti": secrets.token_urlsafe(12), "htm": method, "htu": address, "iat": int(time.time()) - age,
        }  # fmt: skip
        if token is not None:
            said["ath"] = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")
        return sign({**self.header(), **(header or {})}, {**said, **claims}, self.key)


@dataclass
class Asserter:
    """A client that authenticates with assertions (RFC 7523)."""

    client_id: str
    issuer: str
    key: Any
    algorithm: str = "ES256"
    extra: dict[str, Any] = field(default_factory=dict)

    def assertion(self, **claims: Any) -> str:
        """An assertion; `claims` replace what it says, None takes it out."""
        now = int(time.time())
        said = {
            "iss": self.client_id, "sub": self.client_id, "aud": self.issuer, "iat": now, "exp": now + 60,
            "jti": secrets.token_urlsafe(12), **self.extra, **claims,
        }  # fmt: skip
        return sign({"alg": self.algorithm, "kid": self.key.thumbprint()}, said, self.key)

    def form(self, **claims: Any) -> dict[str, str]:
        """The fields of a form that authenticate the client."""
        return {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self.assertion(**claims),
        }
