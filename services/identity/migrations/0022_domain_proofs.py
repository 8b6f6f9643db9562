"""Mail domains are proven by their postmaster too."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0022"
down_revision = "0021"

INSTANT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.add_column("sso_domains", sa.Column("mail_id", sa.Uuid))
    op.add_column("sso_domains", sa.Column("mail_digest", sa.LargeBinary))
    op.add_column("sso_domains", sa.Column("mail_sent_at", INSTANT))
    op.add_column("sso_domains", sa.Column("claim_told_at", INSTANT))
    op.create_unique_constraint("sso_domains_mail_digest_key", "sso_domains", ["mail_digest"])
