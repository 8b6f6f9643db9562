"""Personal accounts and accounts of firms that are one person's."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

from parvis_kit.migrations import global_table

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    personal = sa.ForeignKey("accounts.id", ondelete="CASCADE")
    managed = sa.ForeignKey("accounts.id", ondelete="CASCADE")
    op.create_table(
        "account_links",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("personal_id", sa.Uuid, personal, nullable=False),
        sa.Column("managed_id", sa.Uuid, managed, nullable=False, unique=True),
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("organisation_slug", sa.Text, nullable=False),
        sa.Column("linked_at", TIMESTAMP(timezone=True), nullable=False),
        sa.UniqueConstraint("personal_id", "organisation_id", name="account_links_one_per_firm"),
    )
    global_table(op, "account_links", "of two accounts, one of which belongs to no organisation")
