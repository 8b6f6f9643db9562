"""The files of a contact that its firm erases: taken out of the store before their rows go, so that none is left."""

from uuid import UUID

from parvis_documents.holdings import HOLDINGS
from parvis_documents.objects import ObjectStore
from parvis_kit.bus import Delivery
from parvis_records.erasure import First
from parvis_records.map import condition


def files_first(objects: ObjectStore) -> First:
    """Removes the objects of all versions that go with a contact; what is gone already is fine."""

    async def remove(delivery: Delivery, contact_id: UUID) -> None:
        where = condition(HOLDINGS["versions"].contact, {"contact": contact_id})
        if where is None:
            return
        async with delivery.begin() as unit:
            query = f"SELECT object_key FROM versions WHERE {where.sql}"  # noqa: S608 - of the map
            keys = [row["object_key"] for row in await unit.fetch(query, *where.values)]
        for key in keys:
            await objects.remove(key)

    return remove
