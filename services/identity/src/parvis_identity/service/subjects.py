"""What a client calls a person (OpenID Connect Core 8): the account's id, or for pairwise clients something that no two
sectors share.
"""

import hmac
from base64 import urlsafe_b64encode
from urllib.parse import urlsplit
from uuid import UUID

from parvis_identity.models import Client
from parvis_identity.service.keys import KeyRing

PAIRWISE = "pairwise"


class Subjects:
    """See the module. The secret of the ring never changes: whoever knew somebody by a subject would lose them."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def of(self, client: Client, account_id: UUID) -> str:
        """The `sub` of an account for a client."""
        if client.subject_type != PAIRWISE:
            return str(account_id)
        message = sector_of(client).encode() + b"\0" + account_id.bytes
        return urlsafe_b64encode(hmac.digest(self._ring.subject_secret, message, "sha256")).decode().rstrip("=")


def sector_of(client: Client) -> str:
    """The host of the sector file, else of the redirect addresses: several hosts are registered with a file only."""
    address = client.sector_identifier_uri or next(iter(client.redirect_uris), "")
    return urlsplit(address).hostname or client.client_id
