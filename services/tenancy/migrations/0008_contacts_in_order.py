"""Advised contacts in the order of lists, whoever advises them: a wide reach passes over what is not its own."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_index(
        "contact_advisers_in_order",
        "contact_advisers",
        ["organisation_id", "contact_kind", "contact_sort_key", "contact_id", "membership_id"],
    )
