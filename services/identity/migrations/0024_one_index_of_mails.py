"""Personal accounts are found by their identifier: an index of all mails is one too many."""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.drop_index("accounts_by_mail", "accounts")
