"""Changes of an address are confirmed at both ends, and the old address stays reserved while it may come back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0017"
down_revision = "0016"

INSTANT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.add_column("address_changes", sa.Column("old_key", sa.Text, nullable=False, server_default=""))
    op.add_column("address_changes", sa.Column("new_confirmed_at", INSTANT))
    op.add_column("address_changes", sa.Column("old_confirmed_at", INSTANT))
    op.execute("UPDATE address_changes SET old_key = lower(normalize(trim(old_mail))) WHERE done_at IS NOT NULL")
    op.create_index(
        "address_changes_reserved",
        "address_changes",
        ["old_key"],
        postgresql_where=sa.text("done_at IS NOT NULL AND ended_as = ''"),
    )
