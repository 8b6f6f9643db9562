"""Clients of the OpenID provider, what was granted to them, and the keys that sign."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from parvis_identity.models.base import Base, Identified, instant, text, texts


class Client(Base, table=True):
    """A relying party. What profiles disagree on (algorithm, PKCE, rotation, proofs) is policy of each client.

    Names and values are those of the metadata of RFC 7591, OpenID Connect Registration 1.0, RFC 9126, RFC 9449 and
    Back-Channel Logout 1.0, except the last block. An empty text or list says: not registered.
    """

    __tablename__ = "clients"
    __table_args__ = (Index("clients_by_registration", "registration_digest", unique=True),)

    client_id: str = text(primary_key=True)
    #: `client_name`.
    name: str = text()
    #: SHA-256 of 256 random bits: a slow hash would add nothing. Empty: the client has no secret.
    secret_digest: bytes = Field(sa_type=LargeBinary)
    redirect_uris: list[str] = texts()
    post_logout_redirect_uris: list[str] = texts()
    grant_types: list[str] = texts()
    response_types: list[str] = Field(default_factory=lambda: ["code"], sa_type=ARRAY(Text), nullable=False)
    #: Scopes it may ask for, separated by spaces; empty: all that are offered.
    scope: str = text("")
    #: "web" or "native".
    application_type: str = text("web")
    #: "client_secret_basic", "client_secret_post", "private_key_jwt" or "none" (a public client).
    token_endpoint_auth_method: str = text("client_secret_basic")
    #: The one algorithm of its assertions; empty: any that its profile allows.
    token_endpoint_auth_signing_alg: str = text("")
    #: Its keys, as a JSON Web Key Set, or where they are; one of the two at most.
    jwks: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True), nullable=True)
    jwks_uri: str = text("")
    #: "ES256", "RS256", "PS256" or "EdDSA".
    id_token_signed_response_alg: str = text("ES256")
    #: The same; empty: userinfo is plain JSON.
    userinfo_signed_response_alg: str = text("")
    #: The one algorithm of its request objects, "none" for unsigned ones; empty: any that its profile allows, "none"
    #: too outside FAPI 2.0 (OpenID Connect Registration 1.0, 2).
    request_object_signing_alg: str = text("")
    #: Where its request objects may be fetched.
    request_uris: list[str] = texts()
    #: "public" or "pairwise" (OpenID Connect Core 8); the host of `sector_identifier_uri`, else of its redirect
    #: addresses, is its sector.
    subject_type: str = text("public")
    sector_identifier_uri: str = text("")
    default_max_age: int | None = None
    require_auth_time: bool = False
    default_acr_values: list[str] = texts()
    initiate_login_uri: str = text("")
    contacts: list[str] = texts()
    logo_uri: str = text("")
    policy_uri: str = text("")
    tos_uri: str = text("")
    client_uri: str = text("")
    software_id: str = text("")
    software_version: str = text("")
    #: Where it is told that a session ended; whether it needs `sid` in what it is told.
    backchannel_logout_uri: str = text("")
    backchannel_logout_session_required: bool = False
    require_pushed_authorization_requests: bool = False
    dpop_bound_access_tokens: bool = False

    #: The product that this client is; its users need the product assigned.
    product_id: UUID | None = Field(default=None, unique=True)
    #: "" (OpenID Connect) or "fapi2" (FAPI 2.0 security profile: what it asks for is on, whatever else is here says).
    profile: str = text("")
    pkce_required: bool = True
    rotates_refresh_tokens: bool = True
    #: Clients whose interfaces it may call in a person's name (RFC 8693): audiences that it may exchange tokens for.
    exchange_audiences: list[str] = texts()
    #: People are asked once before it is told who they are: nobody of the provider vouched for it.
    consent_required: bool = False
    #: SHA-256 of its registration access token (RFC 7592); None: it cannot change itself.
    registration_digest: bytes | None = Field(default=None, sa_type=LargeBinary)
    #: The organisation whose product it is; None for all others, and for products of before this was known.
    organisation_id: UUID | None = None
    #: The secret before the present one, and until when it counts too.
    previous_secret_digest: bytes = Field(default=b"", sa_type=LargeBinary)
    previous_secret_until: datetime | None = instant(required=False)
    #: Closed by its provider: nobody signs in with it.
    closed_at: datetime | None = instant(required=False)
    #: When it was last given tokens, to within a day.
    used_at: datetime | None = instant(required=False)
    #: When it last could not prove who it is, or named an address that is not registered; and what that was.
    refused_at: datetime | None = instant(required=False)
    refused_for: str = text("")
    created_at: datetime = instant()


class Trial(Base, table=True):
    """A try-out of a client by whoever manages it (`service.trials`), found by the hash of its `state`."""

    __tablename__ = "trials"

    digest: bytes = Field(sa_type=LargeBinary, primary_key=True)
    client_id: str = text(foreign_key="clients.client_id", ondelete="CASCADE", index=True)
    account_id: UUID = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    #: The page of ours that the answer comes to.
    redirect_uri: str = text()
    authorization_url: str = text()
    created_at: datetime = instant()
    expires_at: datetime = instant(index=True)
    #: What its one code granted; gone once the report was made. It counts for nobody and is no sign-in at the product.
    grant_id: UUID | None = Field(default=None, foreign_key="grants.id", ondelete="SET NULL", index=True)
    #: `TrialReport`, once it was made.
    report: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True), nullable=True)


class Consent(Base, table=True):
    """What a person lets a client know, once for all: the scopes, and the claims asked for by name."""

    __tablename__ = "consents"

    account_id: UUID = Field(primary_key=True, foreign_key="accounts.id", ondelete="CASCADE")
    client_id: str = text(primary_key=True, foreign_key="clients.client_id", ondelete="CASCADE", index=True)
    told: list[str] = texts()
    given_at: datetime = instant()


class Grant(Identified, table=True):
    """What one sign-in gave to one client: the family of a code, its refresh tokens and access tokens."""

    __tablename__ = "grants"
    __table_args__ = (Index("grants_of_session", "session_id", postgresql_where="revoked_at IS NULL"),)

    client_id: str = text(foreign_key="clients.client_id", ondelete="CASCADE", index=True)
    account_id: UUID = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    session_id: UUID = Field(foreign_key="sessions.id", ondelete="CASCADE", index=True)
    scope: str = text()
    #: Strength and time of the sign-in when the code was made.
    auth_time: datetime = instant()
    acr: str = text()
    amr: list[str] = texts()
    #: The key that its access tokens (and a public client's refresh tokens) are bound to: RFC 7638 thumbprint of the
    #: DPoP key (RFC 9449), empty for bearer tokens.
    dpop_jkt: str = text("")
    #: The `claims` parameter as it was asked: {"id_token": {name: null | {…}}, "userinfo": {…}} (OpenID Connect Core
    #: 5.5), known members and names only.
    claims: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True), nullable=True)
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
    #: The key that a proof at the token endpoint must be made with (RFC 9449, 10); empty: any, or none.
    dpop_jkt: str = text("")
    expires_at: datetime = instant(index=True)
    used_at: datetime | None = instant(required=False)


class RefreshToken(Base, table=True):
    """A refresh token, stored as a hash; kept after it was replaced so that a second use is noticed."""

    __tablename__ = "refresh_tokens"

    digest: bytes = Field(sa_type=LargeBinary, primary_key=True)
    grant_id: UUID = Field(foreign_key="grants.id", ondelete="CASCADE", index=True)
    issued_at: datetime = instant()
    expires_at: datetime = instant(index=True)
    replaced_at: datetime | None = instant(required=False)


class PushedRequest(Base, table=True):
    """An authorization request that a client sent ahead (RFC 9126), found by the hash of its `request_uri`.

    It may be opened again until it was answered: `used_at` is set, in one statement that one request wins, when a code
    is made of it.
    """

    __tablename__ = "pushed_requests"
    __table_args__ = (Index("pushed_requests_open", "client_id", "expires_at"),)

    digest: bytes = Field(sa_type=LargeBinary, primary_key=True)
    client_id: str = text(foreign_key="clients.client_id", ondelete="CASCADE", index=True)
    #: Names and values, checked, with what a request object said already in them; no client credentials.
    parameters: dict[str, str] = Field(sa_type=JSONB)
    #: Of the proof that came with it, or its `dpop_jkt`.
    dpop_jkt: str = text("")
    created_at: datetime = instant()
    expires_at: datetime = instant(index=True)
    used_at: datetime | None = instant(required=False)


class DeviceCode(Base, table=True):
    """A device that waits for somebody to type its code elsewhere (RFC 8628), found by the hash of `device_code`.

    Pending until `grant_id` (somebody agreed: the grant is theirs) or `denied_at` is set; then `used_at`, with tokens.
    """

    __tablename__ = "device_codes"
    __table_args__ = (Index("device_codes_open", "client_id", "expires_at"),)

    digest: bytes = Field(sa_type=LargeBinary, primary_key=True)
    #: What is typed, without separators, in capitals.
    user_code: str = text(unique=True)
    client_id: str = text(foreign_key="clients.client_id", ondelete="CASCADE", index=True)
    scope: str = text()
    dpop_jkt: str = text("")
    #: Seconds between two questions, at least.
    interval_seconds: int
    created_at: datetime = instant()
    expires_at: datetime = instant(index=True)
    polled_at: datetime | None = instant(required=False)
    grant_id: UUID | None = Field(default=None, foreign_key="grants.id", ondelete="CASCADE", index=True)
    denied_at: datetime | None = instant(required=False)
    used_at: datetime | None = instant(required=False)


class SeenProof(Base, table=True):
    """A `jti` that must not come a second time (RFC 7523, RFC 9449): `store.openid.first_time` writes it."""

    __tablename__ = "seen_proofs"

    #: SHA-256 over what it was for, whose it is, and the `jti`.
    digest: bytes = Field(sa_type=LargeBinary, primary_key=True)
    #: When the proof would be refused for its age anyway.
    expires_at: datetime = instant(index=True)


class RevokedToken(Base, table=True):
    """An access token that was revoked alone (RFC 7009), until it would have expired."""

    __tablename__ = "revoked_tokens"

    jti: str = text(primary_key=True)
    expires_at: datetime = instant(index=True)


class SigningKey(Base, table=True):
    """A key; its private part is sealed with AES-256-GCM under a key of the settings."""

    __tablename__ = "signing_keys"
    __table_args__ = (
        Index("signing_keys_current", "purpose", "algorithm", unique=True, postgresql_where="retired_at IS NULL"),
    )

    #: The `kid` (RFC 7517, 4.5).
    id: str = text(primary_key=True)
    #: "internal" (tokens that services accept), "openid" (tokens of clients), "links" (secrets of one-time links),
    #: "devices" (proofs of browsers that are known), "refresh" (what a refresh token is replaced by),
    #: "subjects" (what pairwise clients call people).
    purpose: str = text()
    algorithm: str = text()
    public_jwk: dict[str, Any] = Field(sa_type=JSONB)
    sealed: bytes = Field(sa_type=LargeBinary)
    #: It is published from here on,
    created_at: datetime = instant()
    #: signs from here
    signs_from: datetime = instant()
    #: to here (set when the next one is made: it may lie ahead), and is published for a while longer.
    retired_at: datetime | None = instant(required=False)
