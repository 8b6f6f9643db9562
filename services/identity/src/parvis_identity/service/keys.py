"""The keys that sign, made at the first start and kept sealed. In memory they are parsed once.

A key is published first, signs later, and is published for a while after it signed last (`rotation`): whoever keeps our
key set for some minutes never meets a signature that it does not know. Every process reads the keys again each minute,
and within a second when they changed.
"""

import asyncio
import json
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from parvis_identity.domain import sessions
from parvis_identity.models import SigningKey
from parvis_identity.service.sealing import Seal
from parvis_identity.store import openid as store
from parvis_kit.unit import UnitOfWork

Key = ECKey | RSAKey | OKPKey

#: Tokens that services accept. A key of its own: a client's token never verifies there, whatever it says.
INTERNAL = "internal"
#: Tokens that clients get.
OPENID = "openid"
LINKS = "links"
DEVICES = "devices"
REFRESH = "refresh"
SUBJECTS = "subjects"
#: What clients may have their tokens signed with.
ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA")
_NEEDED = (
    (INTERNAL, "ES256"),
    *((OPENID, algorithm) for algorithm in ALGORITHMS),
    *((purpose, "HS256") for purpose in (LINKS, DEVICES, REFRESH, SUBJECTS)),
)
#: A retired key is published for this long: longer than anything that it signed counts, and than caches keep it.
OVERLAP = timedelta(days=2)
#: How long a process may still go by the keys that it read: by the clock, and where they changed.
READ_EVERY = timedelta(minutes=1)
LOOK_EVERY = timedelta(seconds=1)
#: and whoever fetched our key set by that.
KEPT = timedelta(minutes=5)


def recognised() -> timedelta:
    """For how long the key of an ID token is known to us: a sign-out is asked for with one as old as the session
    (RP-Initiated Logout 1.0, 2).
    """
    return sessions.LIVES.absolute + OVERLAP


class KeyRing:
    """The installation's keys, as far as `load` found or made them."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._current: dict[tuple[str, str], Key] = {}
        self._public: dict[str, list[dict[str, Any]]] = {}
        self._verifying: dict[str, KeySet] = {}
        self._recognised: dict[str, KeySet] = {}
        self._parsed: dict[str, Key] = {}
        #: What reads the keys again (`rotation.follow`), so that nobody ends it.
        self.followed: asyncio.Task[None] | None = None
        self.link_secret = b""
        self.device_secret = b""
        self.refresh_secret = b""
        #: Never replaced: clients know people by what is made of it.
        self.subject_secret = b""

    async def load(self, unit: UnitOfWork) -> None:
        """Reads the keys, makes those that are missing, and seals again what an older encryption key sealed."""
        rows = await store.keys(unit)
        there = {(row.purpose, row.algorithm) for row in rows if row.retired_at is None}
        missing = [needed for needed in _NEEDED if needed not in there]
        for purpose, algorithm in missing:
            await store.insert_key(unit, await self.make(purpose, algorithm, unit.now))
        if missing:
            rows = await store.keys(unit)
        private = {row.id: await self._open(unit, row) for row in rows if _retired_since(row, unit.now) is None}
        for row in rows:
            if row.id in private and row.algorithm == "HS256":
                self._keep_secret(row.purpose, private[row.id])
        signing: dict[tuple[str, str], SigningKey] = {}
        for row in rows:  # oldest first: the newest whose time has come stays
            name = (row.purpose, row.algorithm)
            if row.id in private and row.algorithm != "HS256" and (row.signs_from <= unit.now or name not in signing):
                signing[name] = row  # before its time where there is no other: a clock is behind that of who made it
        self._parsed = {
            row.id: self._parsed.get(row.id) or _parse(row.algorithm, json.loads(private[row.id]))
            for row in signing.values()
        }
        self._current = {name: self._parsed[row.id] for name, row in signing.items()}
        for purpose in (INTERNAL, OPENID):
            mine = [row for row in rows if row.purpose == purpose]
            self._public[purpose] = _known(mine, unit.now, OVERLAP)
            self._verifying[purpose] = KeySet.import_key_set({"keys": self._public[purpose]})
            self._recognised[purpose] = KeySet.import_key_set({"keys": _known(mine, unit.now, recognised())})

    def signing(self, purpose: str, algorithm: str) -> Key:
        """The private key that signs now."""
        return self._current[purpose, algorithm]

    def verifying(self, purpose: str) -> KeySet:
        """The public keys that verify: coming ones, current ones, and retired ones of the last days."""
        return self._verifying[purpose]

    def recognised(self, purpose: str) -> KeySet:
        """The public keys of everything that was signed in the time of a session: for hints, which grant nothing."""
        return self._recognised[purpose]

    def jwks(self, purpose: str) -> dict[str, Any]:
        """What verifies, as a JSON Web Key Set (RFC 7517)."""
        return {"keys": self._public[purpose]}

    def internal_keys(self) -> str:
        """The key set of the internal audience, as text."""
        return json.dumps(self.jwks(INTERNAL))

    def openid_keys(self) -> str:
        """The same of what products get, for a service that products call."""
        return json.dumps(self.jwks(OPENID))

    async def make(
        self, purpose: str, algorithm: str, now: datetime, *, signs_from: datetime | None = None
    ) -> SigningKey:
        """A new key, not stored yet."""
        if algorithm == "HS256":
            key_id, public, private = secrets.token_hex(8), {}, secrets.token_bytes(32)
        else:
            key = await asyncio.to_thread(_generate, algorithm)  # RSA takes a while
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
            created_at=now,
            signs_from=signs_from or now,
        )

    async def _open(self, unit: UnitOfWork, row: SigningKey) -> bytes:
        private = self._seal.open(row.sealed, row.id)
        if self._seal.is_outdated(row.sealed):
            await store.reseal_key(unit, row.id, self._seal.seal(private, row.id))
        return private

    def _keep_secret(self, purpose: str, secret: bytes) -> None:
        match purpose:
            case "links":
                self.link_secret = secret
            case "devices":
                self.device_secret = secret
            case "refresh":
                self.refresh_secret = secret
            case "subjects":
                self.subject_secret = secret


def _retired_since(row: SigningKey, now: datetime) -> timedelta | None:
    """How long ago a key signed last; None when it still may."""
    return None if row.retired_at is None or row.retired_at > now else now - row.retired_at


def _known(rows: Iterable[SigningKey], now: datetime, longest: timedelta) -> list[dict[str, Any]]:
    return [row.public_jwk for row in rows if (_retired_since(row, now) or timedelta(0)) < longest]


def _generate(algorithm: str) -> Key:
    if algorithm == "ES256":
        return ECKey.generate_key("P-256", auto_kid=False)
    if algorithm == "EdDSA":
        return OKPKey.generate_key("Ed25519", auto_kid=False)
    return RSAKey.generate_key(2048, auto_kid=False)


def _parse(algorithm: str, jwk: dict[str, Any]) -> Key:
    if algorithm == "ES256":
        return ECKey.import_key(jwk)
    return OKPKey.import_key(jwk) if algorithm == "EdDSA" else RSAKey.import_key(jwk)
