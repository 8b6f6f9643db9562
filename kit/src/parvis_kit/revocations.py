"""Sessions, memberships and accounts that ended while tokens for them still live, known in memory.

The set is filled from the stream at the start (as far back as tokens live) and by broadcast from then on. A heartbeat
travels behind every revocation: while one was heard lately, nothing can be missing. Otherwise the set is stale, and the
edge asks whoever issues tokens instead of trusting it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from google.protobuf.message import Message

from parvis.identity.v1.events_pb2 import AccountDisabled, RevocationHeartbeat, SessionEnded
from parvis.tenancy.v1.events_pb2 import MembershipCut
from parvis_kit.bus import Bus
from parvis_kit.caller import Caller
from parvis_kit.envelope import Envelope

#: An event's time is its transaction's beginning: a token of this much later may still have been issued before the end.
_MARGIN = timedelta(seconds=1)
#: Event → its field that says what ended, as in `Caller`.
_ENDINGS: Final[Mapping[type[Message], str]] = {
    SessionEnded: "session_id", MembershipCut: "membership_id", AccountDisabled: "account_id"
}  # fmt: skip


class Revocations:
    """What must no longer be let in. `lifetime` is that of a token; `silence` is how long no heartbeat may be normal;
    `sources` are the services that end things: each publishes the heartbeat, behind its own revocations.

    Memberships and accounts may come back: a token issued after their end is good (`Caller.issued_at`), since identity
    issues none while they are ended.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        sources: Sequence[str] = ("identity", "tenancy"),
        lifetime: timedelta = timedelta(hours=1),
        silence: timedelta = timedelta(seconds=30),
    ) -> None:
        self._lifetime = lifetime
        self._silence = silence
        self._ended: dict[tuple[str, UUID], datetime] = {}
        self._complete_at = dict.fromkeys(sources, datetime.min.replace(tzinfo=UTC))
        self._sweep_at = datetime.now(UTC) + lifetime
        for event_class, field in _ENDINGS.items():
            bus.broadcast(event_class, partial(self._end, field), replay=lifetime)
        bus.broadcast(RevocationHeartbeat, self._beat)

    @property
    def stale(self) -> bool:
        """Whether revocations may be missing: nothing was heard for a while, or not yet."""
        return self.silent_for > self._silence.total_seconds()

    @property
    def silent_for(self) -> float:
        """Seconds since which endings may be missing."""
        return (datetime.now(UTC) - min(self._complete_at.values())).total_seconds()

    def is_revoked(self, caller: Caller) -> bool:
        """Whether the caller's session, membership or account ended. Meaningful while not `stale`."""
        for field in _ENDINGS.values():
            ended = self._ended.get((field, getattr(caller, field)))
            issued = None if field == "session_id" else caller.issued_at  # a session never comes back
            if ended is not None and (issued is None or issued <= ended + _MARGIN):
                return True
        return False

    def _end(self, field: str, event: Message, envelope: Envelope) -> None:
        key = (field, UUID(getattr(event, field)))
        self._ended[key] = max(envelope.time, self._ended.get(key, envelope.time))

    def _beat(self, _event: Message, envelope: Envelope) -> None:
        # The time that it was sent, not heard: one that was held up proves less.
        if envelope.source in self._complete_at:
            self._complete_at[envelope.source] = max(self._complete_at[envelope.source], envelope.time)
        now = datetime.now(UTC)
        if now >= self._sweep_at:
            self._sweep_at = now + self._lifetime / 10
            old = now - self._lifetime * 2
            self._ended = {key: at for key, at in self._ended.items() if at > old}
