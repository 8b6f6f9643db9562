"""What firms demand of passwords, and provisional passwords that they hand over."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

from parvis_kit.migrations import global_table

revision = "0008"
down_revision = "0007"

INSTANT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "password_policies",
        sa.Column("organisation_id", sa.Uuid, primary_key=True),
        sa.Column("minimum", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Boolean, nullable=False) for name in ("digit", "capital", "small")),
        sa.Column("special_characters", sa.Text, nullable=False),
        sa.Column("tightened_at", INSTANT),
        sa.Column("changed_at", INSTANT, nullable=False),
    )
    global_table(op, "password_policies", "read at sign-in, before anybody acts for the organisation")
    op.add_column("credentials", sa.Column("provisional", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("credentials", sa.Column("expires_at", INSTANT))
