"""Setting up a SAML provider: its metadata says everything else."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from parvis_identity.domain.saml import USUAL
from parvis_identity.models import SsoProvider
from parvis_identity.service.saml import metadata, signatures
from parvis_identity.service.saml.trail import Trail
from parvis_identity.service.sso.saml import certificates
from parvis_identity.service.sso.saml_keys import SamlKeys
from parvis_identity.service.sso.saml_metadata import MetadataReader, described
from parvis_identity.service.sso.setup import Certificate, Metadata, ProviderKeys


class SamlSetup:
    """See the module, and `setup.Setup`."""

    def __init__(self, keys: SamlKeys, reader: MetadataReader) -> None:
        self._keys = keys
        self._reader = reader

    async def read(self, provider: SsoProvider, *, address: str, document: bytes | None) -> Metadata:
        """See Setup. Another provider's metadata makes it another provider: it is tested anew."""
        read = document if document is not None else await self._reader.fetched(address)
        found = described(read, provider, datetime.now(UTC))
        return Metadata(found.entity_id, read.decode("utf-8-sig"), "" if document is not None else address)

    def brought(self, read: Metadata) -> Sequence[Certificate]:
        """See Setup."""
        found = metadata.read(read.document.encode(), Trail(), entity_id=read.issuer)
        return [_certificate(each) for each in found.certificates]

    async def keys(self, provider: SsoProvider) -> ProviderKeys:
        """See Setup. The first of ours is made when it is first asked for."""
        ours = await self._keys.of(provider.id)
        return ProviderKeys(
            [_certificate(each) for each in certificates(provider)],
            [_certificate(each.certificate, current=each.current) for each in ours if not each.retired],
        )

    async def rotate(self, provider: SsoProvider, *, use: bool) -> None:
        """See Setup."""
        await (self._keys.use_next(provider.id) if use else self._keys.add_next(provider.id))

    def used(self, provider: SsoProvider, claims: Mapping[str, Sequence[str]]) -> Mapping[str, str]:
        """See Setup."""
        chosen = provider.claim_names
        found = {str(chosen.get("subject") or "NameID"): "subject"}
        for what, usual in USUAL.items():
            names = (str(chosen[what]),) if chosen.get(what) else usual
            name = next((each for each in names if each in claims), None)
            if name is not None:
                found.setdefault(name, what)
        return found


def _certificate(certificate: x509.Certificate, *, current: bool = False) -> Certificate:
    return Certificate(
        fingerprint=signatures.fingerprint(certificate),
        subject=certificate.subject.rfc4514_string(),
        expires_at=signatures.expires(certificate),
        current=current,
        pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
    )
