"""What setting up a provider needs of its protocol."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cryptography import x509

from parvis_identity.models import SsoProvider


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a provider publishes of itself, as it was read. `url`: where; empty for a file."""

    issuer: str
    document: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate or key that signs. `fingerprint`: SHA-256, or the key's id."""

    fingerprint: str
    subject: str = ""
    expires_at: datetime | None = None
    current: bool = False
    pem: str = ""


@dataclass(frozen=True, slots=True)
class ProviderKeys:
    """What a provider signs with, and what we do (SAML)."""

    theirs: Sequence[Certificate] = ()
    ours: Sequence[Certificate] = ()


def is_certificate(text: str) -> bool:
    """Whether it is one, as PEM, or nothing."""
    try:
        return not text.strip() or bool(x509.load_pem_x509_certificate(text.encode()))
    except ValueError:
        return False


def in_lines(keys: Iterable[Certificate]) -> str:
    """A line for each: fingerprint, last day (ISO 8601, or "-") and subject."""
    days = ((each, each.expires_at.date().isoformat() if each.expires_at else "-") for each in keys)
    return "\n".join(f"{each.fingerprint} {day} {each.subject}" for each, day in days)


class Setup(Protocol):
    """One protocol. Outside of any transaction: addresses are read."""

    async def read(self, provider: SsoProvider, *, address: str, document: bytes | None) -> Metadata:
        """What is at an address (SAML: of metadata; OpenID: the issuer), or in a file. Raises upstream.Refused."""
        ...

    def brought(self, read: Metadata) -> Sequence[Certificate]:
        """Keys that sign from now on where this is taken; none where it says only where they are."""
        ...

    async def keys(self, provider: SsoProvider) -> ProviderKeys:
        """Those that are known."""
        ...

    async def rotate(self, provider: SsoProvider, *, use: bool) -> None:
        """A key of ours beside the present one; `use`: it signs from now on. Raises PRECONDITION no_next_key."""
        ...

    def used(self, provider: SsoProvider, claims: Mapping[str, Sequence[str]]) -> Mapping[str, str]:
        """Which of these claims is taken for what: name of the claim → "mail" and so on."""
        ...
