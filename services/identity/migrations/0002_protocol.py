"""Policy of each client, what a request was bound to, pushed requests, device codes, proofs that were seen."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB, TIMESTAMP

from parvis_kit.migrations import global_table

revision = "0002"
down_revision = "0001"

INSTANT = TIMESTAMP(timezone=True)
TEXTS = ARRAY(sa.Text)


def upgrade() -> None:
    clients()
    grants()
    requests()
    seen()
    global_table(op, "consents", "given by a person to a client, whatever the organisation")
    global_table(op, "pushed_requests", "found by their request_uri, before anybody is known")
    global_table(op, "device_codes", "found by their secret, before anybody is known")
    global_table(op, "seen_proofs", "hashes of what must not be presented twice")
    global_table(op, "revoked_tokens", "ids of access tokens that were revoked before their time")


def text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def texts(name: str, default: str = "{}") -> sa.Column[list[str]]:
    return sa.Column(name, TEXTS, nullable=False, server_default=default)


def flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())


def json(name: str) -> sa.Column[object]:
    return sa.Column(name, JSONB(none_as_null=True))


def clients() -> None:
    for column in (
        text("application_type", "web"),
        text("token_endpoint_auth_method", "client_secret_basic"),
        *map(text, ("token_endpoint_auth_signing_alg", "jwks_uri", "userinfo_signed_response_alg")),
        *map(text, ("request_object_signing_alg", "sector_identifier_uri", "scope", "initiate_login_uri")),
        *map(text, ("logo_uri", "policy_uri", "tos_uri", "client_uri", "backchannel_logout_uri")),
        *map(text, ("profile", "software_id", "software_version")),
        text("subject_type", "public"),
        json("jwks"),
        texts("response_types", "{code}"),
        *map(texts, ("request_uris", "default_acr_values", "contacts")),
        sa.Column("default_max_age", sa.Integer),
        *map(flag, ("require_auth_time", "backchannel_logout_session_required", "consent_required")),
        *map(flag, ("require_pushed_authorization_requests", "dpop_bound_access_tokens")),
        sa.Column("registration_digest", BYTEA),
    ):
        op.add_column("clients", column)
    op.create_index("clients_by_registration", "clients", ["registration_digest"], unique=True)
    op.create_table(
        "consents",
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
        sa.Column(
            "client_id",
            sa.Text,
            sa.ForeignKey("clients.client_id", ondelete="CASCADE"),
            primary_key=True,
            index=True,
        ),
        sa.Column("told", TEXTS, nullable=False),
        sa.Column("given_at", INSTANT, nullable=False),
    )


def grants() -> None:
    op.add_column("accounts", text("phone_number"))
    op.add_column("accounts", json("address"))
    op.add_column("grants", text("dpop_jkt"))
    op.add_column("grants", json("claims"))
    op.add_column("authorization_codes", text("dpop_jkt"))


def requests() -> None:
    client = "clients.client_id"
    op.create_table(
        "pushed_requests",
        sa.Column("digest", BYTEA, primary_key=True),
        sa.Column("client_id", sa.Text, sa.ForeignKey(client, ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("parameters", JSONB, nullable=False),
        text("dpop_jkt"),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False, index=True),
        sa.Column("used_at", INSTANT),
    )
    op.create_table(
        "device_codes",
        sa.Column("digest", BYTEA, primary_key=True),
        sa.Column("user_code", sa.Text, nullable=False, unique=True),
        sa.Column("client_id", sa.Text, sa.ForeignKey(client, ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("scope", sa.Text, nullable=False),
        text("dpop_jkt"),
        sa.Column("interval_seconds", sa.Integer, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False, index=True),
        sa.Column("polled_at", INSTANT),
        sa.Column("grant_id", sa.Uuid, sa.ForeignKey("grants.id", ondelete="CASCADE"), index=True),
        sa.Column("denied_at", INSTANT),
        sa.Column("used_at", INSTANT),
    )


def seen() -> None:
    op.create_table(
        "seen_proofs",
        sa.Column("digest", BYTEA, primary_key=True),
        sa.Column("expires_at", INSTANT, nullable=False, index=True),
    )
    op.create_table(
        "revoked_tokens",
        sa.Column("jti", sa.Text, primary_key=True),
        sa.Column("expires_at", INSTANT, nullable=False, index=True),
    )
