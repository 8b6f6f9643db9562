"""Lines in the trail about refused requests of clients.

Strangers may cause them, and a product that is broken causes the same one again and again: of one client and error
there is one line in ten seconds and process, with how many were left out before it, and of all together so many. The
log has each.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from parvis_kit.unit import UnitOfWork

WINDOW = 10.0  # s
#: Lines of one process in a window, whatever clients and errors there are.
MOST = 100
#: What a device hears while its owner has not decided (RFC 8628, 3.5): no refusal.
WAITING = {"authorization_pending", "slow_down"}


@dataclass(slots=True)
class Refusals:
    """What one process wrote lately."""

    clock: Callable[[], float] = time.monotonic
    #: Client and error → when it was written last, and how many were left out since.
    _lately: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)

    def note(self, unit: UnitOfWork, act: str, who: str, error: str, *, kind: str = "client", **told: str) -> None:
        """Writes `act` about a client (or a key), unless that was written a moment ago."""
        now = self.clock()
        written, left_out = self._lately.get((who, error), (-WINDOW, 0))
        if now - written < WINDOW:
            self._lately[who, error] = (written, left_out + 1)
            return
        if len(self._lately) >= MOST:
            self._lately = {of: each for of, each in self._lately.items() if now - each[0] < WINDOW}
        if len(self._lately) >= MOST:
            return
        self._lately[who, error] = (now, 0)
        more = {"more_before": str(left_out)} if left_out else {}
        unit.record(act, target_kind=kind, target_id=who, error=error, **told, **more)
