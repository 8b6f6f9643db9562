"""Contacts, their people, who advises them, and the portal accesses that act for them."""

from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid
from sqlmodel import Field

from parvis_tenancy.models.base import (
    Fact,
    Owned,
    Postal,
    Sorted,
    Versioned,
    choice,
    number,
    of_organisation,
    owned_reference,
)


class Contact(Owned, Postal, Versioned, Sorted, table=True):
    """A record of someone an organisation works for or employs."""

    __tablename__ = "contacts"
    __table_args__ = (
        of_organisation(),
        UniqueConstraint("organisation_id", "kind", "code", name="contacts_code"),
        Index("contacts_by_name", "organisation_id", "kind", "sort_key", "id"),
        Index("contacts_by_advisers_revision", "organisation_id", "advisers_revision"),
    )

    id: UUID = Field(primary_key=True)
    kind: int = choice()
    code: str
    name: str
    mail_main: str = ""
    mail_quotes: str = ""
    mail_billing: str = ""
    mail_reminders: str = ""
    siren: str = ""
    vat_number: str = ""
    telephone: str = ""
    locale: str = "fr"
    #: The revision at which its advisers changed last, and the one before at which those of any contact did.
    advisers_revision: int = number(default=0)
    advisers_previous: int = number(default=0)


class ContactCodeCounter(Owned, table=True):
    """The last number given to a contact of this kind. Whoever takes the next one holds the row until the commit."""

    __tablename__ = "contact_code_counters"
    __table_args__ = (of_organisation(),)

    kind: int = choice(primary_key=True)
    last: int = number()


class Person(Owned, table=True):
    """A person of a contact."""

    __tablename__ = "people"
    __table_args__ = (
        owned_reference("contact_id", "contacts"),
        UniqueConstraint("organisation_id", "contact_id", "id", name="people_of_contact"),
    )

    id: UUID = Field(primary_key=True)
    contact_id: UUID
    given_name: str
    family_name: str
    function: str = ""
    mail: str = ""
    telephone: str = ""


class ContactAdviser(Owned, Fact, table=True):
    """A member in charge of a contact; exactly one is the main one.

    Kind and key of the contact are copies that triggers keep: pages of some advisers' contacts are read in their order.
    """

    __tablename__ = "contact_advisers"
    __table_args__ = (
        owned_reference("contact_id", "contacts"),
        owned_reference("membership_id", "memberships"),
        Index(
            "contact_advisers_one_main",
            "organisation_id",
            "contact_id",
            unique=True,
            postgresql_where=text("role = 1"),
        ),
        Index("contact_advisers_by_member", "organisation_id", "membership_id", "contact_id"),
        Index(
            "contact_advisers_by_name",
            "organisation_id",
            "membership_id",
            "contact_kind",
            "contact_sort_key",
            "contact_id",
        ),
        Index(
            "contact_advisers_in_order",
            "organisation_id",
            "contact_kind",
            "contact_sort_key",
            "contact_id",
            "membership_id",
            postgresql_include=["role"],
        ),
    )

    contact_id: UUID = Field(primary_key=True)
    membership_id: UUID = Field(primary_key=True)
    role: int = choice()
    contact_kind: int = choice(default=0)
    contact_sort_key: str = ""


class AccessContact(Owned, Fact, table=True):
    """A contact that a portal membership acts for, as which person, in which folder templates (none: all)."""

    __tablename__ = "access_contacts"
    __table_args__ = (
        owned_reference("membership_id", "memberships"),
        ForeignKeyConstraint(
            ["organisation_id", "contact_id", "person_id"],
            ["people.organisation_id", "people.contact_id", "people.id"],
            name="access_for_a_person_of_the_contact",
        ),
        UniqueConstraint("organisation_id", "contact_id", "person_id", name="access_once"),
    )

    membership_id: UUID = Field(primary_key=True)
    contact_id: UUID = Field(primary_key=True)
    person_id: UUID
    folder_template_ids: list[UUID] = Field(default_factory=list, sa_type=ARRAY(Uuid))
