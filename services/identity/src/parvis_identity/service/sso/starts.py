"""How many sign-ins at providers may be begun from one place: each is kept for ten minutes, and strangers would begin
as many as they like. Who comes back signed in counts for nothing, however many of them sit in one office.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from parvis_identity.domain.throttle import network_of

#: Of one place at one provider, for each process: so many from which nobody came back, and so many a second from then.
AT_ONCE, EACH_SECOND = 300.0, 1.0
#: Of one place at all providers together: somebody would go through the firms one by one.
_AT_ALL = 3
#: Places that are counted; beyond, those that were quiet for longest are forgotten.
_COUNTED = 20_000
_Key = tuple[str, UUID | None]


@dataclass(slots=True)
class Starts:
    """What one process counts."""

    at_once: float = AT_ONCE
    each_second: float = EACH_SECOND
    clock: Callable[[], float] = time.monotonic
    #: How many are left, and as of when.
    _left: dict[_Key, tuple[float, float]] = field(default_factory=dict)

    def take(self, address: str, provider_id: UUID) -> bool:
        """Whether one more may be begun."""
        counted = self._counted(address, provider_id)
        left = [self._now(key, share) for key, share in counted]
        may = min(left) >= 1
        for (key, _), each in zip(counted, left, strict=True):
            self._keep(key, each - 1 if may else each)
        return may

    def came_back(self, address: str, provider_id: UUID) -> None:
        """One of them ended in a sign-in."""
        for key, share in self._counted(address, provider_id):
            if key in self._left:
                self._keep(key, min(self.at_once * share, self._now(key, share) + 1))

    def _counted(self, address: str, provider_id: UUID) -> tuple[tuple[_Key, float], ...]:
        place = network_of(address)
        return ((place, provider_id), 1), ((place, None), _AT_ALL)

    def _now(self, key: _Key, share: float) -> float:
        most, now = self.at_once * share, self.clock()
        left, since = self._left.get(key, (most, now))
        return min(most, left + (now - since) * self.each_second * share)

    def _keep(self, key: _Key, left: float) -> None:
        self._left.pop(key, None)  # what is written last is forgotten last
        if len(self._left) >= _COUNTED:
            del self._left[next(iter(self._left))]
        self._left[key] = (left, self.clock())
