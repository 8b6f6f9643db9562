"""Whose an address is, is asked when somebody arrives through a firm's provider."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    managed = sa.text("organisation_id IS NOT NULL")
    op.create_index("accounts_managed_mail", "accounts", [sa.text("lower(mail)")], postgresql_where=managed)
