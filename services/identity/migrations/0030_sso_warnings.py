"""When administrators were told of refused sign-ins that smell of an attack, and what came since."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from parvis_kit.migrations import global_table

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    op.create_table(
        "sso_warnings",
        sa.Column("organisation_id", sa.Uuid, primary_key=True),
        sa.Column("told_at", TIMESTAMP(timezone=True), nullable=False),
        sa.Column("provider_id", sa.Uuid, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("last_check", sa.Text, nullable=False),
        sa.Column("since", JSONB, nullable=False),
    )
    op.create_index("sso_warnings_by_age", "sso_warnings", ["told_at"])
    global_table(op, "sso_warnings", "of sign-ins that were refused, and told at the hour's end whatever firm it is")
