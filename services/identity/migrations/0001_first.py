"""Accounts, sessions, links, OpenID clients and what was granted to them, keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB, TIMESTAMP

from parvis_kit.migrations import global_table, kit_tables

revision = "0001"
down_revision = None

INSTANT = TIMESTAMP(timezone=True)
TEXTS = ARRAY(sa.Text)


def upgrade() -> None:
    kit_tables(op)
    accounts()
    sessions()
    clients()
    global_table(
        op,
        "accounts",
        "a login belongs to a person, or names the firm that owns it; found before any organisation is known",
    )
    global_table(op, "credentials", "passwords of accounts, read at sign-in before any organisation is known")
    global_table(op, "links", "opened by their secret, before anybody is known")
    global_table(op, "sessions", "a sign-in is of an account, whatever organisations it then acts for")
    global_table(op, "sign_in_attempts", "counts what was typed, known or not")
    global_table(op, "clients", "the portal and the products, which serve many organisations")
    global_table(op, "grants", "found by the secret of a code or refresh token; belongs to an account and a client")
    global_table(op, "authorization_codes", "found by their secret")
    global_table(op, "refresh_tokens", "found by their secret")
    global_table(op, "signing_keys", "keys of the installation")


def accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("organisation_id", sa.Uuid),
        sa.Column("identifier", sa.Text, nullable=False),
        sa.Column("identifier_key", sa.Text, nullable=False),
        sa.Column("mail", sa.Text, nullable=False),
        sa.Column("given_name", sa.Text, nullable=False),
        sa.Column("family_name", sa.Text, nullable=False),
        sa.Column("locale", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("activated_at", INSTANT),
        sa.Column("last_sign_in_at", INSTANT),
        sa.CheckConstraint("(kind = 'managed') = (organisation_id IS NOT NULL)", name="managed_has_owner"),
    )
    personal, managed = sa.text("organisation_id IS NULL"), sa.text("organisation_id IS NOT NULL")
    op.create_index("accounts_personal", "accounts", ["identifier_key"], unique=True, postgresql_where=personal)
    op.create_index(
        "accounts_managed", "accounts", ["organisation_id", "identifier_key"], unique=True, postgresql_where=managed
    )
    op.create_table(
        "credentials",
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
    )
    op.create_table(
        "links",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("digest", BYTEA, nullable=False, unique=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("organisation_id", sa.Uuid),
        sa.Column("organisation_slug", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT),
        sa.Column("revoked_at", INSTANT),
    )


def sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("digest", BYTEA, nullable=False, unique=True),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("last_seen_at", INSTANT, nullable=False),
        sa.Column("auth_time", INSTANT, nullable=False),
        sa.Column("acr", sa.Text, nullable=False),
        sa.Column("amr", TEXTS, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("ended_at", INSTANT),
    )
    op.create_index("sessions_of_account", "sessions", ["account_id"], postgresql_where=sa.text("ended_at IS NULL"))
    op.create_table(
        "sign_in_attempts",
        sa.Column("key", BYTEA, primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        sa.Column("blocked_until", INSTANT, nullable=False),
    )


def clients() -> None:
    op.create_table(
        "clients",
        sa.Column("client_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("secret_digest", BYTEA, nullable=False),
        sa.Column("redirect_uris", TEXTS, nullable=False),
        sa.Column("post_logout_redirect_uris", TEXTS, nullable=False),
        sa.Column("grant_types", TEXTS, nullable=False),
        sa.Column("product_id", sa.Uuid, unique=True),
        sa.Column("id_token_signed_response_alg", sa.Text, nullable=False),
        sa.Column("pkce_required", sa.Boolean, nullable=False),
        sa.Column("rotates_refresh_tokens", sa.Boolean, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column(
            "client_id", sa.Text, sa.ForeignKey("clients.client_id", ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("session_id", sa.Uuid, sa.ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("auth_time", INSTANT, nullable=False),
        sa.Column("acr", sa.Text, nullable=False),
        sa.Column("amr", TEXTS, nullable=False),
        sa.Column("organisation_id", sa.Uuid),
        sa.Column("organisation_name", sa.Text, nullable=False),
        sa.Column("organisation_slug", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT),
    )
    op.create_index("grants_of_session", "grants", ["session_id"], postgresql_where=sa.text("revoked_at IS NULL"))
    op.create_table(
        "authorization_codes",
        sa.Column("digest", BYTEA, primary_key=True),
        sa.Column("grant_id", sa.Uuid, sa.ForeignKey("grants.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("nonce", sa.Text, nullable=False),
        sa.Column("code_challenge", sa.Text, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", BYTEA, primary_key=True),
        sa.Column("grant_id", sa.Uuid, sa.ForeignKey("grants.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("issued_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("replaced_at", INSTANT),
    )
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("public_jwk", JSONB, nullable=False),
        sa.Column("sealed", BYTEA, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("retired_at", INSTANT),
    )
    current = sa.text("retired_at IS NULL")
    op.create_index(
        "signing_keys_current", "signing_keys", ["purpose", "algorithm"], unique=True, postgresql_where=current
    )
