"""What a firm's directory sends over SCIM (RFC 7643): its users and groups, its tokens, and what it did."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from parvis_identity.models.base import Base, Identified, instant, text


class ScimToken(Identified, table=True):
    """What a firm's directory shows to be let in. Only its hash is kept."""

    __tablename__ = "scim_tokens"
    __table_args__ = (Index("scim_tokens_of_organisation", "organisation_id"),)

    organisation_id: UUID
    digest: bytes = Field(sa_type=LargeBinary, unique=True)
    name: str = text()
    #: Its last four characters: people tell by them which one a directory holds.
    ending: str = text()
    #: The account that made it.
    created_by: UUID
    created_at: datetime = instant()
    expires_at: datetime | None = instant(required=False)
    revoked_at: datetime | None = instant(required=False)
    #: To the minute.
    last_used_at: datetime | None = instant(required=False)


class ScimUser(Identified, table=True):
    """A person of a firm's directory, and the account that they have here."""

    __tablename__ = "scim_users"
    __table_args__ = (
        Index(
            "scim_users_name", "organisation_id", "user_name_key", unique=True, postgresql_where="deleted_at IS NULL"
        ),
        Index(
            "scim_users_external",
            "organisation_id",
            "external_id",
            unique=True,
            postgresql_where="deleted_at IS NULL AND external_id <> ''",
        ),
        Index("scim_users_gone", "organisation_id", "external_id", postgresql_where="deleted_at IS NOT NULL"),
        UniqueConstraint("organisation_id", "id", name="scim_users_page"),
    )

    organisation_id: UUID
    account_id: UUID = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    user_name: str = text()
    #: As it is compared (domain.scim.filters.comparable).
    user_name_key: str = text()
    external_id: str = text("")
    active: bool = True
    #: What the directory said (domain.scim.resources); empty once it is deleted.
    document: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, nullable=False)
    #: The same as it is compared with filters.
    compared: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, nullable=False)
    #: Grows with every change (microseconds when it was made, or one more): the entity tag, and the event's version.
    version: int = Field(sa_type=BigInteger)
    created_at: datetime = instant()
    changed_at: datetime = instant()
    deleted_at: datetime | None = instant(required=False)


class ScimGroup(Identified, table=True):
    """A group of a firm's directory."""

    __tablename__ = "scim_groups"
    __table_args__ = (UniqueConstraint("organisation_id", "id", name="scim_groups_page"),)

    organisation_id: UUID
    display_name: str = text()
    external_id: str = text("")
    document: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, nullable=False)
    compared: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, nullable=False)
    version: int = Field(sa_type=BigInteger)
    created_at: datetime = instant()
    changed_at: datetime = instant()


class ScimGroupMember(Base, table=True):
    """That a person is in a group."""

    __tablename__ = "scim_group_members"
    __table_args__ = (
        Index("scim_group_members_user", "user_id"),
        *(
            ForeignKeyConstraint(
                ["organisation_id", name], [f"{table}.organisation_id", f"{table}.id"], ondelete="CASCADE"
            )
            for name, table in (("group_id", "scim_groups"), ("user_id", "scim_users"))
        ),
    )

    organisation_id: UUID
    group_id: UUID = Field(primary_key=True)
    user_id: UUID = Field(primary_key=True)


class ScimLog(Identified, table=True):
    """What a directory did with one token in one minute. Reading is not counted."""

    __tablename__ = "scim_log"
    __table_args__ = (UniqueConstraint("organisation_id", "minute", "token_id", name="scim_log_once"),)

    organisation_id: UUID
    token_id: UUID
    minute: datetime = instant()
    created: int = 0
    changed: int = 0
    disabled: int = 0
    reopened: int = 0
    deleted: int = 0
    #: Groups made, changed and deleted.
    groups: int = 0
    refused: int = 0
    #: The first ones refused: {"what", "name", "check", "detail"}.
    notes: list[dict[str, str]] = Field(default_factory=list, sa_type=JSONB, nullable=False)
