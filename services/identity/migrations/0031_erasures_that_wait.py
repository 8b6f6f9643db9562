"""An erasure whose day has come waits while an organisation would have no administrator left."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.add_column("erasures", sa.Column("held_at", sa.DateTime(timezone=True)))
