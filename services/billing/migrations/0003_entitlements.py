"""What customers bought of their provider's products."""

from alembic import op

from parvis_kit.migrations import two_party_table

revision = "0003"
down_revision = "0002"

_ENTITLEMENTS = """
CREATE TABLE entitlements (
    provider_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    product_id uuid NOT NULL,
    id uuid NOT NULL,
    seats integer CONSTRAINT entitlements_seats CHECK (seats >= 0),
    version bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (provider_id, customer_id, product_id),
    CONSTRAINT entitlements_by_id UNIQUE (provider_id, id)
)"""


def upgrade() -> None:
    op.execute(_ENTITLEMENTS)
    op.execute("CREATE INDEX entitlements_by_customer ON entitlements (customer_id)")
    two_party_table(op, "entitlements", "provider_id", "customer_id", "SELECT, INSERT, UPDATE")
