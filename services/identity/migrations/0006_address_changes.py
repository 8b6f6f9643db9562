"""Changes of the address of a personal account."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

from parvis_kit.migrations import global_table

revision = "0006"
down_revision = "0005"

INSTANT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "address_changes",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("old_mail", sa.Text, nullable=False),
        sa.Column("new_mail", sa.Text, nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("done_at", INSTANT),
        sa.Column("ended_as", sa.Text, nullable=False),
    )
    global_table(op, "address_changes", "a personal account belongs to no organisation, nor does its address")
