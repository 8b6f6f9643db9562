"""`./parvis replay-events`: services send again what they sent since a moment, where the broker has lost it.

A broker that lost its disk is fed by itself. This is for what nobody can notice: a stream that was emptied, or put back
as it was days ago.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from parvis_local.dead_letters import connected
from parvis_watch import refill


def run(databases: Mapping[str, str], since: datetime | None, *, service: str = "") -> int:
    """Marks them in the databases of the services, by name; relays send them. The exit status."""
    if service and service not in databases:
        raise ValueError(f"No service {service} has events. Services: {', '.join(databases)}.")
    chosen = {service: databases[service]} if service else databases
    return asyncio.run(_run(chosen, refill.told(since)))


async def _run(databases: Mapping[str, str], since: datetime) -> int:
    print(f"Sent since {since:%Y-%m-%d %H:%M} UTC, and now once more; what was handled is not handled twice:")
    for service, url in databases.items():
        async with connected(url) as connection:
            print(f"{service}: {await refill.replay(connection, since)} events.")
    return 0
