"""Who looks at the portal as somebody else sees it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

from parvis_kit.migrations import global_table

revision = "0007"
down_revision = "0006"

INSTANT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    account = "accounts.id"
    op.create_table(
        "viewings",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey(account, ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("session_id", sa.Uuid, nullable=False),
        sa.Column("viewer_membership_id", sa.Uuid, nullable=False),
        sa.Column("viewer_name", sa.Text, nullable=False),
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column(
            "subject_account_id", sa.Uuid, sa.ForeignKey(account, ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.Column("membership_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("started_at", INSTANT, nullable=False, index=True),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
    )
    going_on = sa.text("ended_at IS NULL")
    op.create_index("viewings_of_session", "viewings", ["session_id"], postgresql_where=going_on)
    op.create_index("viewings_of_organisation", "viewings", ["organisation_id"], postgresql_where=going_on)
    columns = ["organisation_id", "membership_id", "started_at"]
    op.create_index("viewings_of_membership", "viewings", columns)
    global_table(op, "viewings", "sessions of a kind: of one account as another")
