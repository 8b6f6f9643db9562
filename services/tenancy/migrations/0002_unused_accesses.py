"""Accesses that were never used are found without reading all memberships: few of many, on each home page."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("CREATE INDEX memberships_unused ON memberships (organisation_id, id) WHERE kind = 2 AND state = 1")
