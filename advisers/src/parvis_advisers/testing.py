"""What a test of an index of advisers plays with: a tenancy that changes advisers, tells of it, and can be asked."""

from dataclasses import dataclass, field
from uuid import UUID

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.ids import uuid7


@dataclass
class PlayedTenancy:
    """One organisation's contacts. Changes take revisions, between which others may lie that change no adviser."""

    organisation_id: UUID = field(default_factory=uuid7)
    revision: int = 1
    advisers_revision: int = 0
    #: Contact → as it is now, with the revisions of its last change of advisers and of the one before.
    contacts: dict[str, events_pb2.ContactChanged] = field(default_factory=dict)
    news: list[events_pb2.ContactChanged] = field(default_factory=list)
    #: Contacts in a page of what is asked for.
    page: int = 2

    def advise(self, contact_id: str, *advisers: UUID, skipped: int = 0) -> events_pb2.ContactChanged:
        """Gives a contact, made where there is none, these advisers, `skipped` revisions later than the next one."""
        now = self.contacts.setdefault(contact_id, events_pb2.ContactChanged())
        self.revision += 1 + skipped
        now.previous, now.revision, self.advisers_revision = self.advisers_revision, self.revision, self.revision
        del now.contact.advisers[:]
        now.contact.advisers.extend(tenancy_pb2.Adviser(membership_id=str(each)) for each in advisers)
        return self._told(contact_id)

    def rename(self, contact_id: str, name: str) -> events_pb2.ContactChanged:
        """Changes something else of a contact: its news repeat the last change of advisers."""
        self.contacts[contact_id].contact.name = name
        return self._told(contact_id)

    def _told(self, contact_id: str) -> events_pb2.ContactChanged:
        now = self.contacts[contact_id]
        now.contact.id, now.contact.kind = contact_id, tenancy_pb2.CONTACT_KIND_CLIENT
        now.contact.name = now.contact.name or "Menuiserie Kerautret"
        now.contact.version += 1
        said = events_pb2.ContactChanged()
        said.CopyFrom(now)
        self.news.append(said)
        return said

    async def changes(self, asked: tenancy_pb2.ListAdviserChangesRequest) -> tenancy_pb2.ListAdviserChangesResponse:
        """RightsService.ListAdviserChanges, a page of two at a time."""
        after = int(asked.page_token or asked.after_revision)
        found = sorted(
            (each for each in self.contacts.values() if each.revision > after), key=lambda each: each.revision
        )
        shown = found[: self.page]
        return tenancy_pb2.ListAdviserChangesResponse(
            contacts=[each.contact for each in shown],
            next_page_token=str(shown[-1].revision) if len(found) > len(shown) else "",
            revision=self.advisers_revision,
        )

    def advisers_at(self, revision: int) -> dict[str, tuple[int, frozenset[str]]]:
        """Contact → version and advisers after the last change up to a revision: the least that a copy has which says
        that it reached it.
        """
        return {
            each.contact.id: (each.contact.version, advisers_in(each.contact))
            for each in sorted(self.news, key=lambda each: (each.revision, -each.contact.version))
            if each.revision <= revision
        }


def advisers_in(contact: tenancy_pb2.Contact) -> frozenset[str]:
    """The memberships in charge of a contact."""
    return frozenset(each.membership_id for each in contact.advisers)
