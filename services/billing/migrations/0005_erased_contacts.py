"""A contact that its firm erased is deleted here too; its invoices stay."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    role = op.get_bind().dialect.identifier_preparer.quote(op.get_context().opts["service_role"])
    op.execute(f"GRANT DELETE ON customers TO {role}")
