"""Second factors: what somebody holds beside a password, or instead of one."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from parvis_identity.models.base import Base, Identified, instant, text, texts


class FactorKind(StrEnum):
    """What it is."""

    TOTP = "totp"
    PASSKEY = "passkey"


class Factor(Identified, table=True):
    """An authenticator of an account: an application that shows codes (RFC 6238), or a passkey (Web Authentication).
    It counts once it was confirmed.
    """

    __tablename__ = "factors"
    __table_args__ = (
        Index("factors_of_account", "account_id"),
        Index("factors_by_credential", "credential_id", unique=True, postgresql_where="credential_id IS NOT NULL"),
    )

    account_id: UUID = Field(foreign_key="accounts.id", ondelete="CASCADE")
    kind: str = text()
    #: As its owner calls it.
    name: str = text("")
    #: TOTP: the shared secret, sealed, and the last time step that was used: a code counts once (RFC 6238, 5.2).
    sealed: bytes = Field(default=b"", sa_type=LargeBinary)
    last_step: int = Field(default=0, sa_type=BigInteger)
    #: Passkey: its id, COSE key, counter, transports and model (Web Authentication Level 2, 6.5.1).
    credential_id: bytes | None = Field(default=None, sa_type=LargeBinary)
    public_key: bytes = Field(default=b"", sa_type=LargeBinary)
    sign_count: int = Field(default=0, sa_type=BigInteger)
    transports: list[str] = texts()
    aaguid: str = text("")
    discoverable: bool = False
    backed_up: bool = False
    created_at: datetime = instant()
    confirmed_at: datetime | None = instant(required=False)
    last_used_at: datetime | None = instant(required=False)


class RecoveryCode(Base, table=True):
    """A code that replaces a factor once; a hash of it."""

    __tablename__ = "recovery_codes"

    account_id: UUID = Field(primary_key=True, foreign_key="accounts.id", ondelete="CASCADE")
    digest: bytes = Field(sa_type=LargeBinary, primary_key=True)
    created_at: datetime = instant()
    used_at: datetime | None = instant(required=False)


class TrustedDevice(Identified, table=True):
    """A browser in which a factor is not asked at sign-in until a date."""

    __tablename__ = "trusted_devices"

    account_id: UUID = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    digest: bytes = Field(sa_type=LargeBinary, unique=True)
    device: str = text("")
    created_at: datetime = instant()
    expires_at: datetime = instant(index=True)
    ended_at: datetime | None = instant(required=False)


class PendingSignIn(Base, table=True):
    """Somebody who has given their first factor and not yet their second: no session, ten minutes. Also the challenge
    of a passkey that is being registered or used.
    """

    __tablename__ = "pending_sign_ins"

    digest: bytes = Field(sa_type=LargeBinary, primary_key=True)
    #: None: a challenge for whoever holds a passkey.
    account_id: UUID | None = Field(default=None, foreign_key="accounts.id", ondelete="CASCADE", index=True)
    amr: list[str] = texts()
    #: WebAuthn challenge, and whatever the step needs to remember.
    challenge: bytes = Field(default=b"", sa_type=LargeBinary)
    kept: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, nullable=False)
    next: str = text("")
    created_at: datetime = instant()
    expires_at: datetime = instant(index=True)


class FactorReset(Identified, table=True):
    """A reset of somebody's second factors (service.factor_resets): one at a time waits."""

    __tablename__ = "factor_resets"
    __table_args__ = (
        Index("factor_resets_waiting", "account_id", unique=True, postgresql_where="ended_at IS NULL"),
        Index("factor_resets_of_organisation", "organisation_id", "asked_at"),
        Index("factor_resets_asked", "asked_at"),
    )

    account_id: UUID = Field(foreign_key="accounts.id", ondelete="CASCADE")
    #: Who asked: the person's firm, or the provider (then of no membership).
    organisation_id: UUID
    organisation_name: str = text("")
    membership_id: UUID | None = None
    reason: str = text()
    asked_by: UUID
    asked_by_name: str = text("")
    asked_at: datetime = instant()
    approved_by: UUID | None = None
    approved_by_name: str = text("")
    approved_at: datetime | None = instant(required=False)
    #: Not before; nor before somebody agreed.
    due_at: datetime = instant()
    ended_at: datetime | None = instant(required=False)
    ended_as: str = text("")
