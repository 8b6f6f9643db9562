"""The keys that sign, made at the first start and kept sealed. In memory they are parsed once."""

import asyncio
import json
import secrets
from datetime import timedelta
from typing import Any

from joserfc.jwk import ECKey, KeySet, RSAKey

from parvis_identity.models import SigningKey
from parvis_identity.service.sealing import Seal
from parvis_identity.store import openid as store
from parvis_kit.unit import UnitOfWork

Key = ECKey | RSAKey

#: Tokens that services accept. A key of its own: a client's token never verifies there, whatever it says.
INTERNAL = "internal"
#: Tokens that clients get.
OPENID = "openid"
LINKS = "links"
DEVICES = "devices"
_NEEDED = ((INTERNAL, "ES256"), (OPENID, "ES256"), (OPENID, "RS256"), (LINKS, "HS256"), (DEVICES, "HS256"))
#: A retired key still verifies for this long.
OVERLAP = timedelta(days=2)


class KeyRing:
    """The installation's keys, as far as `load` found or made them."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._current: dict[tuple[str, str], Key] = {}
        self._public: dict[str, list[dict[str, Any]]] = {}
        self._verifying: dict[str, KeySet] = {}
        self.link_secret = b""
        self.device_secret = b""

    async def load(self, unit: UnitOfWork) -> None:
        """Reads the keys, makes those that are missing, and seals again what an older encryption key sealed."""
        rows = await store.keys(unit)
        there = {(row.purpose, row.algorithm) for row in rows if row.retired_at is None}
        missing = [needed for needed in _NEEDED if needed not in there]
        for purpose, algorithm in missing:
            await store.insert_key(unit, await asyncio.to_thread(self._make, unit, purpose, algorithm))
        if missing:
            rows = await store.keys(unit)
        public: dict[str, list[dict[str, Any]]] = {INTERNAL: [], OPENID: []}
        for row in rows:
            private = self._seal.open(row.sealed, row.id)
            if self._seal.is_outdated(row.sealed):
                await store.reseal_key(unit, row.id, self._seal.seal(private, row.id))
            if row.purpose in {LINKS, DEVICES}:
                if row.retired_at is None and row.purpose == LINKS:
                    self.link_secret = private
                elif row.retired_at is None:
                    self.device_secret = private
                continue
            if row.retired_at is None:
                self._current[row.purpose, row.algorithm] = _parse(row.algorithm, json.loads(private))
            if row.retired_at is None or row.retired_at > unit.now - OVERLAP:
                public[row.purpose].append(row.public_jwk)
        self._public = public
        self._verifying = {purpose: KeySet.import_key_set({"keys": keys}) for purpose, keys in public.items()}

    def signing(self, purpose: str, algorithm: str) -> Key:
        """The private key that signs now."""
        return self._current[purpose, algorithm]

    def verifying(self, purpose: str) -> KeySet:
        """The public keys that verify, retired ones of the last days included."""
        return self._verifying[purpose]

    def jwks(self, purpose: str) -> dict[str, Any]:
        """The same as a JSON Web Key Set (RFC 7517)."""
        return {"keys": self._public[purpose]}

    def internal_keys(self) -> str:
        """What SessionService.ListSigningKeys answers: the key set of the internal audience, as text."""
        return json.dumps(self.jwks(INTERNAL))

    def _make(self, unit: UnitOfWork, purpose: str, algorithm: str) -> SigningKey:
        if algorithm == "HS256":
            key_id, public, private = secrets.token_hex(8), {}, secrets.token_bytes(32)
        else:
            key: Key = (
                ECKey.generate_key("P-256", auto_kid=False)
                if algorithm == "ES256"
                else RSAKey.generate_key(2048, auto_kid=False)
            )
            key_id = key.thumbprint()
            described = {"kid": key_id, "use": "sig", "alg": algorithm}
            public = {**key.as_dict(private=False), **described}
            private = json.dumps({**key.as_dict(private=True), **described}).encode()
        return SigningKey(
            id=key_id,
            purpose=purpose,
            algorithm=algorithm,
            public_jwk=public,
            sealed=self._seal.seal(private, key_id),
            created_at=unit.now,
        )


def _parse(algorithm: str, jwk: dict[str, Any]) -> Key:
    return ECKey.import_key(jwk) if algorithm == "ES256" else RSAKey.import_key(jwk)
