"""How long somebody who fails must wait before the next try counts. The wait grows; it never becomes a closed door.

Tries are counted by what was typed, whether or not such an account exists, so that waiting tells nothing; and,
more loosely, by address, since a firm's people may all come from one.
"""

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Throttle:
    """A growing delay: the first `free` failures cost nothing, then `first` doubles with each one up to `longest`."""

    free: int
    first: timedelta
    longest: timedelta
    #: After this long without a failure, the count starts again.
    forgets_after: timedelta

    def wait(self, failures: int) -> timedelta:
        """How long to wait after the given number of failures in a row (0 or more)."""
        over = failures - self.free
        if over <= 0:
            return timedelta(0)
        # Capped before it is computed: 2 ** 10_000 seconds is no timedelta.
        return min(self.longest, self.first * (1 << min(over - 1, 30)))


def network_of(address: str) -> str:
    """The address, or the network that one subscriber of IPv6 has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network(f"{found}/64", strict=False))
    return str(found)


def throttle_key(*parts: str) -> bytes:
    """What tries are counted under: a hash, so that what was typed is not stored."""
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogateescape")).digest()


def typed_key(what: str, typed: str, organisation_id: UUID | None) -> bytes:
    """What tries are counted under. A mail address opens the same personal account at every firm's door: one count
    for all of them, or each door would give the same guesses again.
    """
    return throttle_key(what, "" if "@" in typed else str(organisation_id or ""), typed)


BY_IDENTIFIER = Throttle(
    free=3, first=timedelta(seconds=2), longest=timedelta(minutes=15), forgets_after=timedelta(hours=1)
)
#: By the place that tries come from. Offices of hundreds sign in from one within minutes: what succeeds is not counted.
BY_ADDRESS = Throttle(
    free=40, first=timedelta(seconds=1), longest=timedelta(minutes=2), forgets_after=timedelta(minutes=15)
)
#: Mails with a reset link: after the third the next one is not sent before a quarter of an hour has passed (the
#: page answers as ever).
RESETS = Throttle(free=2, first=timedelta(minutes=15), longest=timedelta(hours=1), forgets_after=timedelta(hours=1))
#: The same by address, for whoever writes to many people: a firm's office asks for a few in an hour.
RESETS_BY_ADDRESS = Throttle(
    free=20, first=timedelta(minutes=1), longest=timedelta(minutes=15), forgets_after=timedelta(hours=1)
)
#: Clients that register themselves where anybody may, by address.
REGISTRATIONS = Throttle(
    free=20, first=timedelta(minutes=1), longest=timedelta(hours=1), forgets_after=timedelta(hours=1)
)
#: Provisional passwords of one account: a firm prints a sheet again a few times, no more.
PROVISIONALS = Throttle(
    free=10, first=timedelta(minutes=1), longest=timedelta(minutes=15), forgets_after=timedelta(hours=1)
)
