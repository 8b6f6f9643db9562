"""The file of a sector: whose addresses know people by the same names (OpenID Connect Registration 1.0, 5). Whoever
names a file that does not list its addresses would join the names of somebody else.
"""

import asyncio
import json
from collections.abc import Sequence

from parvis_identity.domain.client_metadata import MetadataRefused
from parvis_identity.service.outgoing import NotReached, Outgoing

#: Seconds for the file: somebody waits for the answer.
PATIENCE = 4.0
_MEMBER = "sector_identifier_uri"
_OK = 200


async def check(outgoing: Outgoing, address: str, redirects: Sequence[str]) -> None:
    """The file at an address lists every redirect address. Outside any transaction. Raises MetadataRefused."""
    try:
        async with asyncio.timeout(PATIENCE):
            reply = await outgoing.get(address)
        listed = json.loads(reply.body) if reply.status == _OK else None
    except TimeoutError as error:
        raise MetadataRefused(_MEMBER, "the address does not answer in time.") from error
    except NotReached as error:
        raise MetadataRefused(_MEMBER, str(error)) from error
    except (ValueError, RecursionError) as error:
        raise MetadataRefused(_MEMBER, "what is there is no JSON.") from error
    if not isinstance(listed, list) or not set(redirects) <= {each for each in listed if isinstance(each, str)}:
        raise MetadataRefused(_MEMBER, "the file there does not list every redirect address.")
