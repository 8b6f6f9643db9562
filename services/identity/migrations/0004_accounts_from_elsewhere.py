"""Accounts that came from other platforms, and passwords that are still hashed as they did it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("imported_at", TIMESTAMP(timezone=True)))
    op.add_column("accounts", sa.Column("claimed_as", sa.Uuid))
    foreign = sa.text("password_hash NOT LIKE '$argon2id$%'")
    op.create_index("credentials_foreign", "credentials", ["account_id"], postgresql_where=foreign)
