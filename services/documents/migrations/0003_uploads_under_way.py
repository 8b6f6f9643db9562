"""Uploads of one sender that are under way are counted; one that is being completed is nobody else's."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE uploads ADD COLUMN completing_until timestamptz")
    op.execute("CREATE INDEX uploads_under_way ON uploads (organisation_id, membership_id) WHERE state = 'sending'")
