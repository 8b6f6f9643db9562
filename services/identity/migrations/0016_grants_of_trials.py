"""What a try-out granted is known as such."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    granted = sa.ForeignKey("grants.id", ondelete="SET NULL", name="trials_grant_id_fkey")
    op.add_column("trials", sa.Column("grant_id", sa.Uuid, granted))
    op.execute("CREATE INDEX ix_trials_grant_id ON trials (grant_id)")
