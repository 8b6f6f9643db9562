"""The registry of identity's tables, and the column types that they share."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from parvis_kit.ids import uuid7


class Base(SQLModel, registry=registry()):
    """SQLModel's own metadata is shared by all that import it; this one is identity's alone."""


class Identified(Base):
    """A row with a UUIDv7 of its own."""

    id: UUID = Field(default_factory=uuid7, primary_key=True)


def instant(*, default: datetime | None = None, required: bool = True, index: bool = False) -> Any:
    """A moment, UTC."""
    options: dict[str, Any] = {"sa_type": TIMESTAMP(timezone=True), "nullable": not required, "index": index}
    return Field(**options) if required else Field(default=default, **options)


def text(default: str | None = None, **options: Any) -> Any:
    """Text without a length of its own: lengths are rules, and rules change."""
    return Field(sa_type=Text, **options) if default is None else Field(default=default, sa_type=Text, **options)


def texts() -> Any:
    """A short list of texts."""
    return Field(default_factory=list, sa_type=ARRAY(Text), nullable=False)
