"""Tables of notify. Each belongs to one organisation, which comes first in every key."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Index, Text
from sqlalchemy import text as condition
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from parvis_notify.domain.deliveries import Result, State
from parvis_notify.domain.kinds import Kind

_INSTANT = TIMESTAMP(timezone=True)


class Model(SQLModel, registry=registry()):
    """Tables of this service only: SQLModel's own registry is shared by every package of a process."""

    __abstract__: ClassVar[bool] = True


def _one_of(column: str, values: type[Kind | State | Result]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


def _instant(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(_INSTANT, nullable=nullable))


class Organisation(Model, table=True):
    """The face of an organisation as tenancy last told (OrganisationChanged)."""

    __tablename__ = "organisations"

    organisation_id: UUID = Field(primary_key=True)
    slug: str
    name: str
    accent: str = ""
    #: Where answers to its mails go; may be empty.
    mail: str = ""
    time_zone: str
    version: int = Field(sa_type=BigInteger)


class Contact(Model, table=True):
    """A contact as tenancy last told (ContactChanged). `addresses`: use ("main", "billing" …) → mail."""

    __tablename__ = "contacts"

    organisation_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    name: str
    addresses: dict[str, str] = Field(sa_type=JSONB)
    locale: str = ""
    version: int = Field(sa_type=BigInteger)


class Membership(Model, table=True):
    """A member as tenancy last told (MembershipChanged): whom deposits are announced to."""

    __tablename__ = "memberships"

    organisation_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    active: bool
    given_name: str
    family_name: str
    mail: str
    locale: str = ""
    version: int = Field(sa_type=BigInteger)
    #: Where mails went before, each once.
    earlier_mails: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False))


class Template(Model, table=True):
    """A firm's own words for a kind of mail in a language; where there is no row, the texts that ship are used."""

    __tablename__ = "templates"
    __table_args__ = (CheckConstraint(_one_of("kind", Kind), name="templates_kind"),)

    organisation_id: UUID = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    locale: str = Field(primary_key=True)
    subject: str
    body: str
    #: False once the firm went back to the text that ships: the version goes on counting.
    customised: bool = True
    version: int = Field(sa_type=BigInteger)
    changed_at: datetime = _instant()


class Message(Model, table=True):
    """A mail to one recipient: its words are final, its link is put in when it leaves.

    `text` has `domain.LINK` where the link goes. `link` is an address that anyone may know; `one_time_link` says what
    identity is to be asked for instead (link_id, account_id, purpose, organisation_slug): no secret is stored here.
    """

    __tablename__ = "messages"
    __table_args__ = (
        CheckConstraint(_one_of("kind", Kind), name="messages_kind"),
        CheckConstraint(_one_of("state", State), name="messages_state"),
        Index("messages_by_contact", "organisation_id", "contact_id", "id"),
        Index("messages_by_document", "organisation_id", "document_id"),
        Index("messages_with_words", "organisation_id", "created_at", postgresql_where=condition("text <> ''")),
    )

    organisation_id: UUID = Field(primary_key=True)
    #: From the event that it is about and its recipient (`domain.derived_id`); ordered by the event's time.
    id: UUID = Field(primary_key=True)
    kind: str
    state: str
    locale: str
    recipient_name: str
    recipient_mail: str
    subject: str
    text: str
    link: str = ""
    one_time_link: dict[str, str] | None = Field(default=None, sa_type=JSONB, nullable=True)
    #: Label of the button and the line that says why the recipient gets this.
    button: str
    because: str
    #: Version of the firm's template, 0 for the text that ships.
    template_version: int = Field(default=0, sa_type=BigInteger)
    reason: str = ""
    contact_id: UUID | None = None
    document_id: UUID | None = None
    #: Version of the document that it is about; None where the event did not say.
    document_version: int | None = None
    document_opened_at: datetime | None = _instant(nullable=True)
    #: Message-ID header (RFC 5322, section 3.6.4); the same for every attempt.
    message_id: str
    search_key: str = Field(sa_type=Text)
    created_at: datetime = _instant()
    settled_at: datetime | None = _instant(nullable=True)


class Opening(Model, table=True):
    """The first time that a contact opened a version of a document. Kept, since the news of it may come before that of
    the document.
    """

    __tablename__ = "openings"

    organisation_id: UUID = Field(primary_key=True)
    document_id: UUID = Field(primary_key=True)
    contact_id: UUID = Field(primary_key=True)
    version: int = Field(primary_key=True)
    at: datetime = _instant()


class Attempt(Model, table=True):
    """An attempt to hand a message to the mail server: written before it starts, completed when it is over."""

    __tablename__ = "attempts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organisation_id", "message_id"],
            ["messages.organisation_id", "messages.id"],
            name="attempts_of_message",
            ondelete="CASCADE",
        ),
        CheckConstraint(f"result = '' OR {_one_of('result', Result)}", name="attempts_result"),
    )

    organisation_id: UUID = Field(primary_key=True)
    message_id: UUID = Field(primary_key=True)
    number: int = Field(primary_key=True)
    started_at: datetime = _instant()
    ended_at: datetime | None = _instant(nullable=True)
    result: str = ""
    answer: str = ""
