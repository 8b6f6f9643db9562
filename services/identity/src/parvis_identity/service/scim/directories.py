"""Who is let in: a firm's directory, by a token of its organisation; and how often it may ask."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from parvis_identity.domain.links import digest_of
from parvis_identity.domain.scim.refusals import ScimRefusal
from parvis_identity.store import scim as store
from parvis_kit.caller import Caller
from parvis_kit.unit import Database, UnitOfWork

#: Requests of one token that each process answers: so many at once, and so many a second from then on. (Entra ID asks
#: for 25 a second.)
AT_ONCE, EACH_SECOND = 1000.0, 50.0
#: Tokens whose requests are counted; beyond, those that were quiet for longest are forgotten, which costs nothing.
_COUNTED = 5000


@dataclass(frozen=True, slots=True)
class Directory:
    """A firm's directory, let in by one of its tokens."""

    token_id: UUID
    organisation_id: UUID


class Directories:
    """See the module."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._caller = Caller("identity")
        #: By token: how many requests are left, and as of when.
        self._left: dict[UUID, tuple[float, float]] = {}

    async def let_in(self, bearer: str) -> Directory:
        """Whose token it is. Raises ScimRefusal 401, or 429 with `retry_after` in its detail."""
        if not bearer:
            raise ScimRefusal(401, "A token is missing: Authorization: Bearer …", check="token_missing")
        async with self._database.begin(self._caller) as unit:
            found = await store.valid_token(unit, digest_of(bearer))
        if found is None:
            raise ScimRefusal(401, "The token is unknown, revoked, or has expired.", check="token_unknown")
        self._count(found[0])
        return Directory(*found)

    def _count(self, token_id: UUID) -> None:
        now = time.monotonic()
        left, since = self._left.pop(token_id, (AT_ONCE, now))
        left = min(AT_ONCE, left + (now - since) * EACH_SECOND)
        if len(self._left) >= _COUNTED:
            del self._left[next(iter(self._left))]
        self._left[token_id] = (max(left - 1, 0.0), now)
        if left < 1:
            raise ScimRefusal(429, "Too many requests with this token. Wait a second.", check="too_often")

    @asynccontextmanager
    async def acting(self, directory: Directory, *, outside: bool = False) -> AsyncIterator[UnitOfWork]:
        """A transaction of the directory's organisation; `outside`: begun in none, to enter it later."""
        organisation_id = None if outside else directory.organisation_id
        async with self._database.begin(self._caller, organisation_id=organisation_id) as unit:
            yield unit
