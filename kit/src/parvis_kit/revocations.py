"""Sessions, memberships and accounts that ended while tokens for them still live, known in memory.

The set is filled from the stream at the start (as far back as tokens live) and by broadcast from then on. A heartbeat
travels behind every revocation: while one was heard lately, nothing can be missing. Otherwise the set is stale, and the
edge asks whoever issues tokens instead of trusting it.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from google.protobuf.message import Message

from parvis_kit.bus import Bus
from parvis_kit.caller import Caller
from parvis_kit.envelope import Envelope

#: An event's time is its transaction's beginning: a token of this much later may still have been issued before the end.
_MARGIN = timedelta(seconds=1)

#: An event class, and how to find in one event the identifier of what ended.
Ending = tuple[type[Message], Callable[[Any], str]]


class Revocations:
    """What must no longer be let in. `lifetime` is that of a token; `silence` is how long no heartbeat may be normal.

    `sources` are the services that end things: each publishes the heartbeat, behind its own revocations.

    Memberships and accounts may come back: a token issued after their end is good (`Caller.issued_at`), since identity
    issues none while they are ended.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        sessions: Sequence[Ending],
        memberships: Sequence[Ending],
        accounts: Sequence[Ending],
        heartbeat: type[Message],
        sources: Sequence[str],
        lifetime: timedelta = timedelta(hours=1),
        silence: timedelta = timedelta(seconds=30),
    ) -> None:
        self._lifetime = lifetime
        self._silence = silence
        self._ended: dict[tuple[str, UUID], datetime] = {}
        self._complete_at = dict.fromkeys(sources, datetime.min.replace(tzinfo=UTC))
        self._sweep_at = datetime.now(UTC) + lifetime
        for kind, endings in (("session", sessions), ("membership", memberships), ("account", accounts)):
            for event_class, identify in endings:
                bus.broadcast(event_class, self._ender(kind, identify), replay=lifetime)
        bus.broadcast(heartbeat, self._beat)

    @property
    def stale(self) -> bool:
        """Whether revocations may be missing: nothing was heard for a while, or not yet."""
        return datetime.now(UTC) - min(self._complete_at.values()) > self._silence

    def is_revoked(self, caller: Caller) -> bool:
        """Whether the caller's session, membership or account ended. Meaningful while not `stale`."""
        if caller.session_id is not None and ("session", caller.session_id) in self._ended:
            return True
        for kind, identifier in (("membership", caller.membership_id), ("account", caller.account_id)):
            ended = self._ended.get((kind, identifier)) if identifier is not None else None
            if ended is not None and (caller.issued_at is None or caller.issued_at <= ended + _MARGIN):
                return True
        return False

    def _ender(self, kind: str, identify: Callable[[Any], str]) -> Callable[[Any, Envelope], None]:
        def end(event: Message, envelope: Envelope) -> None:
            key = (kind, UUID(identify(event)))
            self._ended[key] = max(envelope.time, self._ended.get(key, envelope.time))

        return end

    def _beat(self, _event: Message, envelope: Envelope) -> None:
        # The time that it was sent, not heard: one that was held up proves less.
        if envelope.source in self._complete_at:
            self._complete_at[envelope.source] = max(self._complete_at[envelope.source], envelope.time)
        now = datetime.now(UTC)
        if now >= self._sweep_at:
            self._sweep_at = now + self._lifetime / 10
            old = now - self._lifetime * 2
            self._ended = {key: at for key, at in self._ended.items() if at > old}
