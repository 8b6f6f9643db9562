"""What whoever runs the suite sees of the object store: whether it answers."""

import asyncio
from math import nan

from prometheus_client import Gauge

from parvis_documents.objects import ObjectStore

STORE_UP = Gauge("parvis_store_up", "1 when the last question was answered by the object store, 0 when not")
STORE_UP.set(nan)  # a process that is forked of all services has it too, and asks nothing
#: Of no object: that there is none is an answer.
_NOBODYS = "parvis/nothing"


class StoreProbe:
    """Asks one question at a time: a store that stands still holds one thread, however often somebody looks."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._asked: asyncio.Task[int | None] | None = None

    async def look(self) -> None:
        """Raises ServiceError while the store does not answer."""
        STORE_UP.set(0)
        if self._asked is None or self._asked.done():
            self._asked = asyncio.create_task(self._objects.size(_NOBODYS))
            self._asked.add_done_callback(lambda asked: asked.cancelled() or asked.exception())
        await asyncio.shield(self._asked)
        STORE_UP.set(1)
