"""Firms' own identity providers: what was agreed with them, whom they said somebody is, and what is under way."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from parvis_identity.models.base import Base, Identified, instant, text, texts


class ProviderKind(StrEnum):
    """What a provider speaks."""

    OIDC = "oidc"
    SAML = "saml"


class ProviderState(StrEnum):
    """Whether people sign in with it."""

    DRAFT = "draft"
    LIVE = "live"
    OFF = "off"


class SsoProvider(Identified, table=True):
    """An identity provider of a firm (OpenID Connect Core 1.0, SAML 2.0 Web Browser SSO)."""

    __tablename__ = "sso_providers"
    __table_args__ = (Index("sso_providers_of_organisation", "organisation_id", "position"),)

    organisation_id: UUID
    organisation_slug: str = text()
    kind: str = text()
    #: Which guide its setting up follows: "entra", "google", "okta", "keycloak", "oidc", "saml".
    template: str = text()
    #: As people of the firm call it; it stands on the button.
    name: str = text()
    state: str = text(ProviderState.DRAFT)
    position: int = 0
    #: OIDC: the issuer. SAML: the entity id of the provider.
    issuer: str = text("")
    client_id: str = text("")
    #: OIDC: the client secret, sealed, and the one before while both count at the provider.
    sealed_secret: bytes = Field(default=b"", sa_type=LargeBinary)
    secret_changed_at: datetime | None = instant(required=False)
    #: Where its metadata is (SAML) or was found (OIDC discovery); empty: it came as a file.
    metadata_url: str = text("")
    #: As it was last read: XML, or the discovery document.
    metadata_document: str = text("")
    metadata_read_at: datetime | None = instant(required=False)
    #: Why it could not be read again, since when; empty when it could.
    metadata_problem: str = text("")
    metadata_failed_at: datetime | None = instant(required=False)
    #: Which claim or attribute is what: "mail", "user_name", "given_name", "family_name", "groups"; missing: the usual.
    claim_names: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, nullable=False)
    #: OIDC: scopes beside `openid`, separated by spaces.
    scope: str = text("profile email")
    #: Whether its word that somebody gave a second factor is taken (`amr`, AuthnContext).
    accepts_amr: bool = False
    #: SAML: assertions must be encrypted to us; and may be with AES-CBC, which has nothing that protects it, inside a
    #: signed response.
    wants_encrypted: bool = False
    allows_cbc: bool = False
    #: SAML: PEM of who signs its metadata; empty: nobody has to.
    metadata_certificate: str = text("")
    #: SAML: when its metadata is read again.
    metadata_next_at: datetime | None = instant(required=False, index=True)
    #: The claim that equals `externalId` of SCIM; empty: the subject.
    scim_match: str = text("")
    #: Whether sign-outs go on to it, and come from it.
    forwards_logout: bool = True
    #: When the test last went through with the settings as they are; None: never, or they changed since.
    tried_at: datetime | None = instant(required=False)
    live_since: datetime | None = instant(required=False)
    version: int = 1
    created_at: datetime = instant()
    changed_at: datetime = instant()


class SsoKey(Identified, table=True):
    """A key of ours for one SAML provider: signs requests, decrypts assertions. Two at a time while one takes over."""

    __tablename__ = "sso_keys"

    provider_id: UUID = Field(foreign_key="sso_providers.id", ondelete="CASCADE", index=True)
    #: PEM.
    certificate: str = text()
    sealed: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = instant()
    #: It is published from its making, and signs from here
    signs_from: datetime = instant()
    #: to here; it decrypts as long as it is there.
    retired_at: datetime | None = instant(required=False)


class SsoDomain(Identified, table=True):
    """A mail domain that a firm says is its own."""

    __tablename__ = "sso_domains"
    __table_args__ = (
        UniqueConstraint("organisation_id", "domain", name="sso_domains_once"),
        Index("sso_domains_verified", "domain", postgresql_where="state IN ('verified', 'lost')"),
    )

    organisation_id: UUID
    organisation_slug: str = text()
    #: Lower case, IDNA (RFC 5891).
    domain: str = text()
    #: "pending", "verified", "lost" (the last check failed, it counts still), "off" (it counts no more).
    state: str = text("pending")
    #: How it was proven: "dns" or "mail"; empty: not yet.
    method: str = text("")
    #: What the DNS record must say.
    token: str = text()
    verified_at: datetime | None = instant(required=False)
    checked_at: datetime | None = instant(required=False)
    check_problem: str = text("")
    lost_at: datetime | None = instant(required=False)
    next_check_at: datetime | None = instant(required=False, index=True)
    created_at: datetime = instant()
    #: The mail to its postmaster that counts: what its link's secret is computed from, and its hash.
    mail_id: UUID | None = None
    mail_digest: bytes | None = Field(default=None, sa_type=LargeBinary, unique=True, nullable=True)
    mail_sent_at: datetime | None = instant(required=False)
    #: When its administrators were last told that another organisation says it is theirs.
    claim_told_at: datetime | None = instant(required=False)


class SsoIdentity(Identified, table=True):
    """Whom a provider means by a subject. The key is never the mail: addresses pass from one person to another."""

    __tablename__ = "sso_identities"
    __table_args__ = (UniqueConstraint("provider_id", "subject", name="sso_identities_once"),)

    provider_id: UUID = Field(foreign_key="sso_providers.id", ondelete="CASCADE")
    subject: str = text()
    account_id: UUID = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    organisation_id: UUID
    created_at: datetime = instant()
    last_sign_in_at: datetime | None = instant(required=False)


class SsoAttempt(Base, table=True):
    """Somebody on the way to a provider and back, found by the hash of `state` (OIDC) or `RelayState` (SAML). It is
    answered once, and finished once by the browser that began it.
    """

    __tablename__ = "sso_attempts"

    digest: bytes = Field(sa_type=LargeBinary, primary_key=True)
    provider_id: UUID = Field(foreign_key="sso_providers.id", ondelete="CASCADE", index=True)
    #: "login", "trial", "step_up", "link".
    purpose: str = text()
    #: SHA-256 of the secret that the browser keeps.
    browser: bytes = Field(sa_type=LargeBinary)
    #: What finishing needs (nonce, verifier, id of the request), and later what the provider said: sealed JSON.
    sealed: bytes = Field(sa_type=LargeBinary)
    #: Where the person was going.
    next: str = text("")
    #: Who was signed in, where it matters (step-up, link, trial).
    account_id: UUID | None = Field(default=None, foreign_key="accounts.id", ondelete="CASCADE", index=True)
    session_id: UUID | None = None
    created_at: datetime = instant()
    expires_at: datetime = instant(index=True)
    answered_at: datetime | None = instant(required=False)
    used_at: datetime | None = instant(required=False)
    #: Of a trial: each check and the claims received.
    report: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True), nullable=True)


class SsoWarning(Base, table=True):
    """When those who set up a firm's sign-in were told of a refusal that smells of an attack, and what came since."""

    __tablename__ = "sso_warnings"
    __table_args__ = (Index("sso_warnings_by_age", "told_at"),)

    organisation_id: UUID = Field(primary_key=True)
    told_at: datetime = instant()
    #: Of the last one.
    provider_id: UUID
    provider: str = text()
    last_check: str = text()
    #: Check → how often, since they were told.
    since: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, nullable=False)


class SessionProof(Base, table=True):
    """That a provider vouched for whoever is in a session; several firms' may stand in one."""

    __tablename__ = "session_proofs"
    __table_args__ = (
        Index("session_proofs_by_name", "provider_id", "name_id"),
        Index("session_proofs_by_index", "provider_id", "session_index"),
        Index("session_proofs_that_end", "ends_at", postgresql_where="ends_at IS NOT NULL"),
    )

    session_id: UUID = Field(primary_key=True, foreign_key="sessions.id", ondelete="CASCADE")
    provider_id: UUID = Field(primary_key=True, foreign_key="sso_providers.id", ondelete="CASCADE")
    organisation_id: UUID
    at: datetime = instant()
    #: From when on it counts no more, as the provider says (SAML: SessionNotOnOrAfter); None: it does not.
    ends_at: datetime | None = instant(required=False)
    #: What it says of the strength, as far as the firm takes its word: "1" or "2".
    acr: str = text()
    amr: list[str] = texts()
    #: How the provider calls the person and its session, for single logout: `sub` and `sid`, NameID and SessionIndex.
    name_id: str = text("")
    session_index: str = text("")
    #: OIDC: the ID token, sealed, which a sign-out at the provider needs (`id_token_hint`).
    sealed_hint: bytes = Field(default=b"", sa_type=LargeBinary)
