"""The kit's tables, and one table of each kind."""

from alembic import op

from parvis_kit.migrations import global_table, kit_tables, tenant_table, two_party_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    kit_tables(op)
    op.execute("CREATE TABLE notes (id uuid PRIMARY KEY, organisation_id uuid NOT NULL, body text NOT NULL)")
    tenant_table(op, "notes")
    op.execute("CREATE TABLE deals (id uuid PRIMARY KEY, provider_id uuid NOT NULL, customer_id uuid NOT NULL)")
    two_party_table(op, "deals", "provider_id", "customer_id")
    op.execute("CREATE TABLE badges (id uuid PRIMARY KEY, organisation_id uuid NOT NULL, account_id uuid NOT NULL)")
    tenant_table(op, "badges", account="account_id")
    op.execute("CREATE TABLE effects (message_id uuid NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp())")
    global_table(op, "effects", "what the tests' handlers did")
