"""Firms' own identity providers, second factors, and what organisations demand of whoever enters them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

from parvis_kit.migrations import global_table

revision = "0018"
down_revision = "0017"

INSTANT = TIMESTAMP(timezone=True)
TEXTS = ARRAY(sa.Text)
UUIDS = ARRAY(sa.Uuid)


def _id() -> sa.Column[object]:
    return sa.Column("id", sa.Uuid, primary_key=True)


def _of(name: str, table: str, *, index: bool = False, required: bool = True, key: bool = False) -> sa.Column[object]:
    target = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(name, sa.Uuid, target, nullable=not required, index=index, primary_key=key)


def _text(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _instants(*names: str) -> list[sa.Column[object]]:
    """Moments that may be missing."""
    return [sa.Column(name, INSTANT) for name in names]


def _at(*names: str, index: bool = False) -> list[sa.Column[object]]:
    return [sa.Column(name, INSTANT, nullable=False, index=index) for name in names]


def _flags(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Boolean, nullable=False) for name in names]


def upgrade() -> None:
    for name in ("directory", "factor_always"):
        op.add_column("accounts", sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("sessions", sa.Column("proof_at", INSTANT, nullable=False, server_default=sa.func.now()))
    op.execute("UPDATE sessions SET proof_at = auth_time")
    _providers()
    _arrivals()
    _factors()
    op.create_table(
        "sign_in_policies",
        sa.Column("organisation_id", sa.Uuid, primary_key=True),
        *_text("sso", "factors"),
        *_instants("required_from"),
        sa.Column("required_profiles", UUIDS, nullable=False),
        sa.Column("break_glass", UUIDS, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        *_at("changed_at"),
    )
    global_table(op, "sign_in_policies", "asked for each token of an organisation, before it is entered")


def _providers() -> None:
    op.create_table(
        "sso_providers",
        _id(),
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        *_text("organisation_slug", "kind", "template", "name", "state"),
        sa.Column("position", sa.Integer, nullable=False),
        *_text("issuer", "client_id"),
        sa.Column("sealed_secret", sa.LargeBinary, nullable=False),
        *_instants("secret_changed_at"),
        *_text("metadata_url", "metadata_document"),
        *_instants("metadata_read_at"),
        *_text("metadata_problem"),
        *_instants("metadata_failed_at"),
        sa.Column("claim_names", JSONB, nullable=False),
        *_text("scope"),
        *_flags("accepts_amr", "wants_encrypted"),
        *_text("scim_match"),
        *_flags("forwards_logout"),
        *_instants("tried_at", "live_since"),
        sa.Column("version", sa.Integer, nullable=False),
        *_at("created_at", "changed_at"),
    )
    op.create_index("sso_providers_of_organisation", "sso_providers", ["organisation_id", "position"])
    global_table(op, "sso_providers", "read at the sign-in page, before anybody is known")
    op.create_table(
        "sso_keys",
        _id(),
        _of("provider_id", "sso_providers", index=True),
        *_text("certificate"),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        *_at("created_at", "signs_from"),
        *_instants("retired_at"),
    )
    global_table(op, "sso_keys", "sign requests to a provider, before anybody is known")
    op.create_table(
        "sso_domains",
        _id(),
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        *_text("organisation_slug", "domain", "state", "method", "token"),
        *_instants("verified_at", "checked_at"),
        *_text("check_problem"),
        *_instants("lost_at"),
        sa.Column("next_check_at", INSTANT, index=True),
        *_at("created_at"),
        sa.UniqueConstraint("organisation_id", "domain", name="sso_domains_once"),
    )
    counting = sa.text("state IN ('verified', 'lost')")
    op.create_index("sso_domains_verified", "sso_domains", ["domain"], postgresql_where=counting)
    global_table(op, "sso_domains", "say at the sign-in page which firm an address is of")


def _arrivals() -> None:
    op.create_table(
        "sso_identities",
        _id(),
        _of("provider_id", "sso_providers"),
        *_text("subject"),
        _of("account_id", "accounts", index=True),
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        *_at("created_at"),
        *_instants("last_sign_in_at"),
        sa.UniqueConstraint("provider_id", "subject", name="sso_identities_once"),
    )
    global_table(op, "sso_identities", "found by what a provider says, before anybody is known")
    op.create_table(
        "sso_attempts",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        _of("provider_id", "sso_providers", index=True),
        *_text("purpose"),
        sa.Column("browser", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        *_text("next"),
        _of("account_id", "accounts", index=True, required=False),
        sa.Column("session_id", sa.Uuid),
        *_at("created_at"),
        *_at("expires_at", index=True),
        *_instants("answered_at", "used_at"),
        sa.Column("report", JSONB),
    )
    global_table(op, "sso_attempts", "found by the secret of an answer, before anybody is known")
    op.create_table(
        "session_proofs",
        _of("session_id", "sessions", key=True),
        _of("provider_id", "sso_providers", key=True),
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        *_at("at"),
        *_text("acr"),
        sa.Column("amr", TEXTS, nullable=False),
        *_text("name_id", "session_index"),
        sa.Column("sealed_hint", sa.LargeBinary, nullable=False),
    )
    op.create_index("session_proofs_by_name", "session_proofs", ["provider_id", "name_id"])
    op.create_index("session_proofs_by_index", "session_proofs", ["provider_id", "session_index"])
    global_table(op, "session_proofs", "of a sign-in, in which several firms may have vouched for somebody")


def _factors() -> None:
    op.create_table(
        "factors",
        _id(),
        _of("account_id", "accounts"),
        *_text("kind", "name"),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.Column("credential_id", sa.LargeBinary),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("transports", TEXTS, nullable=False),
        *_text("aaguid"),
        *_flags("discoverable", "backed_up"),
        *_at("created_at"),
        *_instants("confirmed_at", "last_used_at"),
    )
    op.create_index("factors_of_account", "factors", ["account_id"])
    named = sa.text("credential_id IS NOT NULL")
    op.create_index("factors_by_credential", "factors", ["credential_id"], unique=True, postgresql_where=named)
    global_table(op, "factors", "of accounts, asked at sign-in before any organisation is known")
    op.create_table(
        "recovery_codes",
        _of("account_id", "accounts", key=True),
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        *_at("created_at"),
        *_instants("used_at"),
    )
    global_table(op, "recovery_codes", "of accounts, asked at sign-in before any organisation is known")
    op.create_table(
        "trusted_devices",
        _id(),
        _of("account_id", "accounts", index=True),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        *_text("device"),
        *_at("created_at"),
        *_at("expires_at", index=True),
        *_instants("ended_at"),
    )
    global_table(op, "trusted_devices", "browsers of accounts, known at sign-in before any organisation is")
    op.create_table(
        "pending_sign_ins",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        _of("account_id", "accounts", index=True, required=False),
        sa.Column("amr", TEXTS, nullable=False),
        sa.Column("challenge", sa.LargeBinary, nullable=False),
        sa.Column("kept", JSONB, nullable=False),
        *_text("next"),
        *_at("created_at"),
        *_at("expires_at", index=True),
    )
    global_table(op, "pending_sign_ins", "sign-ins that wait for a second factor")
