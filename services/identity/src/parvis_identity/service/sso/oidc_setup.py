"""Setting up an OpenID provider: its issuer says everything else (OpenID Connect Discovery 1.0)."""

from collections.abc import Mapping, Sequence

from parvis_identity.models import SsoProvider
from parvis_identity.service.outgoing import Outgoing
from parvis_identity.service.sso import discovery
from parvis_identity.service.sso.oidc import USUAL
from parvis_identity.service.sso.setup import Certificate, Metadata, ProviderKeys
from parvis_identity.service.sso.upstream import Refused
from parvis_kit.errors import precondition


class OidcSetup:
    """See the module, and `setup.Setup`."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing

    async def read(self, provider: SsoProvider, *, address: str, document: bytes | None) -> Metadata:
        """See Setup."""
        del provider
        if document is not None:
            raise Refused("metadata_unreadable", "An OpenID provider is known by its issuer, not by a file.")
        issuer = discovery.issuer_of(address)
        found = await discovery.fetch(self._outgoing, issuer)
        return Metadata(issuer, found, discovery.document_address(issuer))

    def brought(self, read: Metadata) -> Sequence[Certificate]:
        """See Setup: they are read at its `jwks_uri`."""
        del read
        return ()

    async def keys(self, provider: SsoProvider) -> ProviderKeys:
        """See Setup. They are read with each change of theirs, and none is ours."""
        del provider
        return ProviderKeys()

    async def rotate(self, provider: SsoProvider, *, use: bool) -> None:
        """See Setup."""
        del provider, use
        raise precondition("no_next_key")

    def used(self, provider: SsoProvider, claims: Mapping[str, Sequence[str]]) -> Mapping[str, str]:
        """See Setup."""
        found: dict[str, str] = {}
        for what, usual in USUAL.items():
            own = provider.claim_names.get(what)
            name = next((each for each in ((own,) if own else usual) if each in claims), None)
            if name is not None:
                found.setdefault(name, what)
        return {"sub": "subject", **found}
