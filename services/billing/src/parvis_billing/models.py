"""Tables of billing. Each belongs to one organisation, which comes first in every key, or to two (entitlements).
Triggers hold what is closed.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Index, Numeric, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from parvis_billing.domain import State

_INSTANT = TIMESTAMP(timezone=True)


class Model(SQLModel, registry=registry()):
    """Tables of this service only: SQLModel's own registry is shared by every package of a process."""

    __abstract__: ClassVar[bool] = True


def _number(*, nullable: bool = False, **options: Any) -> Any:
    return Field(sa_column=Column(BigInteger, nullable=nullable), **options)


class Seller(Model, table=True):
    """The organisation as tenancy last told (OrganisationChanged). `party`: what an invoice repeats of it."""

    __tablename__ = "sellers"

    organisation_id: UUID = Field(primary_key=True)
    party: dict[str, Any] = Field(sa_type=JSONB)
    accent: str = ""
    time_zone: str = "Europe/Paris"
    version: int = Field(sa_type=BigInteger)


class Customer(Model, table=True):
    """A contact as tenancy last told (ContactChanged)."""

    __tablename__ = "customers"

    organisation_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    party: dict[str, Any] = Field(sa_type=JSONB)
    version: int = Field(sa_type=BigInteger)


class CustomerAdviser(Model, table=True):
    """Who is in charge of a customer: what scopes of rights are compared with.

    A table, since row-level security keeps an index on an array from being used.
    """

    __tablename__ = "customer_advisers"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customers.organisation_id", "customers.id"],
            name="customer_advisers_of_customer",
            ondelete="CASCADE",
        ),
        Index("customer_advisers_by_adviser", "organisation_id", "adviser_id", "customer_id"),
    )

    organisation_id: UUID = Field(primary_key=True)
    customer_id: UUID = Field(primary_key=True)
    adviser_id: UUID = Field(primary_key=True)


class AdviserIndex(Model, table=True):
    """How far the advisers kept here have come; see `parvis_advisers`."""

    __tablename__ = "adviser_index"

    organisation_id: UUID = Field(primary_key=True)
    reached: int = Field(sa_type=BigInteger)
    ahead: dict[str, int] = Field(sa_type=JSONB)


class Folder(Model, table=True):
    """A folder of clients as documents last told (FolderTemplateChanged)."""

    __tablename__ = "folders"

    organisation_id: UUID = Field(primary_key=True)
    #: Of the template.
    id: UUID = Field(primary_key=True)
    #: Whether closed invoices are filed in it.
    invoices: bool
    #: Whether clients see on the portal what is in it.
    shared: bool
    version: int = Field(sa_type=BigInteger)


class Entitlement(Model, table=True):
    """What a customer bought of a product. Of two parties: the provider, who writes it, and the customer."""

    __tablename__ = "entitlements"
    __table_args__ = (
        UniqueConstraint("provider_id", "id", name="entitlements_by_id"),
        CheckConstraint("seats >= 0", name="entitlements_seats"),
        Index("entitlements_by_customer", "customer_id"),
    )

    provider_id: UUID = Field(primary_key=True)
    customer_id: UUID = Field(primary_key=True)
    product_id: UUID = Field(primary_key=True)
    id: UUID
    #: None: any number.
    seats: int | None = None
    version: int = _number(default=1)
    changed_at: datetime = Field(sa_column=Column(_INSTANT, nullable=False))


class Series(Model, table=True):
    """The numbers of one series and year. Whoever closes an invoice holds this row until the commit."""

    __tablename__ = "series"

    organisation_id: UUID = Field(primary_key=True)
    code: str = Field(primary_key=True)
    year: int = Field(primary_key=True)
    #: Given so far; the next one is one more (a trigger refuses any other step).
    last_number: int = 0
    last_digest: str
    last_issue_date: date | None = None
    last_closed_at: datetime | None = Field(default=None, sa_column=Column(_INSTANT, nullable=True))


class Invoice(Model, table=True):
    """An invoice. Closed, it takes only what filing adds (a trigger refuses the rest); amounts are in cents."""

    __tablename__ = "invoices"
    __table_args__ = (
        CheckConstraint(f"state IN ({', '.join(repr(str(state)) for state in State)})", name="invoices_state"),
        CheckConstraint("(state = 'draft') = (number IS NULL)", name="invoices_number_when_closed"),
        CheckConstraint("(state = 'filed') = (document_id IS NOT NULL)", name="invoices_document_when_filed"),
        Index("invoices_by_number", "organisation_id", "number", unique=True),
        Index("invoices_by_series", "organisation_id", "series", "year", "sequence", unique=True),
        Index("invoices_by_contact", "organisation_id", "contact_id", "id"),
        Index("invoices_by_state", "organisation_id", "state", "id"),
    )

    organisation_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    state: str = State.DRAFT.value
    contact_id: UUID
    contact_name: str
    search_key: str = ""
    purchase_order: str = ""
    note: str = ""
    exemption: str = ""
    payment_days: int
    supply_date: date | None = None
    currency: str = "EUR"
    net_cents: int = _number(default=0)
    tax_cents: int = _number(default=0)
    gross_cents: int = _number(default=0)
    version: int = _number(default=1)
    created_at: datetime = Field(sa_column=Column(_INSTANT, nullable=False))
    # Set when it is closed, for good.
    number: str | None = None
    series: str | None = None
    year: int | None = None
    sequence: int | None = None
    issue_date: date | None = None
    due_date: date | None = None
    closed_at: datetime | None = Field(default=None, sa_column=Column(_INSTANT, nullable=True))
    seller: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True))
    buyer: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True))
    accent: str | None = None
    digest: str | None = None
    # Set when its PDF is filed.
    document_id: UUID | None = None
    folder_template_id: UUID | None = None
    filed_at: datetime | None = Field(default=None, sa_column=Column(_INSTANT, nullable=True))


class InvoiceLine(Model, table=True):
    """A line of an invoice; those of a closed one never change (a trigger)."""

    __tablename__ = "lines"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organisation_id", "invoice_id"],
            ["invoices.organisation_id", "invoices.id"],
            name="lines_of_invoice",
            ondelete="CASCADE",
        ),
    )

    organisation_id: UUID = Field(primary_key=True)
    invoice_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True)
    description: str
    quantity: Decimal = Field(sa_column=Column(Numeric(14, 4), nullable=False))
    unit: str = ""
    unit_price: Decimal = Field(sa_column=Column(Numeric(16, 6), nullable=False))
    vat_rate: Decimal = Field(sa_column=Column(Numeric(5, 2), nullable=False))
    total_cents: int = _number()
