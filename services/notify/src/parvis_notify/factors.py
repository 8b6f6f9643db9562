"""Mails about somebody's second factors: of no firm, since they open all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING
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

_KINDS: Mapping[int, Kind] = MappingProxyType({
    identity_events.FACTORS_CHANGE_ADDED: Kind.FACTOR_ADDED,
    identity_events.FACTORS_CHANGE_REMOVED: Kind.FACTOR_REMOVED,
    identity_events.FACTORS_CHANGE_CODES_RENEWED: Kind.RECOVERY_CODES_RENEWED,
    identity_events.FACTORS_CHANGE_CODE_USED: Kind.RECOVERY_CODE_USED,
    identity_events.FACTORS_CHANGE_REFUSED: Kind.FACTOR_REFUSED,
    identity_events.FACTORS_CHANGE_RESET_ASKED: Kind.FACTOR_RESET_ASKED,
    identity_events.FACTORS_CHANGE_RESET_DONE: Kind.FACTOR_RESET_DONE,
})  # fmt: skip
#: Of factors without a name of their own.
_CALLED: Mapping[tuple[str, str], str] = MappingProxyType({
    ("totp", "fr"): "application d’authentification",
    ("totp", "en"): "authenticator application",
    ("passkey", "fr"): "clé d’accès",
    ("passkey", "en"): "passkey",
})  # fmt: skip
_ZONE = ZoneInfo("Europe/Paris")


@dataclass(frozen=True)
class FactorMails:
    """The handler of the one event."""

    composer: Composer
    database: "Database"

    async def changed(self, delivery: "Delivery", event: identity_events.FactorsChanged) -> None:
        """Something happened to somebody's second factors: they are told."""
        kind = _KINDS.get(event.change)
        async with self.database.begin(Caller("notify"), organisation_id=NOBODY) as unit:
            if kind is not None:
                what = self._said(kind, delivery, event)
                to = Recipient(f"{event.given_name} {event.family_name}".strip(), event.mail, event.locale)
                await self.composer.announce(unit, what, to)
            await delivery.finish(unit)

    def _said(self, kind: Kind, delivery: "Delivery", event: identity_events.FactorsChanged) -> Announcement:
        locale = templates.given_locale([event.locale])
        values = {
            "prénom": event.given_name,
            "facteur": _CALLED.get((event.factor, locale), event.factor),
            "appareil": event.device,
            "restants": str(event.codes_left),
            "société": event.organisation_name,
            "jour": _when(event, locale),
        }
        if kind is Kind.FACTOR_RESET_ASKED:
            stops = {
                "link_id": event.reset_id,
                "account_id": event.account_id,
                "purpose": "LINK_PURPOSE_FACTOR_RESET",
                "organisation_slug": "",
            }
            return Announcement(kind=kind, event_id=delivery.envelope.id, values=values, one_time_link=stops)
        link = f"{self.composer.public_url}/factors"
        return Announcement(kind=kind, event_id=delivery.envelope.id, values=values, link=link)


def _when(event: identity_events.FactorsChanged, locale: str) -> str:
    """Day and hour at which a reset takes place; empty when none does."""
    if not event.HasField("due_at"):
        return ""
    at = event.due_at.ToDatetime(tzinfo=ZoneInfo("UTC")).astimezone(_ZONE)
    day = f"{'1er' if at.day == 1 and locale == 'fr' else at.day} {templates.MONTHS[locale][at.month - 1]} {at.year}"
    return f"{day} à {at:%H:%M}" if locale == "fr" else f"{day} at {at:%H:%M}"
