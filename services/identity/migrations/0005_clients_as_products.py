"""Clients that the provider manages: whose they are, secrets that change, clients that are closed, try-outs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from parvis_kit.migrations import global_table

revision = "0005"
down_revision = "0004"

INSTANT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    for column in (
        sa.Column("organisation_id", sa.Uuid),
        sa.Column("previous_secret_digest", sa.LargeBinary, nullable=False, server_default=""),
        sa.Column("previous_secret_until", INSTANT),
        sa.Column("closed_at", INSTANT),
        sa.Column("used_at", INSTANT),
    ):
        op.add_column("clients", column)
    op.create_table(
        "trials",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column(
            "client_id",
            sa.Text,
            sa.ForeignKey("clients.client_id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("authorization_url", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False, index=True),
        sa.Column("report", JSONB),
    )
    global_table(op, "trials", "try-outs of clients, which belong to no organisation, by accounts")
