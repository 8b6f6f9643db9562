"""What the tables of tenancy have in common: a registry of their own, and keys that begin with the organisation."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.orm import registry
from sqlalchemy.types import BigInteger, SmallInteger, String
from sqlmodel import Field, SQLModel


class Row(SQLModel, registry=registry()):
    """Base of all tables of tenancy."""


class Owned(Row):
    """Base of rows of one organisation. The key begins with it, and so does every foreign key to such a row."""

    organisation_id: UUID = Field(primary_key=True)


def owned_reference(column: str, table: str) -> ForeignKeyConstraint:
    """A foreign key that cannot cross organisations: (organisation_id, column) → table (organisation_id, id)."""
    return ForeignKeyConstraint(
        ["organisation_id", column], [f"{table}.organisation_id", f"{table}.id"], name=f"{column}_in_organisation"
    )


def of_organisation() -> ForeignKeyConstraint:
    """The organisation that owns the row exists."""
    return ForeignKeyConstraint(["organisation_id"], ["organisations.id"])


def instant(**options: Any) -> Any:
    """A column with a moment in time, UTC."""
    return Field(sa_type=TIMESTAMP(timezone=True), **options)


def number(**options: Any) -> Any:
    """A column with a 64-bit integer."""
    return Field(sa_type=BigInteger, **options)


def choice(**options: Any) -> Any:
    """A column with a number of an enumeration of the contract."""
    return Field(sa_type=SmallInteger, **options)


def texts() -> Any:
    """A column with a list of texts, empty by default."""
    return Field(default_factory=list, sa_type=ARRAY(String))


class Postal(SQLModel):
    """Columns of a postal address; lines are up to three, the country is ISO 3166-1 alpha-2."""

    address_lines: list[str] = texts()
    postal_code: str = ""
    city: str = ""
    country: str = ""


class Versioned(SQLModel):
    """Columns of a row that people change: how often it was, and when it was made."""

    version: int = number(default=1)
    created_at: datetime = instant()


class Sorted(SQLModel):
    """Normalised keys for lists and searches (`parvis_kit.text`)."""

    sort_key: str = ""
    search_key: str = ""


class Fact(SQLModel):
    """Rows that decisions rest on: what they were before is kept by a trigger (migration 0007)."""

    #: Revision of the organisation's rights from which the row has been as it is. The trigger's to write.
    since: int = number(default=1)
