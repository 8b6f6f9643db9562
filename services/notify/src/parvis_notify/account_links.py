"""Mails about accounts that are linked: to both addresses, and of no firm, which knows nothing of the personal one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parvis.identity.v1 import events_pb2 as identity_events
from parvis_kit.caller import Caller
from parvis_notify.domain import NOBODY, Kind
from parvis_notify.service.composing import Announcement, Composer, Recipient

if TYPE_CHECKING:
    from parvis_kit.bus import Delivery
    from parvis_kit.unit import Database


@dataclass(frozen=True)
class AccountLinkMails:
    """The handlers, by name of the event."""

    composer: Composer
    database: "Database"

    async def linked(self, delivery: "Delivery", event: identity_events.AccountLinked) -> None:
        """Two accounts were linked."""
        await self._tell(delivery, event.link, Kind.ACCOUNT_LINKED)

    async def unlinked(self, delivery: "Delivery", event: identity_events.AccountUnlinked) -> None:
        """A link ended."""
        await self._tell(delivery, event.link, Kind.ACCOUNT_UNLINKED)

    async def _tell(self, delivery: "Delivery", link: identity_events.AccountLink, kind: Kind) -> None:
        what = Announcement(
            kind=kind,
            event_id=delivery.envelope.id,
            values={
                "prénom": link.given_name,
                "identifiant": link.identifier,
                "société": link.organisation_name,
            },
            link=f"{self.composer.public_url}/links",
        )
        name = f"{link.given_name} {link.family_name}"
        async with self.database.begin(Caller("notify"), organisation_id=NOBODY) as unit:
            for mail in dict.fromkeys((link.personal_mail, link.managed_mail)):
                if mail:
                    await self.composer.announce(unit, what, Recipient(name, mail, link.locale))
            await delivery.finish(unit)
