"""Imports of accounts that go on in the background."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from parvis_identity.models.base import Base, Identified, instant, text


class Import(Identified, table=True):
    """A file of accounts, and how far it is. The lines say what became of each."""

    __tablename__ = "imports"

    asked_by: UUID
    name: str = text()
    size: int = Field(sa_type=BigInteger)
    received: int = Field(default=0, sa_type=BigInteger)
    state: str = text()
    mail: bool = False
    lines: int = 0
    created: int = 0
    unchanged: int = 0
    refused: int = 0
    reason: str = text("")
    params: dict[str, str] = Field(default_factory=dict, sa_type=JSONB, nullable=False)
    created_at: datetime = instant()
    changed_at: datetime = instant()
    finished_at: datetime | None = instant(required=False)
    #: Nobody else works on it before.
    leased_until: datetime = instant()


class ImportPart(Base, table=True):
    """A part of a file, sealed: it holds hashes. Deleted with the end of the import."""

    __tablename__ = "import_parts"

    import_id: UUID = Field(primary_key=True, foreign_key="imports.id", ondelete="CASCADE")
    begins_at: int = Field(sa_type=BigInteger, primary_key=True)
    sealed: bytes = Field(sa_type=LargeBinary)


class ImportLine(Base, table=True):
    """What became of a line."""

    __tablename__ = "import_lines"

    import_id: UUID = Field(primary_key=True, foreign_key="imports.id", ondelete="CASCADE")
    line: int = Field(primary_key=True)
    outcome: str = text()
    organisation: str = text("")
    identifier: str = text("")
    reason: str = text("")
    params: dict[str, str] = Field(default_factory=dict, sa_type=JSONB, nullable=False)
