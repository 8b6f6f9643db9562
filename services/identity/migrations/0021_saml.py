"""SAML providers: who signs their metadata, when it is read again, and AES-CBC where one has nothing else."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.add_column("sso_providers", sa.Column("allows_cbc", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("sso_providers", sa.Column("metadata_certificate", sa.Text, nullable=False, server_default=""))
    op.add_column("sso_providers", sa.Column("metadata_next_at", TIMESTAMP(timezone=True)))
    op.create_index("ix_sso_providers_metadata_next_at", "sso_providers", ["metadata_next_at"])
