"""Mails about accounts that are linked: to both addresses, and of no firm, which knows nothing of the personal one.

Each is written to the name of its own account: the firm can correct the address of its account, and would read there
whose personal account it is.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parvis.identity.v1 import events_pb2 as identity_events
from parvis_kit.caller import Caller
from parvis_notify.domain.deliveries import NOBODY
from parvis_notify.domain.kinds import Kind
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

    async def directory(self, delivery: "Delivery", event: identity_events.DirectoryLinkChanged) -> None:
        """Somebody's own account and a firm's directory were linked, or are no more: they are told."""
        async with self.database.begin(Caller("notify"), organisation_id=NOBODY) as unit:
            what = Announcement(
                kind=Kind.ACCOUNT_DIRECTORY_UNLINKED if event.ended else Kind.ACCOUNT_DIRECTORY_LINKED,
                event_id=delivery.envelope.id,
                values={
                    "prénom": event.given_name,
                    "annuaire": event.directory,
                    "société": event.organisation_name,
                },
                link=f"{self.composer.public_url}/links",
            )
            name = f"{event.given_name} {event.family_name}".strip()
            await self.composer.announce(unit, what, Recipient(name, event.mail, event.locale))
            await delivery.finish(unit)

    async def _tell(self, delivery: "Delivery", link: identity_events.AccountLink, kind: Kind) -> None:
        async with self.database.begin(Caller("notify"), organisation_id=NOBODY) as unit:
            for mail, (given, family, locale) in _sides(link).items():
                what = Announcement(
                    kind=kind,
                    event_id=delivery.envelope.id,
                    values={"prénom": given, "identifiant": link.identifier, "société": link.organisation_name},
                    link=f"{self.composer.public_url}/links",
                )
                await self.composer.announce(unit, what, Recipient(f"{given} {family}".strip(), mail, locale))
            await delivery.finish(unit)


def _sides(link: identity_events.AccountLink) -> dict[str, tuple[str, str, str]]:
    """Address → given name, family name and language of the account that it belongs to; one mail to one address."""
    managed = link.managed_given_name, link.managed_family_name, link.managed_locale or link.locale
    personal = link.given_name, link.family_name, link.locale
    return {mail: who for mail, who in ((link.managed_mail, managed), (link.personal_mail, personal)) if mail}
