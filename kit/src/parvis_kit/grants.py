"""What a membership may do, compiled by tenancy: a *grant set*. Services keep one under a short lease and drop it when
tenancy says so.

Scopes are resolved to advisers (memberships), never to lists of contacts; a resource row carries its advisers.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Literal
from uuid import UUID
from weakref import WeakValueDictionary

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.caller import Caller, MembershipKind
from parvis_kit.errors import forbidden, precondition, unauthenticated, unavailable

#: Everything in the organisation.
ALL: Final = "all"
Scope = Literal["all"] | frozenset[UUID]

#: How long a grant set may be used without hearing that it changed, in seconds.
LEASE = 60.0
#: The same while nobody would tell: the stream on which changes and ends are announced is silent.
LEASE_UNHEARD = 5.0
#: Pauses after answers that are older than what is known, in seconds.
_AGAIN = (0.02, 0.1, 0.0)

Fetch = Callable[[Caller], Awaitable["GrantSet"]]


@dataclass(frozen=True, slots=True)
class GrantSet:
    """Compiled rights of one membership."""

    membership_id: UUID
    organisation_id: UUID
    kind: MembershipKind
    #: Of the organisation's rights when this was compiled; a set under a lower one is never used once a higher was
    #: seen.
    revision: int
    #: Code of a right → how far it reaches.
    rights: Mapping[str, Scope]
    #: Of a portal access: contact → folder templates it is limited to, None for all shared ones. Empty for staff.
    portal_contacts: Mapping[UUID, frozenset[UUID] | None] = field(default_factory=dict)
    #: When a delegation begins or ends next: the set is not used from then on.
    valid_until: datetime | None = None
    #: The last revision, up to this one, at which advisers changed: what an index of them has to have reached.
    advisers_revision: int = 0
    #: Where the organisation is being closed, from when on it is erased: nothing in it changes any more.
    closes_at: datetime | None = None

    def allows(self, right: str) -> bool:
        """Whether the right is held with any scope."""
        return right in self.rights

    def scope(self, right: str) -> Scope | None:
        """How far a right reaches; None when it is not held."""
        return self.rights.get(right)

    def require(self, right: str) -> Scope:
        """As `scope`. Raises FORBIDDEN right_missing with the right's code."""
        scope = self.rights.get(right)
        if scope is None:
            raise forbidden("right_missing", right=right)
        return scope

    def reaches(self, right: str, advisers: frozenset[UUID]) -> bool:
        """Whether the right covers a resource with these advisers."""
        scope = self.rights.get(right)
        return scope == ALL or (scope is not None and not scope.isdisjoint(advisers))


#: Sets of advisers by their digest, as long as a grant set has them: what several rights, or all members of a group,
#: reach is kept once.
_reaches: WeakValueDictionary[bytes, frozenset[UUID]] = WeakValueDictionary()


def _reach(ids: Sequence[str]) -> frozenset[UUID]:
    digest = sha256("".join(ids).encode()).digest()
    return _reaches.get(digest) or _reaches.setdefault(digest, frozenset(map(UUID, ids)))


def from_message(message: tenancy_pb2.GrantSet) -> GrantSet:
    """A grant set as it travels."""
    return GrantSet(
        membership_id=UUID(message.membership_id),
        organisation_id=UUID(message.organisation_id),
        kind="portal" if message.kind == tenancy_pb2.MEMBERSHIP_KIND_PORTAL else "staff",
        revision=message.revision,
        rights={right.code: ALL if right.all else _reach(right.adviser_ids) for right in message.rights},
        portal_contacts={
            UUID(contact.contact_id): frozenset(map(UUID, contact.folder_template_ids)) or None
            for contact in message.contacts
        },
        valid_until=message.valid_until.ToDatetime(UTC) if message.HasField("valid_until") else None,
        advisers_revision=message.advisers_revision,
        closes_at=message.closes_at.ToDatetime(UTC) if message.HasField("closes_at") else None,
    )


class GrantCache:
    """Grant sets of the memberships that call this service, at most `size` of them. `unheard` says whether changes may
    have been announced that this process does not know of.
    """

    def __init__(self, fetch: Fetch, *, unheard: Callable[[], bool] = lambda: False, size: int = 10_000) -> None:
        self._fetch = fetch
        self._unheard = unheard
        self._size = size
        #: When each was asked for, and what the answer was.
        self._sets: OrderedDict[UUID, tuple[float, GrantSet]] = OrderedDict()
        #: Revision that an organisation has reached, as far as broadcasts and answers told.
        self._reached: dict[UUID, int] = {}

    async def get(self, caller: Caller, *, at_least: int = 0) -> GrantSet:
        """The caller's grant set, of revision `at_least` or later. Raises UNAUTHENTICATED membership_ended when the
        access was cut, UNAVAILABLE when tenancy is down, PRECONDITION revision_ahead for a revision of the future.
        """
        if caller.membership_id is None or caller.organisation_id is None:
            raise unauthenticated("no_membership")
        held = self._sets.get(caller.membership_id)
        now = time.monotonic()
        if held is not None and now < held[0] + (LEASE_UNHEARD if self._unheard() else LEASE):
            until = held[1].valid_until
            if held[1].revision >= at_least and (until is None or datetime.now(UTC) < until):
                return held[1]
        # A set compiled before the newest change that was announced is asked for again: the answer crossed the
        # broadcast.
        for pause in _AGAIN:
            grants = await self._fetch(caller)
            if grants.revision >= max(at_least, self._reached.get(grants.organisation_id, 0)):
                break
            await asyncio.sleep(pause)
        else:
            if grants.revision < at_least:
                raise precondition("revision_ahead", revision=str(at_least), reached=str(grants.revision))
            raise unavailable("grants_behind", service="tenancy")
        self._reached[grants.organisation_id] = grants.revision  # an older answer that is still on its way is too late
        self._sets[caller.membership_id] = (now, grants)
        self._sets.move_to_end(caller.membership_id)
        if len(self._sets) > self._size:
            self._sets.popitem(last=False)
        return grants

    def drop(self, organisation_id: UUID, membership_ids: frozenset[UUID], revision: int) -> None:
        """Forgets sets under a lower revision: of these memberships, or of the whole organisation when none is
        named.
        """
        self._reached[organisation_id] = max(revision, self._reached.get(organisation_id, 0))
        for membership_id, (_, grants) in list(self._sets.items()):
            named = membership_id in membership_ids if membership_ids else grants.organisation_id == organisation_id
            if named and grants.revision < revision:
                del self._sets[membership_id]
