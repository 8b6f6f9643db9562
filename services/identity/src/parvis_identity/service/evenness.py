"""Refusals that take the same time, as long as accounts came from other platforms.

A wrong password costs what the account's hash costs: 40 ms of Argon2id, 350 ms of bcrypt. So while such hashes are
left, a refusal is given no sooner than a second after the try, whoever was asked for: longer than any hash that an
import accepts takes on a core that is free. Waiting holds neither a thread nor a connection of the database.
"""

import asyncio
import time

from parvis_identity.store import accounts as store
from parvis_kit.unit import UnitOfWork

#: Seconds between two looks at what is left.
_LOOKS = 60.0


class EvenRefusals:
    """`seconds` from a try to its refusal, at least, while hashes of other platforms are left; 0 for never."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._needed = False
        self._look_at = 0.0

    async def look(self, unit: UnitOfWork) -> None:
        """Looks, once a minute, whether such hashes are left."""
        now = time.monotonic()
        if self._seconds and now >= self._look_at:
            self._look_at = now + _LOOKS
            self._needed = await store.holds_foreign_hashes(unit)

    async def wait(self, started: float) -> None:
        """Waits until the refusal of a try that came at `started` (monotonic seconds) may be given."""
        if self._needed:
            await asyncio.sleep(max(0.0, started + self._seconds - time.monotonic()))
