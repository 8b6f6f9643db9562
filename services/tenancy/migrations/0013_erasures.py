"""The past of rights forgets whose account it was: what could be done stays provable, not by whom."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    role = op.get_bind().dialect.identifier_preparer.quote(op.get_context().opts["service_role"])
    op.execute(f"GRANT UPDATE (reason, account_id) ON rights_changes TO {role}")
    op.execute(f"GRANT UPDATE (fact) ON fact_history TO {role}")
