"""Where mails to a contact went, and what it opened, is deleted when its firm erases it."""

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    role = op.get_bind().dialect.identifier_preparer.quote(op.get_context().opts["service_role"])
    op.execute(f"GRANT DELETE ON contacts, openings TO {role}")
