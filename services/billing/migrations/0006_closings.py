"""What the erasure of a firm deletes, and nothing deleted before."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    role = op.get_bind().dialect.identifier_preparer.quote(op.get_context().opts["service_role"])
    for table in ("sellers", "customers", "folders", "entitlements"):
        op.execute(f"GRANT DELETE ON {table} TO {role}")
