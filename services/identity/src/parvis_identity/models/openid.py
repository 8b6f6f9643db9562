"""Clients of the OpenID provider, what was granted to them, and the keys that sign."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from parvis_identity.models.base import Base, Identified, instant, text, texts


class Client(Base, table=True):
    """A relying party. What profiles disagree on (algorithm, PKCE, rotation) is policy of each client."""

    __tablename__ = "clients"

    client_id: str = text(primary_key=True)
    name: str = text()
    #: SHA-256 of 256 random bits: a slow hash would add nothing.
    secret_digest: bytes = Field(sa_type=LargeBinary)
    redirect_uris: list[str] = texts()
    post_logout_redirect_uris: list[str] = texts()
    grant_types: list[str] = texts()
    #: The product that this client is; its users need the product assigned.
    product_id: UUID | None = Field(default=None, unique=True)
    id_token_signed_response_alg: str = text("ES256")
    pkce_required: bool = True
    rotates_refresh_tokens: bool = True
    created_at: datetime = instant()


class Grant(Identified, table=True):
    """What one sign-in gave to one client: the family of a code, its refresh tokens and access tokens."""

    __tablename__ = "grants"
    __table_args__ = (Index("grants_of_session", "session_id", postgresql_where="revoked_at IS NULL"),)

    client_id: str = text(foreign_key="clients.client_id", ondelete="CASCADE", index=True)
    account_id: UUID = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    session_id: UUID = Field(foreign_key="sessions.id", ondelete="CASCADE")
    scope: str = text()
    #: Strength and time of the sign-in when the code was made.
    auth_time: datetime = instant()
    acr: str = text()
    amr: list[str] = texts()
    #: The organisation that a product was launched for.
    organisation_id: UUID | None = None
    organisation_name: str = text("")
    organisation_slug: str = text("")
    created_at: datetime = instant()
    revoked_at: datetime | None = instant(required=False)


class AuthorizationCode(Base, table=True):
    """A code (RFC 6749, 4.1.2), stored as a hash; kept after its use so that a second use is noticed."""

    __tablename__ = "authorization_codes"

    digest: bytes = Field(sa_type=LargeBinary, primary_key=True)
    grant_id: UUID = Field(foreign_key="grants.id", ondelete="CASCADE", index=True)
    redirect_uri: str = text()
    nonce: str = text("")
    #: RFC 7636, S256.
    code_challenge: str = text("")
    expires_at: datetime = instant()
    used_at: datetime | None = instant(required=False)


class RefreshToken(Base, table=True):
    """A refresh token, stored as a hash; kept after it was replaced so that a second use is noticed."""

    __tablename__ = "refresh_tokens"

    digest: bytes = Field(sa_type=LargeBinary, primary_key=True)
    grant_id: UUID = Field(foreign_key="grants.id", ondelete="CASCADE", index=True)
    issued_at: datetime = instant()
    expires_at: datetime = instant()
    replaced_at: datetime | None = instant(required=False)


class SigningKey(Base, table=True):
    """A key; its private part is sealed with AES-256-GCM under a key of the settings."""

    __tablename__ = "signing_keys"
    __table_args__ = (
        Index("signing_keys_current", "purpose", "algorithm", unique=True, postgresql_where="retired_at IS NULL"),
    )

    #: The `kid` (RFC 7517, 4.5).
    id: str = text(primary_key=True)
    #: "internal" (tokens that services accept), "openid" (tokens of clients), "links" (secrets of one-time links),
    #: "devices" (proofs of browsers that are known).
    purpose: str = text()
    algorithm: str = text()
    public_jwk: dict[str, Any] = Field(sa_type=JSONB)
    sealed: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = instant()
    retired_at: datetime | None = instant(required=False)
