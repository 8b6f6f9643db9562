"""The files of an organisation that is erased leave the store before the rows that lead to them."""

from dataclasses import dataclass
from uuid import UUID

from parvis_documents.domain import object_prefixes
from parvis_documents.objects import ObjectStore
from parvis_kit.bus import Delivery

_SENDING = """
SELECT object_key, multipart_id FROM uploads
WHERE organisation_id = $1 AND multipart_id <> '' AND state IN ('sending', 'verifying')"""


@dataclass(frozen=True)
class FilesGone:
    """Removes them, and what was half sent. Done again, it finds less."""

    objects: ObjectStore

    async def __call__(self, delivery: Delivery, organisation_id: UUID) -> None:
        """See the class. Raises UNAVAILABLE while the store is down: the event comes again."""
        async with delivery.begin() as unit:
            await unit.enter(organisation_id)
            sending = await unit.fetch(_SENDING, organisation_id)
        for row in sending:
            await self.objects.abort(row["object_key"], row["multipart_id"])
        for prefix in object_prefixes(organisation_id):
            await self.objects.remove_below(prefix)
