"""The index of advisers knows which revision of rights it has reached."""

from alembic import op

from parvis_advisers import TABLE
from parvis_kit.migrations import tenant_table

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute(TABLE)
    tenant_table(op, "adviser_index")
