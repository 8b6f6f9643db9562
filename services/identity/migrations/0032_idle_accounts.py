"""Accounts that nobody uses: what their owners were told; and whether a directory lists somebody, asked by account."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

from parvis_kit.migrations import ACCOUNT, global_table

revision = "0032"
down_revision = "0031"

INSTANT = TIMESTAMP(timezone=True)


# The day of a warning stands in `accounts.erasure_due_at` and not in `erasures.due_at`, by which the release before
# erases without a question (`domain.idle`): so this can be taken back.
def upgrade() -> None:
    op.create_table(
        "idle_notices",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("told_at", INSTANT, nullable=False),
        sa.Column("sent_at", INSTANT),
        sa.Column("failed_at", INSTANT),
    )
    op.create_index("ix_idle_notices_account_id", "idle_notices", ["account_id"])
    op.create_index("ix_idle_notices_told_at", "idle_notices", ["told_at"])
    global_table(op, "idle_notices", "of accounts, whatever the organisations that they are in")
    op.execute(f"CREATE POLICY parvis_account ON scim_users FOR SELECT USING (account_id = {ACCOUNT})")
