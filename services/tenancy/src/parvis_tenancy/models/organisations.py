"""Organisations, their public faces, their structures, and the revision of their rights."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field

from parvis_tenancy.models.base import (
    Fact,
    Owned,
    Postal,
    Row,
    Sorted,
    Versioned,
    choice,
    instant,
    number,
    of_organisation,
    owned_reference,
    texts,
)


class Organisation(Row, Postal, Versioned, Sorted, table=True):
    """A tenant. Of two parties: itself, and the provider that serves it. A provider serves itself."""

    __tablename__ = "organisations"
    __table_args__ = (
        UniqueConstraint("id", "provider_id", name="organisations_served"),
        Index("organisations_by_name", "provider_id", "sort_key", "id"),
    )

    id: UUID = Field(primary_key=True)
    provider_id: UUID = Field(foreign_key="organisations.id")
    kind: int = choice()
    slug: str
    name: str
    legal_name: str = ""
    legal_form: str = ""
    capital: str = ""
    siren: str = ""
    registry_entry: str = ""
    vat_number: str = ""
    iban: str = ""
    telephone: str = ""
    mail: str = ""
    accent: str = ""
    time_zone: str = "Europe/Paris"
    #: Whether people may ask for an account (service.requests).
    accepts_requests: bool = False


class DirectoryEntry(Row, table=True):
    """The public face of an organisation, found by its slug before anyone has signed in. Global."""

    __tablename__ = "organisation_directory"

    organisation_id: UUID = Field(primary_key=True, foreign_key="organisations.id")
    slug: str = Field(unique=True)
    name: str
    accent: str = ""
    kind: int = choice()
    #: What the organisations of one account are ordered by, and searched in: name and slug.
    sort_key: str = ""
    search_key: str = ""
    accepts_requests: bool = False


class RightsRevision(Row, table=True):
    """Counts the changes of rights in an organisation. Whoever changes rights holds this row, so they never overlap."""

    __tablename__ = "rights_revisions"

    organisation_id: UUID = Field(primary_key=True, foreign_key="organisations.id")
    revision: int = number(default=1)
    #: The last revision at which the advisers of a contact changed.
    advisers_revision: int = number(default=0)


class Structure(Owned, Versioned, Fact, table=True):
    """A part of an organisation."""

    __tablename__ = "structures"
    __table_args__ = (of_organisation(), owned_reference("parent_id", "structures"))

    id: UUID = Field(primary_key=True)
    parent_id: UUID | None = None
    name: str
    sort_key: str = ""


class Subscription(Owned, Fact, table=True):
    """A product that an organisation has. Of two parties: the organisation and its provider."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organisation_id", "provider_id"],
            ["organisations.id", "organisations.provider_id"],
            name="subscriptions_from_own_provider",
        ),
        ForeignKeyConstraint(
            ["provider_id", "product_id"], ["products.provider_id", "products.id"], name="subscriptions_to_a_product"
        ),
        CheckConstraint("seats >= 0", name="subscriptions_seats"),
        Index("subscriptions_by_product", "provider_id", "product_id"),
    )

    product_id: UUID = Field(primary_key=True)
    provider_id: UUID
    #: How many members it may be assigned to; none: any number. Billing tells, in order of the version.
    seats: int | None = None
    seats_version: int = number(default=0)


class StructureSeats(Owned, Fact, table=True):
    """The part of a product's seats that is kept for a structure and those below it."""

    __tablename__ = "structure_seats"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organisation_id", "product_id"],
            ["subscriptions.organisation_id", "subscriptions.product_id"],
            name="structure_seats_of_subscribed",
        ),
        owned_reference("structure_id", "structures"),
        CheckConstraint("seats >= 0", name="structure_seats_count"),
    )

    product_id: UUID = Field(primary_key=True)
    structure_id: UUID = Field(primary_key=True)
    seats: int


class Product(Row, Versioned, table=True):
    """What the portal launches. Written by the provider, read by the organisations that it serves."""

    __tablename__ = "products"

    provider_id: UUID = Field(primary_key=True, foreign_key="organisations.id")
    id: UUID = Field(primary_key=True)
    client_id: str = Field(unique=True)
    name: str
    description: str = ""
    launch_url: str
    sort_key: str = ""
    # What identity knows of its client, for lists.
    closed_at: datetime | None = instant(default=None)


class ProductRight(Row, table=True):
    """A right that a product declares: it exists in the organisations that subscribe the product."""

    __tablename__ = "product_rights"
    __table_args__ = (
        ForeignKeyConstraint(
            ["provider_id", "product_id"], ["products.provider_id", "products.id"], name="product_rights_of_a_product"
        ),
        Index("product_rights_by_product", "provider_id", "product_id", "position"),
    )

    provider_id: UUID = Field(primary_key=True)
    code: str = Field(primary_key=True)
    product_id: UUID
    #: Where the grid of rights shows it.
    tab: str
    name_fr: str
    name_en: str
    scoped: bool
    requires: list[str] = texts()
    position: int
    withdrawn_at: datetime | None = instant(default=None)
