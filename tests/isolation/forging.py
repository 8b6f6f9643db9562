"""Tokens that must never be accepted. Some are signed with the installation's keys: one thing is wrong with each."""

import base64
import json
import time
from dataclasses import dataclass
from typing import Any

import asyncpg
from joserfc import jwt
from joserfc.jwk import ECKey

from parvis_identity.service.sealing import Seal


@dataclass(frozen=True, slots=True)
class Forger:
    """Holds the private keys of the installation, which nobody outside of identity ever does."""

    internal: ECKey
    openid: ECKey
    stranger: ECKey

    @classmethod
    async def with_keys_of(cls, identity: asyncpg.Connection, encryption_keys: str) -> "Forger":
        """Opens the sealed keys of identity's database."""
        seal = Seal(encryption_keys)
        keys = {
            row["purpose"]: ECKey.import_key(json.loads(seal.open(bytes(row["sealed"]), row["id"])))
            for row in await identity.fetch("SELECT id, purpose, sealed FROM signing_keys WHERE algorithm = 'ES256'")
        }
        return cls(keys["internal"], keys["openid"], ECKey.generate_key("P-256"))

    def variants(self, token: str) -> dict[str, str]:
        """What is wrong → the token with that wrong, made from one that is right."""
        claims, kid = read(token), _header(token)["kid"]
        now = int(time.time())
        lasting = claims | {"exp": now + 300}
        head, _, signature = token.split(".")
        return {
            "forged-token": _sign(self.stranger, lasting, kid=kid),
            "altered-token": f"{head}.{_encode(claims | {'acr': 'altered'})}.{signature}",
            "unsigned-token": f"{_encode({'alg': 'none', 'typ': 'at+jwt', 'kid': kid})}.{_encode(lasting)}.",
            "expired-token": _sign(self.internal, claims | {"iat": now - 400, "exp": now - 1}, kid=kid),
            "other-audience-token": _sign(self.internal, lasting | {"aud": "another"}, kid=kid),
            "other-issuer-token": _sign(self.internal, lasting | {"iss": "http://issuer.example"}, kid=kid),
            "other-type-token": _sign(self.internal, lasting, kid=kid, typ="JWT"),
            "clients-key-token": _sign(self.openid, lasting, kid=self.openid.kid),
            "stale-proof-token": _sign(self.internal, lasting | {"proof_time": now - 1000}, kid=kid),
            "unproven-token": _sign(self.internal, lasting | {"proof_time": 0}, kid=kid),
        }


def read(token: str) -> dict[str, Any]:
    """The claims of a token, unverified."""
    return _decode(token.split(".")[1])


def _header(token: str) -> dict[str, Any]:
    return _decode(token.split(".", maxsplit=1)[0])


def _sign(key: ECKey, claims: dict[str, Any], *, kid: str, typ: str = "at+jwt") -> str:
    return jwt.encode({"alg": "ES256", "kid": kid, "typ": typ}, claims, key, algorithms=["ES256"])


def _encode(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _decode(part: str) -> dict[str, Any]:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
