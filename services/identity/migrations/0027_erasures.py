"""Accounts that are erased, or are about to be, and what each service answered."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from parvis_kit.migrations import global_table

revision = "0027"
down_revision = "0026"

INSTANT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("account_id", sa.Uuid),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.Column("ended_as", sa.Text, nullable=False),
    )
    op.create_index(
        "erasures_waiting", "erasures", ["account_id"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index("erasures_due", "erasures", ["due_at"], postgresql_where=sa.text("ended_at IS NULL"))
    op.create_table(
        "erasure_answers",
        sa.Column("erasure_id", sa.Uuid, sa.ForeignKey("erasures.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("erased", JSONB, nullable=False),
        sa.Column("kept", JSONB, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
    )
    global_table(op, "erasures", "of accounts, whatever the organisations that they were in")
    global_table(op, "erasure_answers", "what services answered, without whose records they were")
