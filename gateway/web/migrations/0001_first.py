"""Sessions of the pages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

from parvis_kit.migrations import global_table, kit_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    kit_tables(op)
    op.create_table(
        "web_sessions",
        sa.Column("cookie_sha256", sa.LargeBinary, primary_key=True),
        sa.Column("account_id", sa.Uuid, nullable=False),
        sa.Column("session_id", sa.Uuid, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("started_at", TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
    )
    op.create_index("web_sessions_by_session", "web_sessions", ["session_id"])
    op.create_index("web_sessions_by_account", "web_sessions", ["account_id"])
    op.create_index("web_sessions_by_expiry", "web_sessions", ["expires_at"])
    global_table(op, "web_sessions", "a session is of an account, before any organisation is chosen")
