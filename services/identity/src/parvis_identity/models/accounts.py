"""Who may sign in, with what, and where they are signed in."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from parvis_identity.models.base import Base, Identified, instant, text, texts


class AccountKind(StrEnum):
    """Whose the account is."""

    PERSONAL = "personal"
    MANAGED = "managed"


class AccountState(StrEnum):
    """Whether it can be used."""

    PENDING = "pending"
    ACTIVE = "active"
    DISABLED = "disabled"


class Account(Identified, table=True):
    """One login. A personal one is found by its mail, a managed one by the firm and its identifier there."""

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("(kind = 'managed') = (organisation_id IS NOT NULL)", name="managed_has_owner"),
        Index("accounts_personal", "identifier_key", unique=True, postgresql_where="organisation_id IS NULL"),
        Index(
            "accounts_managed",
            "organisation_id",
            "identifier_key",
            unique=True,
            postgresql_where="organisation_id IS NOT NULL",
        ),
    )

    kind: str = text()
    state: str = text(AccountState.PENDING)
    organisation_id: UUID | None = None
    #: As the person or the firm wrote it.
    identifier: str = text()
    #: As it is compared (domain.identifiers).
    identifier_key: str = text()
    #: Where mails go; the identifier itself of a personal account.
    mail: str = text()
    given_name: str = text()
    family_name: str = text()
    locale: str = text("fr")
    #: E.164, empty when unknown; and members of OpenID Connect Core 5.1.1. Clients ask for them by scope.
    phone_number: str = text("")
    address: dict[str, str] | None = Field(default=None, sa_type=JSONB(none_as_null=True), nullable=True)
    version: int = 1
    created_at: datetime = instant()
    activated_at: datetime | None = instant(required=False)
    last_sign_in_at: datetime | None = instant(required=False)
    #: When the account came from another platform (service.imports).
    imported_at: datetime | None = instant(required=False)
    #: Under which id its firm then asked for a managed account with that identifier: it was given this one.
    claimed_as: UUID | None = None
    #: Of a firm's directory (SSO, SCIM): it has no password, and none can be set.
    directory: bool = False
    #: Its directory closed it, over SCIM: that opens it again, and nothing that somebody else closed.
    closed_by_directory: bool = False
    #: Its owner wants a second factor asked at every sign-in, whatever firms demand.
    factor_always: bool = False
    #: When its owner last said "later" to the offer of a second factor.
    factor_put_off_at: datetime | None = instant(required=False)
    #: When it is erased, unless its owner signs in before: a copy of its erasure's day, read with every sign-in.
    erasure_due_at: datetime | None = instant(required=False)

    @property
    def name(self) -> str:
        """Given and family name; the identifier when there is neither."""
        return f"{self.given_name} {self.family_name}".strip() or self.identifier


class Credential(Base, table=True):
    """The password of an account, as an encoded Argon2id hash (RFC 9106); until its owner signs in for the first time,
    as another platform hashed it (domain.foreign_hashes).
    """

    __tablename__ = "credentials"
    __table_args__ = (
        Index("credentials_foreign", "account_id", postgresql_where="password_hash NOT LIKE '$argon2id$%'"),
    )

    account_id: UUID = Field(primary_key=True, foreign_key="accounts.id", ondelete="CASCADE")
    password_hash: str = text()
    changed_at: datetime = instant()
    #: A provisional one that a firm handed over (domain.provisional): it lets its owner choose their own, no more.
    provisional: bool = False
    #: Until when a provisional one does.
    expires_at: datetime | None = instant(required=False)


class FirmPasswordPolicy(Base, table=True):
    """What a firm demands of the passwords of its managed accounts; of nobody's id (zeros), the installation's floor as
    it was at the last start.
    """

    __tablename__ = "password_policies"

    organisation_id: UUID = Field(primary_key=True)
    minimum: int
    digit: bool
    capital: bool
    small: bool
    special_characters: str = text()
    #: When it last began to refuse what it took before: older passwords are held against it at their next sign-in.
    tightened_at: datetime | None = instant(required=False)
    changed_at: datetime = instant()


class Link(Identified, table=True):
    """A one-time link. Its secret is computed from the id (domain.links) and stored as a hash only."""

    __tablename__ = "links"

    digest: bytes = Field(sa_type=LargeBinary, unique=True)
    purpose: str = text()
    account_id: UUID = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    #: The organisation that invites.
    organisation_id: UUID | None = None
    organisation_slug: str = text("")
    created_at: datetime = instant()
    expires_at: datetime = instant(index=True)
    used_at: datetime | None = instant(required=False)
    revoked_at: datetime | None = instant(required=False)


class AddressChange(Identified, table=True):
    """A change of the address of a personal account (domain.address_changes says what state it is in)."""

    __tablename__ = "address_changes"
    __table_args__ = (
        Index("address_changes_reserved", "old_key", postgresql_where="done_at IS NOT NULL AND ended_as = ''"),
    )

    account_id: UUID = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    old_mail: str = text()
    #: As it is compared (domain.identifiers): nobody else gets it while it may come back.
    old_key: str = text("")
    new_mail: str = text()
    asked_at: datetime = instant()
    #: When either end said yes.
    new_confirmed_at: datetime | None = instant(required=False)
    old_confirmed_at: datetime | None = instant(required=False)
    done_at: datetime | None = instant(required=False)
    #: How it ended before its time, or after; empty while that follows from the time.
    ended_as: str = text("")


class Session(Identified, table=True):
    """One sign-in in one browser. The cookie holds a random secret, the row its hash."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("sessions_of_account", "account_id", postgresql_where="ended_at IS NULL"),
        Index("sessions_by_start", "started_at", postgresql_where="ended_at IS NULL"),
    )

    digest: bytes = Field(sa_type=LargeBinary, unique=True)
    account_id: UUID = Field(foreign_key="accounts.id", ondelete="CASCADE")
    started_at: datetime = instant()
    last_seen_at: datetime = instant(index=True)
    #: When the person last proved who they are, and how strong that was (domain.sessions.Proof).
    auth_time: datetime = instant()
    acr: str = text()
    amr: list[str] = texts()
    #: When they last did with the strongest that they have: sensitive acts ask for it to be recent.
    proof_at: datetime = instant()
    device: str = text("")
    ended_at: datetime | None = instant(required=False)


class SignInAttempt(Base, table=True):
    """Failures in a row of one identifier or one address; the key is a hash of what was typed, known or not."""

    __tablename__ = "sign_in_attempts"

    key: bytes = Field(sa_type=LargeBinary, primary_key=True)
    failures: int
    last_at: datetime = instant(index=True)
    blocked_until: datetime = instant()
