"""How much one account has at once: whoever loops, or opens everything, keeps no page from others.

Each process counts for itself.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from parvis_kit.errors import limit

#: Requests of one account that are answered at the same time by one process. A page opens three; many tabs, some more.
REQUESTS = 40
#: Files among them that are made while they are sent (exports): each asks every service for all that it has.
FILES = 2


class Shares:
    """Of one process; `requests` of each account, 0: as many as it likes."""

    def __init__(self, requests: int = REQUESTS) -> None:
        self._most = requests
        self._requests = Counter[UUID]()
        self._files = Counter[UUID]()

    @contextmanager
    def taken(self, account_id: UUID, *, file: bool = False) -> Iterator[None]:
        """While something is answered. Raises LIMIT too_much_at_once, files_at_once."""
        if 0 < self._most <= self._requests[account_id]:
            raise limit("too_much_at_once")
        if file and self._files[account_id] >= FILES:
            raise limit("files_at_once", most=str(FILES))
        self._requests[account_id] += 1
        self._files[account_id] += file
        try:
            yield
        finally:
            self._requests[account_id] -= 1
            self._files[account_id] -= file
            self._requests += Counter()  # forgets whoever has nothing left
            self._files += Counter()
