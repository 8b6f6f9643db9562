"""Personal accounts that reach a membership of an account of the firm: identity tells which are one person's."""

import sqlalchemy as sa
from alembic import op

from parvis_kit.migrations import ACCOUNT

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("memberships", sa.Column("linked_account_id", sa.Uuid))
    op.add_column("memberships", sa.Column("linked_version", sa.BigInteger, nullable=False, server_default="0"))
    linked = sa.text("linked_account_id IS NOT NULL")
    op.create_index("memberships_by_linked_account", "memberships", ["linked_account_id"], postgresql_where=linked)
    # A person reads their memberships wherever they are: those of their own account, and of those linked to it.
    op.execute("DROP POLICY parvis_account ON memberships")
    mine = f"account_id = {ACCOUNT} OR linked_account_id = {ACCOUNT}"
    op.execute(f"CREATE POLICY parvis_account ON memberships FOR SELECT USING ({mine})")
