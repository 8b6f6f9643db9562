"""Everything that speaks SAML, wired together."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from parvis_identity.service.outgoing import Outgoing
from parvis_identity.service.sealing import Seal
from parvis_identity.service.sso.saml import SamlUpstream
from parvis_identity.service.sso.saml_keys import SamlKeys
from parvis_identity.service.sso.saml_logout import SamlLogout
from parvis_identity.service.sso.saml_metadata import MetadataReader
from parvis_identity.service.sso.saml_setup import SamlSetup
from parvis_kit.unit import Database


@dataclass(frozen=True, slots=True)
class Saml:
    """See the module."""

    keys: SamlKeys
    reader: MetadataReader
    upstream: SamlUpstream
    logout: SamlLogout
    setup: SamlSetup

    @classmethod
    def over(cls, database: Database, outgoing: Outgoing, seal: Seal, *, public_url: str) -> "Saml":
        """`public_url`: where we are, without a path."""
        keys = SamlKeys(database, seal, host=urlsplit(public_url).hostname or "parvis")
        reader = MetadataReader(database, outgoing)
        upstream = SamlUpstream(database, keys, reader, public_url=public_url)
        logout = SamlLogout(database, keys, public_url=public_url)
        return cls(keys, reader, upstream, logout, SamlSetup(keys, reader))
