"""Which revision of rights changed the advisers of a contact, and which one did before: indexes of other services know
by it what they lack. Changes from before this migration have none: their news is long told.
"""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("ALTER TABLE rights_revisions ADD COLUMN advisers_revision bigint NOT NULL DEFAULT 0")
    op.execute(
        "ALTER TABLE contacts ADD COLUMN advisers_revision bigint NOT NULL DEFAULT 0,"
        " ADD COLUMN advisers_previous bigint NOT NULL DEFAULT 0"
    )
    op.execute("CREATE INDEX contacts_by_advisers_revision ON contacts (organisation_id, advisers_revision)")
