"""Tables of documents. Every one of an organisation has it first in its primary key, and in every foreign key."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from parvis_documents.domain import Audience, LinkTarget, NotifyTo, SignatureSide, UploadState

_INSTANT = TIMESTAMP(timezone=True)


class Model(SQLModel, registry=registry()):
    """Tables of this service only: SQLModel's own registry is shared by every package of a process."""

    __abstract__: ClassVar[bool] = True


def _one_of(column: str, values: type[Audience | SignatureSide | NotifyTo | LinkTarget | UploadState]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


class FolderTemplate(Model, table=True):
    """A folder that every contact of an audience has, with its settings (S4)."""

    __tablename__ = "folder_templates"
    __table_args__ = (
        CheckConstraint(_one_of("audience", Audience), name="folder_templates_audience"),
        CheckConstraint(_one_of("signature", SignatureSide), name="folder_templates_signature"),
        CheckConstraint(_one_of("notify_to", NotifyTo), name="folder_templates_notify_to"),
        CheckConstraint(_one_of("link_to", LinkTarget), name="folder_templates_link_to"),
        Index("folder_templates_by_name", "organisation_id", "audience", "name_key", unique=True),
        Index("folder_templates_by_path", "organisation_id", "path_key", unique=True),
        Index(
            "folder_templates_by_kind",
            "organisation_id",
            "audience",
            "built_in",
            unique=True,
            postgresql_where=text("built_in <> ''"),
        ),
    )

    organisation_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    audience: str
    name: str
    #: Folded name: "Factures" and "FACTURES" are one name.
    name_key: str
    path: str
    path_key: str
    built_in: str = ""
    portal: bool = False
    signature: str = SignatureSide.NONE.value
    notification: bool = False
    notify_to: str = NotifyTo.MAIN.value
    link_to: str = LinkTarget.HOME.value
    deposits: bool = False
    media_types: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False))
    position: int
    version: int = Field(default=1, sa_type=BigInteger)


class Contact(Model, table=True):
    """A contact as tenancy last told (ContactChanged)."""

    __tablename__ = "contacts"
    __table_args__ = (CheckConstraint(_one_of("kind", Audience), name="contacts_kind"),)

    organisation_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    kind: str
    name: str
    #: Of tenancy: older news is ignored.
    version: int = Field(sa_type=BigInteger)


class ContactAdviser(Model, table=True):
    """Who is in charge of a contact: what scopes of rights are compared with.

    A table, since row-level security keeps an index on an array from being used.
    """

    __tablename__ = "contact_advisers"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organisation_id", "contact_id"], ["contacts.organisation_id", "contacts.id"], ondelete="CASCADE"
        ),
        Index("contact_advisers_by_adviser", "organisation_id", "adviser_id", "contact_id"),
    )

    organisation_id: UUID = Field(primary_key=True)
    contact_id: UUID = Field(primary_key=True)
    adviser_id: UUID = Field(primary_key=True)


class AdviserIndex(Model, table=True):
    """How far the advisers kept here have come; see `parvis_advisers`."""

    __tablename__ = "adviser_index"

    organisation_id: UUID = Field(primary_key=True)
    reached: int = Field(sa_type=BigInteger)
    ahead: dict[str, int] = Field(sa_type=JSONB)


class Person(Model, table=True):
    """The name of a membership, staff or portal, as tenancy last told (MembershipChanged)."""

    __tablename__ = "people"

    organisation_id: UUID = Field(primary_key=True)
    membership_id: UUID = Field(primary_key=True)
    name: str
    version: int = Field(sa_type=BigInteger)


class Document(Model, table=True):
    """A document in a folder of a contact. It appears with its first version, never before that was verified."""

    __tablename__ = "documents"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organisation_id", "contact_id"], ["contacts.organisation_id", "contacts.id"], name="documents_contact"
        ),
        ForeignKeyConstraint(
            ["organisation_id", "folder_template_id"],
            ["folder_templates.organisation_id", "folder_templates.id"],
            name="documents_folder_template",
        ),
        Index("documents_newest", "organisation_id", text("filed_at DESC"), text("id DESC")),
        Index(
            "documents_of_folder",
            "organisation_id",
            "contact_id",
            "folder_template_id",
            text("filed_at DESC"),
            text("id DESC"),
        ),
        Index(
            "documents_unread",
            "organisation_id",
            "contact_id",
            postgresql_where=text("NOT deposit AND opened_at IS NULL"),
        ),
        Index(
            "documents_unread_deposits",
            "organisation_id",
            text("filed_at DESC"),
            postgresql_where=text("deposit AND read_at IS NULL"),
        ),
        Index(
            "documents_by_reference",
            "organisation_id",
            "external_reference",
            unique=True,
            postgresql_where=text("external_reference IS NOT NULL"),
        ),
    )

    organisation_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    contact_id: UUID
    folder_template_id: UUID
    #: Of the newest version, as are version, media_type, size, sha256, filed_at and filed_by.
    name: str
    name_key: str
    version: int
    media_type: str
    size: int = Field(sa_type=BigInteger)
    sha256: str
    filed_at: datetime = Field(sa_type=_INSTANT)
    #: Membership; None when a service filed it.
    filed_by: UUID | None = None
    #: By the contact, for the firm.
    deposit: bool = False
    #: When a portal access first opened the newest version; None: the contact has not read it.
    opened_at: datetime | None = Field(default=None, sa_type=_INSTANT)
    #: When the firm first opened a deposit.
    read_at: datetime | None = Field(default=None, sa_type=_INSTANT)
    external_reference: str | None = None


class Version(Model, table=True):
    """The bytes of a document at one time: an object of its own, never overwritten."""

    __tablename__ = "versions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organisation_id", "document_id"], ["documents.organisation_id", "documents.id"], name="versions_document"
        ),
        Index("versions_by_object", "organisation_id", "object_key", unique=True),
    )

    organisation_id: UUID = Field(primary_key=True)
    document_id: UUID = Field(primary_key=True)
    number: int = Field(primary_key=True)
    object_key: str
    name: str
    media_type: str
    size: int = Field(sa_type=BigInteger)
    sha256: str
    filed_at: datetime = Field(sa_type=_INSTANT)
    filed_by: UUID | None = None


class Opening(Model, table=True):
    """The first time that a portal access opened a version."""

    __tablename__ = "openings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organisation_id", "document_id", "version"],
            ["versions.organisation_id", "versions.document_id", "versions.number"],
            name="openings_version",
        ),
    )

    organisation_id: UUID = Field(primary_key=True)
    document_id: UUID = Field(primary_key=True)
    version: int = Field(primary_key=True)
    membership_id: UUID = Field(primary_key=True)
    at: datetime = Field(sa_type=_INSTANT)


class Reading(Model, table=True):
    """Somebody reads a version in the page, in one session: one reading, however often the bytes are asked for."""

    __tablename__ = "readings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organisation_id", "document_id", "version"],
            ["versions.organisation_id", "versions.document_id", "versions.number"],
            name="readings_version",
        ),
    )

    organisation_id: UUID = Field(primary_key=True)
    document_id: UUID = Field(primary_key=True)
    version: int = Field(primary_key=True)
    membership_id: UUID = Field(primary_key=True)
    session_id: UUID = Field(primary_key=True)
    at: datetime = Field(sa_type=_INSTANT)


class Upload(Model, table=True):
    """The way of one file into the store. It leaves its row behind: what was refused, and why."""

    __tablename__ = "uploads"
    __table_args__ = (
        CheckConstraint(_one_of("state", UploadState), name="uploads_state"),
        ForeignKeyConstraint(
            ["organisation_id", "contact_id"], ["contacts.organisation_id", "contacts.id"], name="uploads_contact"
        ),
        ForeignKeyConstraint(
            ["organisation_id", "folder_template_id"],
            ["folder_templates.organisation_id", "folder_templates.id"],
            name="uploads_folder_template",
        ),
        Index("uploads_under_way", "organisation_id", "membership_id", postgresql_where=text("state = 'sending'")),
        Index("uploads_by_object", "organisation_id", "object_key", unique=True),
        Index(
            "uploads_by_reference",
            "organisation_id",
            "external_reference",
            unique=True,
            postgresql_where=text("external_reference IS NOT NULL AND state IN ('sending', 'verifying', 'filed')"),
        ),
    )

    organisation_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    state: str = UploadState.SENDING.value
    #: Why it was refused.
    reason: str = ""
    contact_id: UUID
    folder_template_id: UUID
    #: The document that gets a new version; once filed, the document that came of it.
    document_id: UUID | None = None
    #: Name, bytes and type as announced; of a form, unknown (empty, 0) until it is complete.
    name: str
    size: int = Field(sa_type=BigInteger)
    media_type: str
    #: Announced; "" when the sender did not say.
    sha256: str = ""
    #: 0 for a form.
    part_size: int
    object_key: str
    #: The store's name of the multipart upload; "" for a form.
    multipart_id: str = ""
    #: Membership that sends it, or None and the service.
    membership_id: UUID | None = None
    service: str = ""
    deposit: bool = False
    external_reference: str | None = None
    created_at: datetime = Field(sa_type=_INSTANT)
    #: Until then a call completes it in the store.
    completing_until: datetime | None = Field(default=None, sa_type=_INSTANT)


class UploadSweep(Model, table=True):
    """When to look again at an upload that may have left something in the store. Global: a queue of ids and times."""

    __tablename__ = "upload_sweeps"
    __table_args__ = (Index("upload_sweeps_due", "due_at"),)

    upload_id: UUID = Field(primary_key=True)
    organisation_id: UUID
    due_at: datetime = Field(sa_type=_INSTANT)
