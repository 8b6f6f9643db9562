"""A data migration on a protected table."""

from alembic import op

from parvis_kit.migrations import unforced

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE notes ADD COLUMN length integer NOT NULL DEFAULT 0")
    with unforced(op, "notes"):
        op.execute("UPDATE notes SET length = char_length(body)")
