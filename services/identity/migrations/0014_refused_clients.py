"""What a client was last refused for, for whoever manages it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("clients", sa.Column("refused_at", TIMESTAMP(timezone=True)))
    op.add_column("clients", sa.Column("refused_for", sa.Text, nullable=False, server_default=""))
