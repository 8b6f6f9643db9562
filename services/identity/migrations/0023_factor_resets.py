"""Second factors of others are reset by two."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

from parvis_kit.migrations import global_table

revision = "0023"
down_revision = "0022"

INSTANT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    account = sa.ForeignKey("accounts.id", ondelete="CASCADE")
    op.create_table(
        "factor_resets",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("account_id", sa.Uuid, account, nullable=False),
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("organisation_name", sa.Text, nullable=False),
        sa.Column("membership_id", sa.Uuid),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("asked_by", sa.Uuid, nullable=False),
        sa.Column("asked_by_name", sa.Text, nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("approved_by", sa.Uuid),
        sa.Column("approved_by_name", sa.Text, nullable=False),
        sa.Column("approved_at", INSTANT),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.Column("ended_as", sa.Text, nullable=False),
    )
    waiting = sa.text("ended_at IS NULL")
    op.create_index("factor_resets_waiting", "factor_resets", ["account_id"], unique=True, postgresql_where=waiting)
    op.create_index("factor_resets_of_organisation", "factor_resets", ["organisation_id", "asked_at"])
    op.create_index("factor_resets_asked", "factor_resets", ["asked_at"])
    global_table(
        op, "factor_resets", "of an account that may belong to no organisation, stopped by whoever reads its mail"
    )
