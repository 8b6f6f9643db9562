"""Mails about the address of an account."""

from alembic import op

revision = "0004"
down_revision = "0003"

_KINDS = (
    "'member_invited', 'access_granted', 'document_filed', 'deposit_received', 'password_reset', 'account_imported', "
    "'address_new', 'address_taken', 'address_asked', 'address_changed', 'address_corrected'"
)


def upgrade() -> None:
    for table in ("templates", "messages"):
        op.drop_constraint(f"{table}_kind", table)
        op.create_check_constraint(f"{table}_kind", table, f"kind IN ({_KINDS})", postgresql_not_valid=True)
