"""What whoever runs the suite sees of the anchors of the audit trail: when the last one was signed."""

from math import nan

from prometheus_client import Gauge

from parvis_kit.caller import Caller
from parvis_kit.unit import Database
from parvis_tenancy.store import anchors as store

ANCHORED = Gauge("parvis_audit_anchor_timestamp_seconds", "When the last anchor was signed, 0: never")
ANCHORED.set(nan)  # a process that is forked of all services has it too, and asks nothing


async def look(database: Database) -> None:
    """Asks for the last anchor."""
    async with database.begin(Caller("tenancy")) as unit:
        made = await store.last_made(unit)
    ANCHORED.set(made.timestamp() if made else 0)
