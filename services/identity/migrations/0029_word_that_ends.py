"""Until when a provider says that its word counts (SAML: SessionNotOnOrAfter)."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.add_column("session_proofs", sa.Column("ends_at", sa.DateTime(timezone=True)))
    op.create_index(
        "session_proofs_that_end", "session_proofs", ["ends_at"], postgresql_where=sa.text("ends_at IS NOT NULL")
    )
