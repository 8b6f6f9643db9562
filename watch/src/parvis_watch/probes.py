"""What a process asks others when somebody reads its metrics: its database, the broker, its certificates."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from parvis_watch.metrics import PROBES_FAILED

#: Seconds that all probes together may take: whoever reads the metrics gets an answer also when nothing else does.
PATIENCE = 2.0
#: Seconds for which an answer is good: many readers cost no more than one.
LASTS = 4.0

Probe = Callable[[], Awaitable[None]]
_log = structlog.get_logger(__name__)


class Probes:
    """Probes by name; each sets gauges. One that fails says so in `parvis_probe_failed`, and hinders no other."""

    def __init__(self, patience: float = PATIENCE, lasts: float = LASTS) -> None:
        self._patience = patience
        self._lasts = lasts
        self._probes: dict[str, Probe] = {}
        self._asked = -float("inf")
        self._lock = asyncio.Lock()

    def add(self, name: str, probe: Probe) -> None:
        """Asks `probe` too."""
        self._probes[name] = probe

    async def ask(self) -> None:
        """Asks all of them at once, unless somebody just did."""
        async with self._lock:
            if time.monotonic() - self._asked < self._lasts:
                return
            await asyncio.gather(*(self._ask(name, probe) for name, probe in self._probes.items()))
            self._asked = time.monotonic()

    async def _ask(self, name: str, probe: Probe) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await probe()
        except Exception as error:  # noqa: BLE001 - whatever it was, the other figures are told
            PROBES_FAILED.labels(name).set(1)
            _log.debug("probe_failed", probe=name, error=error)
        else:
            PROBES_FAILED.labels(name).set(0)
