"""Mails are kept for a time: first their words go, then that they were sent."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    role = op.get_bind().dialect.identifier_preparer.quote(op.get_context().opts["service_role"])
    op.execute(f"GRANT DELETE ON messages TO {role}")
    op.execute("CREATE INDEX messages_with_words ON messages (organisation_id, created_at) WHERE text <> ''")
