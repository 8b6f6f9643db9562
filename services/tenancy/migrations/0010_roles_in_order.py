"""The index of advised contacts in their order says in which role: a page reads who advises its contacts from it alone."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.drop_index("contact_advisers_in_order", table_name="contact_advisers")
    op.create_index(
        "contact_advisers_in_order",
        "contact_advisers",
        ["organisation_id", "contact_kind", "contact_sort_key", "contact_id", "membership_id"],
        postgresql_include=["role"],
    )
