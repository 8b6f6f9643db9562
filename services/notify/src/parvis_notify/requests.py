"""Mails about requests for an account: to the address that is to be proven, to those who answer, to whoever asked."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from parvis.identity.v1 import events_pb2 as identity_events
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis.tenancy.v1 import tenancy_pb2
from parvis_notify import store
from parvis_notify.domain import templates
from parvis_notify.domain.kinds import Kind
from parvis_notify.service.composing import NO_ADVISER, Announcement, Composer, Recipient

if TYPE_CHECKING:
    from parvis_kit.bus import Envelope
    from parvis_kit.unit import UnitOfWork

_KINDS = {
    tenancy_pb2.REQUEST_OUTCOME_ACCEPTED: Kind.REQUEST_ACCEPTED,
    tenancy_pb2.REQUEST_OUTCOME_DECLINED: Kind.REQUEST_DECLINED,
    tenancy_pb2.REQUEST_OUTCOME_EXPIRED: Kind.REQUEST_EXPIRED,
    tenancy_pb2.REQUEST_OUTCOME_ALREADY_MEMBER: Kind.REQUEST_ALREADY_MEMBER,
    tenancy_pb2.REQUEST_OUTCOME_ACCESS_CUT: Kind.REQUEST_ACCESS_CUT,
    tenancy_pb2.REQUEST_OUTCOME_CLOSED: Kind.REQUEST_CLOSED,
    tenancy_pb2.REQUEST_OUTCOME_TOO_SOON: Kind.REQUEST_TOO_SOON,
}
#: After these the person is in: the link leads to the organisation. After the others, to their request.
_INSIDE = {Kind.REQUEST_ACCEPTED, Kind.REQUEST_ALREADY_MEMBER}
#: No request was kept.
_NOWHERE = {Kind.REQUEST_ACCESS_CUT, Kind.REQUEST_CLOSED}


@dataclass(frozen=True)
class RequestMails:
    """The handlers, by name of the event."""

    composer: Composer

    async def opened(
        self, unit: "UnitOfWork", event: identity_events.AccessRequestOpened, envelope: "Envelope"
    ) -> None:
        """A link to whoever asked: opening it proves the address."""
        what = Announcement(
            kind=Kind.REQUEST_CONFIRMATION,
            event_id=envelope.id,
            values={"prénom": event.given_name, "société": event.organisation_name},
            one_time_link={
                "link_id": event.request_id,
                "account_id": "",
                "purpose": "LINK_PURPOSE_REQUEST",
                "organisation_slug": event.organisation_slug,
            },
        )
        await self.composer.announce(unit, what, _person(event))

    async def received(
        self, unit: "UnitOfWork", event: tenancy_events.AccessRequestReceived, envelope: "Envelope"
    ) -> None:
        """Everybody who may answer is told, once for a request. What a stranger wrote is read in the portal: a mail of
        ours carries no text of theirs.
        """
        face = await self.composer.face(unit, envelope)
        what = Announcement(
            kind=Kind.REQUEST_RECEIVED,
            event_id=envelope.id,
            values={
                "expéditeur": f"{event.given_name} {event.family_name}",
                "adresse": event.mail,
                "société": face.name,
            },
            link=self.composer.address(face.slug, "settings/people/requests"),
        )
        told = [each for each in await store.memberships(unit, list(map(UUID, event.approver_ids))) if each.active]
        for each in told:
            to = Recipient(f"{each.given_name} {each.family_name}", each.mail, each.locale, str(each.id))
            of_each = replace(what, values={**what.values, "prénom": each.given_name})
            await self.composer.announce(unit, of_each, to)
        if not told:
            await self.composer.announce(unit, what, Recipient("", "", ""), failed=NO_ADVISER)

    async def answered(
        self, unit: "UnitOfWork", event: tenancy_events.AccessRequestAnswered, envelope: "Envelope"
    ) -> None:
        """The person hears what became of their request."""
        face = await self.composer.face(unit, envelope)
        kind = _KINDS[event.outcome]
        page = "organisations" if kind in _NOWHERE else f"requests/{face.slug}"
        what = Announcement(
            kind=kind,
            event_id=envelope.id,
            values={
                "prénom": event.given_name,
                "société": face.name,
                "motif": event.reason,
                "jour": templates.day(event.again_on, templates.given_locale([event.locale])),
            },
            link=self.composer.address(face.slug) if kind in _INSIDE else f"{self.composer.public_url}/{page}",
        )
        await self.composer.announce(unit, what, _person(event))


def _person(event: identity_events.AccessRequestOpened | tenancy_events.AccessRequestAnswered) -> Recipient:
    return Recipient(f"{event.given_name} {event.family_name}", event.mail, event.locale, event.request_id)
