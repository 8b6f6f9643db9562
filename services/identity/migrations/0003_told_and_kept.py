"""Clients that are told of a session's end, keys that are published before they sign, what a client may exchange
tokens for.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

from parvis_kit.migrations import global_table

revision = "0003"
down_revision = "0002"

INSTANT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    logout_notices()
    keys()
    exchanges()
    global_table(op, "logout_notices", "ends of sessions, which are of accounts, told to clients")


def logout_notices() -> None:
    client = "clients.client_id"
    op.create_table(
        "logout_notices",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("client_id", sa.Text, sa.ForeignKey(client, ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("session_id", sa.Uuid, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("done_at", INSTANT),
        sa.Column("trouble", sa.Text, nullable=False),
    )
    waiting = sa.text("done_at IS NULL")
    op.create_index("logout_notices_waiting", "logout_notices", ["due_at"], postgresql_where=waiting)
    op.create_index(
        "logout_notices_done", "logout_notices", ["done_at"], postgresql_where=sa.text("done_at IS NOT NULL")
    )


def keys() -> None:
    """A key is published when it is made and signs from `signs_from` on, when the one before it retires."""
    op.add_column("signing_keys", sa.Column("signs_from", INSTANT))
    op.execute("UPDATE signing_keys SET signs_from = created_at")
    op.alter_column("signing_keys", "signs_from", nullable=False)


def exchanges() -> None:
    column = sa.Column("exchange_audiences", ARRAY(sa.Text), nullable=False, server_default="{}")
    op.add_column("clients", column)
