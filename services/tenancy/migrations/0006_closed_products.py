"""Closed products: lists say so without asking identity. Those closed before say so once they are closed again."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("products", sa.Column("closed_at", sa.DateTime(timezone=True)))
