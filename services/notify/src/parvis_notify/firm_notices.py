"""Mails to those who administer an organisation (how it signs in, that it closes), and to a domain's postmaster."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from parvis.identity.v1 import events_pb2 as identity_events
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis_kit.caller import Caller
from parvis_notify import store
from parvis_notify.domain import deliveries, templates
from parvis_notify.domain.kinds import Kind
from parvis_notify.service.composing import Announcement, Composer, Recipient

if TYPE_CHECKING:
    from parvis_kit.bus import Delivery, Envelope
    from parvis_kit.unit import Database, UnitOfWork

_DIRECTORIES = "settings/sign-in/directories"
#: Kind of a notice → the page of the organisation that it leads to.
_PAGES = {
    Kind.DOMAIN_LOST: "settings/sign-in/domains",
    Kind.DOMAIN_OFF: "settings/sign-in/domains",
    Kind.DOMAIN_CLAIMED: "settings/sign-in/domains",
    Kind.DOMAIN_SHARED: "settings/sign-in/domains",
    Kind.SIGN_IN_SUSPICIOUS: _DIRECTORIES,
    Kind.DIRECTORY_ADDED: _DIRECTORIES,
    Kind.DIRECTORY_CHANGED: _DIRECTORIES,
    Kind.DIRECTORY_LIVE: _DIRECTORIES,
    Kind.DIRECTORY_OFF: _DIRECTORIES,
    Kind.DIRECTORY_DELETED: _DIRECTORIES,
    Kind.DIRECTORY_CERTIFICATE: _DIRECTORIES,
    Kind.DIRECTORY_TOKEN: "settings/sign-in/scim",
    Kind.DIRECTORY_ADDRESS_REFUSED: "settings/sign-in/scim",
    Kind.DIRECTORY_LEAVER_KEPT: "settings/people",
    Kind.ORGANISATION_CLOSING: "settings/data/closing",
    Kind.ORGANISATION_CLOSES_SOON: "settings/data/closing",
    Kind.ORGANISATION_REOPENED: "settings/data",
}
#: What trust in a directory rests on, as its pages call it.
_SETTINGS: Mapping[str, Mapping[str, str]] = {
    "issuer": {"fr": "émetteur", "en": "issuer"},
    "client_id": {"fr": "identifiant client", "en": "client ID"},
    "secret": {"fr": "secret client", "en": "client secret"},
    "subject": {"fr": "attribut qui désigne la personne", "en": "claim that says who somebody is"},
    "scim_match": {"fr": "rapprochement avec la synchronisation", "en": "match with the synchronisation"},
    "second_factor": {"fr": "confiance dans sa double authentification", "en": "trust in its second factor"},
    "metadata": {"fr": "provenance des métadonnées", "en": "where its metadata come from"},
    "certificates": {"fr": "certificats", "en": "certificates"},
}


def _counted(said: str) -> str:
    """From "nonce_wrong 3,browser_differs 1" to "nonce_wrong (3), browser_differs (1)"."""
    parts = (each.partition(" ") for each in said.split(",") if each)
    return ", ".join(f"{name} ({count})" for name, _, count in parts)


_SOMEBODY = {"fr": "Un administrateur", "en": "An administrator"}


@dataclass(frozen=True)
class FirmNotices:
    """The handlers, by name of the event."""

    composer: Composer
    database: "Database"

    async def noticed(
        self, unit: "UnitOfWork", event: tenancy_events.AdministratorsNoticed, envelope: "Envelope"
    ) -> None:
        """Each of them hears of it, in their language. A kind that is not known here is not said."""
        known = {each.value: each for each in _PAGES}
        kind = known.get(event.kind)
        if kind is None:
            return
        face = await self.composer.face(unit, envelope)
        what = Announcement(
            kind=kind, event_id=envelope.id, values={}, link=self.composer.address(face.slug, _PAGES[kind])
        )
        told = [each for each in await store.memberships(unit, list(map(UUID, event.membership_ids))) if each.active]
        for each in told:
            locale = templates.given_locale([each.locale])
            changed = [_SETTINGS[name][locale] for name in event.values.get("what", "").split(",") if name in _SETTINGS]
            values = {
                "prénom": each.given_name,
                "société": face.name,
                "messagerie": event.values.get("domain", ""),
                "jour": templates.day(event.values.get("until", ""), locale),
                "annuaire": event.values.get("provider", ""),
                "contrôle": event.values.get("check", ""),
                "suite": _counted(event.values.get("since", "")),
                "auteur": event.values.get("who", "") or _SOMEBODY[locale],
                "réglages": ", ".join(changed),
                "personne": event.values.get("person", ""),
            }
            to = Recipient(f"{each.given_name} {each.family_name}", each.mail, each.locale, str(each.id))
            await self.composer.announce(unit, replace(what, values=values), to)

    async def organisation_gone(self, delivery: "Delivery", event: tenancy_events.OrganisationGone) -> None:
        """Who administered an organisation hears that it is erased: by mails of no firm, since there is none left."""
        async with self.database.begin(Caller("notify"), organisation_id=deliveries.NOBODY) as unit:
            for each in event.administrators:
                what = Announcement(
                    kind=Kind.ORGANISATION_ERASED,
                    event_id=delivery.envelope.id,
                    values={"prénom": each.given_name, "société": event.organisation_name},
                    link=f"{self.composer.public_url}/",
                )
                name = f"{each.given_name} {each.family_name}".strip()
                await self.composer.announce(unit, what, Recipient(name, each.mail, each.locale))
            await delivery.finish(unit)

    async def domain_proof_asked(
        self, unit: "UnitOfWork", event: identity_events.DomainProofAsked, envelope: "Envelope"
    ) -> None:
        """A link to whoever runs the mail of a domain."""
        what = Announcement(
            kind=Kind.DOMAIN_PROOF,
            event_id=envelope.id,
            values={"messagerie": event.domain, "société": event.organisation_name},
            one_time_link={
                "link_id": event.link_id,
                "account_id": "",
                "purpose": "LINK_PURPOSE_DOMAIN",
                "organisation_slug": event.organisation_slug,
            },
        )
        await self.composer.announce(unit, what, Recipient("", event.mail, event.locale, event.link_id))
