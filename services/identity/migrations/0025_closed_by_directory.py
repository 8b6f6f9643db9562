"""Who closed an account of a directory: what an operator closed, the directory does not open again."""

import sqlalchemy as sa
from alembic import op

from parvis_kit.migrations import unforced

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("closed_by_directory", sa.Boolean, nullable=False, server_default=sa.false()))
    # Of those closed before, whoever the directory lets in no more was closed by it.
    with unforced(op, "scim_users"):
        op.execute(
            """
            UPDATE accounts a SET closed_by_directory = true
             WHERE a.directory AND a.state = 'disabled'
               AND EXISTS (SELECT 1 FROM scim_users u
                            WHERE u.account_id = a.id AND (NOT u.active OR u.deleted_at IS NOT NULL))
            """
        )
