"""When somebody last answered the offer of a second factor with "later"."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("factor_put_off_at", sa.DateTime(timezone=True)))
