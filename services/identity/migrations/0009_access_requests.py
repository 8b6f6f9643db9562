"""Requests for an account that were made on an organisation's public page: nothing is proven yet."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BYTEA, TIMESTAMP

from parvis_kit.migrations import global_table

revision = "0009"
down_revision = "0008"

INSTANT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    account = sa.ForeignKey("accounts.id", ondelete="CASCADE")
    op.create_table(
        "access_requests",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("digest", BYTEA, nullable=False, unique=True),
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("organisation_slug", sa.Text, nullable=False),
        sa.Column("mail", sa.Text, nullable=False),
        sa.Column("given_name", sa.Text, nullable=False),
        sa.Column("family_name", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("locale", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False, index=True),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("account_id", sa.Uuid, account, index=True),
        sa.Column("sent_at", INSTANT),
    )
    global_table(op, "access_requests", "made before anybody is known, by people who belong to no organisation")
