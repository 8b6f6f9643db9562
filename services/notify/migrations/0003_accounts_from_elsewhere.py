"""A kind of mail: an account came from another platform."""

from alembic import op

revision = "0003"
down_revision = "0002"

_KINDS = (
    "'member_invited', 'access_granted', 'document_filed', 'deposit_received', 'password_reset', 'account_imported'"
)


def upgrade() -> None:
    for table in ("templates", "messages"):
        op.drop_constraint(f"{table}_kind", table)
        op.create_check_constraint(f"{table}_kind", table, f"kind IN ({_KINDS})", postgresql_not_valid=True)
