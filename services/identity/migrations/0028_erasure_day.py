"""The day of an erasure stands in the account too: who signs in takes it back without another look."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

_KNOWN = """
UPDATE accounts a SET erasure_due_at = e.due_at FROM erasures e WHERE e.account_id = a.id AND e.ended_at IS NULL"""


def upgrade() -> None:
    op.add_column("accounts", sa.Column("erasure_due_at", sa.DateTime(timezone=True)))
    op.execute(_KNOWN)
