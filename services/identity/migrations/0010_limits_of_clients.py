"""What of a client waits is counted, and clients that were used before that was noted are not taken for unused."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_index("pushed_requests_open", "pushed_requests", ["client_id", "expires_at"])
    op.create_index("device_codes_open", "device_codes", ["client_id", "expires_at"])
    op.execute("UPDATE clients SET used_at = created_at WHERE used_at IS NULL AND registration_digest IS NOT NULL")
