"""How often one product asks: each has its own measure, so that a loop in one keeps no answer from the others."""

import time
from collections import OrderedDict
from collections.abc import Callable

from parvis_kit.errors import limit

#: Questions that a search counts as: it reads what the others are answered from.
SEARCH = 10.0
#: Seconds of its measure that a product may use at once after a pause.
_SAVED = 10.0
_COUNTED = 4096


class Paces:
    """`each_second` questions of each product in the long run; 0: as many as it likes. A process counts for itself."""

    def __init__(self, each_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = float(each_second), clock
        #: By client: what is left, and as of when.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def count(self, client_id: str, weight: float = 1.0) -> None:
        """Raises LIMIT too_often."""
        if not self._rate:
            return
        now, most = self._clock(), max(self._rate * _SAVED, SEARCH)
        left, since = self._left.pop(client_id, (most, now))
        left = min(most, left + (now - since) * self._rate)
        allowed = left >= weight
        self._left[client_id] = (left - weight if allowed else left, now)
        if len(self._left) > _COUNTED:
            self._left.popitem(last=False)
        if not allowed:
            raise limit("too_often")
