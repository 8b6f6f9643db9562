"""Keys of ours for a firm's SAML provider: each provider has its own, so that one firm's change is nobody else's.

A key is published from its making. The present one signs; the next one waits until the provider knows it; one that is
retired opens what was still encrypted to it.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from parvis_identity.models import SsoKey
from parvis_identity.service.saml.signatures import Signer
from parvis_identity.service.sealing import Seal
from parvis_identity.store import saml as store
from parvis_kit.caller import Caller
from parvis_kit.errors import not_found, precondition
from parvis_kit.ids import uuid7
from parvis_kit.unit import Database

#: RSA, because providers encrypt with nothing else; 3072 bits are good beyond the certificate (NIST SP 800-57).
BITS: Final = 3072
LIFETIME: Final = timedelta(days=5 * 365)
#: Seconds that keys are used without being looked up, and of how many providers.
_HELD: Final = 5.0
_MOST_HELD: Final = 2000
_SELF = Caller("identity")


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key of ours, unsealed."""

    id: UUID
    private: rsa.RSAPrivateKey
    certificate: x509.Certificate
    #: Whether it is the one that signs.
    current: bool
    retired: bool

    @property
    def signer(self) -> Signer:
        return Signer(self.private, self.certificate)


class SamlKeys:
    """See the module."""

    def __init__(self, database: Database, seal: Seal, *, host: str) -> None:
        self._database = database
        self._seal = seal
        self._host = host
        self._held: dict[UUID, tuple[tuple[OwnKey, ...], float]] = {}

    async def of(self, provider_id: UUID) -> tuple[OwnKey, ...]:
        """All that there are, the oldest first; the first one is made when it is first asked for. What another process
        changes shows a moment later: no key goes that was not retired before.
        """
        held, until = self._held.get(provider_id, ((), 0.0))
        if time.monotonic() < until:
            return held
        found = await self._read(provider_id)
        if len(self._held) >= _MOST_HELD:
            self._held.clear()
        self._held[provider_id] = (found, time.monotonic() + _HELD)
        return found

    async def _read(self, provider_id: UUID) -> tuple[OwnKey, ...]:
        async with self._database.begin(_SELF) as unit:
            rows, now = await store.keys(unit, provider_id), unit.now
        if rows:
            return self._opened(rows, now)
        made = await asyncio.to_thread(self._make, provider_id)
        async with self._database.begin(_SELF) as unit:
            if await store.lock_provider(unit, provider_id) is None:
                raise not_found("provider_not_found")
            rows = await store.keys(unit, provider_id)
            if not rows:
                made.signs_from = unit.now
                await store.insert_key(unit, made)
                rows = [made]
            return self._opened(rows, unit.now)

    async def add_next(self, provider_id: UUID) -> None:
        """A second key beside the one that signs, published at once. What was retired goes."""
        made = await asyncio.to_thread(self._make, provider_id)
        async with self._database.begin(_SELF) as unit:
            await store.lock_provider(unit, provider_id)
            rows = await store.keys(unit, provider_id)
            over = [row.id for row in rows if row.retired_at is not None or row.signs_from > unit.now]
            await store.delete_keys(unit, over)
            await store.insert_key(unit, made)
        self._held.pop(provider_id, None)

    async def use_next(self, provider_id: UUID) -> None:
        """The next key signs from now on; the one before still opens. Raises PRECONDITION no_next_key."""
        async with self._database.begin(_SELF) as unit:
            await store.lock_provider(unit, provider_id)
            rows = await store.keys(unit, provider_id)
            waiting = [row for row in rows if row.signs_from > unit.now]
            if not waiting:
                raise precondition("no_next_key")
            for row in rows:
                if row not in waiting and row.retired_at is None:
                    row.retired_at = unit.now
            waiting[-1].signs_from = unit.now
        self._held.pop(provider_id, None)

    def _make(self, provider_id: UUID) -> SsoKey:
        """A key that signs once somebody says so."""
        key = rsa.generate_private_key(65537, BITS)
        now, identifier = datetime.now(UTC), uuid7()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._host[:64])])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + LIFETIME)
            .sign(key, hashes.SHA256())
        )
        der, pkcs8 = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
        private = key.private_bytes(der, pkcs8, serialization.NoEncryption())
        return SsoKey(
            id=identifier,
            provider_id=provider_id,
            certificate=certificate.public_bytes(serialization.Encoding.PEM).decode(),
            sealed=self._seal.seal(private, _label(identifier)),
            created_at=now,
            signs_from=now + LIFETIME,
        )

    def _opened(self, rows: Sequence[SsoKey], now: datetime) -> tuple[OwnKey, ...]:
        signing = [row for row in rows if row.retired_at is None and row.signs_from <= now]
        current = (signing or list(rows))[-1]
        return tuple(
            OwnKey(
                row.id,
                *_parsed(self._seal, row.id, row.sealed, row.certificate),
                row is current,
                row.retired_at is not None,
            )
            for row in rows
        )


@lru_cache(maxsize=512)
def _parsed(seal: Seal, key_id: UUID, sealed: bytes, certificate: str) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    """Unsealed once: it takes a millisecond."""
    private = serialization.load_der_private_key(seal.open(sealed, _label(key_id)), None)
    assert isinstance(private, rsa.RSAPrivateKey)  # noqa: S101 - made above
    return private, x509.load_pem_x509_certificate(certificate.encode())


def _label(key_id: UUID) -> str:
    return f"sso key {key_id}"
