"""Mails about the erasure of somebody's account: of no firm. The last one leaves nothing behind (`service.sending`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from parvis.identity.v1 import events_pb2 as identity_events
from parvis_kit.caller import Caller
from parvis_notify.domain import templates
from parvis_notify.domain.deliveries import NOBODY
from parvis_notify.domain.kinds import Kind
from parvis_notify.service.composing import Announcement, Composer, Recipient

if TYPE_CHECKING:
    from parvis_kit.bus import Delivery
    from parvis_kit.unit import Database

#: What is said of each change, and the page that its button opens.
_SAID: Mapping[int, tuple[Kind, str]] = MappingProxyType({
    identity_events.ERASURE_CHANGE_ASKED: (Kind.ERASURE_ASKED, "login"),
    identity_events.ERASURE_CHANGE_TAKEN_BACK: (Kind.ERASURE_TAKEN_BACK, "account"),
    identity_events.ERASURE_CHANGE_DONE: (Kind.ERASURE_DONE, "legal"),
    identity_events.ERASURE_CHANGE_WAITS: (Kind.ERASURE_WAITS, "login"),
    identity_events.ERASURE_CHANGE_IDLE: (Kind.ACCOUNT_IDLE, "login"),
    identity_events.ERASURE_CHANGE_IDLE_KEPT: (Kind.ACCOUNT_IDLE_KEPT, "login"),
})  # fmt: skip
_ZONE = ZoneInfo("Europe/Paris")


@dataclass(frozen=True)
class ErasureMails:
    """The handler of the one event."""

    composer: Composer
    database: "Database"

    async def changed(self, delivery: "Delivery", event: identity_events.ErasureChanged) -> None:
        """An erasure was asked for, waits, was taken back or done: whose account it is or was is told."""
        said = _SAID.get(event.change)
        async with self.database.begin(Caller("notify"), organisation_id=NOBODY) as unit:
            if said is not None:
                kind, page = said
                door = f"/{event.door}" if page == "login" and event.door else ""
                what = Announcement(
                    kind=kind,
                    event_id=delivery.envelope.id,
                    values={"prénom": event.given_name, "jour": _day(event), "société": event.organisations},
                    link=f"{self.composer.public_url}/{page}{door}",
                    message_id=UUID(event.message_id) if event.message_id else None,
                )
                to = Recipient(f"{event.given_name} {event.family_name}".strip(), event.mail, event.locale)
                await self.composer.announce(unit, what, to)
            await delivery.finish(unit)


def _day(event: identity_events.ErasureChanged) -> str:
    if not event.HasField("due_at"):
        return ""
    at = event.due_at.ToDatetime(tzinfo=ZoneInfo("UTC")).astimezone(_ZONE)
    return templates.day(at.date().isoformat(), templates.given_locale([event.locale]))
