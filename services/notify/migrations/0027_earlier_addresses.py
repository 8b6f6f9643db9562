"""Where mails to a member went before stays known with the member: an export and an erasure find them there too."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    column = sa.Column("earlier_mails", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'"))
    op.add_column("memberships", column)
