"""What is deleted for its age, and sessions whose time is up, are found on an index."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    for table, column in (
        ("sessions", "last_seen_at"),
        ("sign_in_attempts", "last_at"),
        ("authorization_codes", "expires_at"),
        ("refresh_tokens", "expires_at"),
        ("links", "expires_at"),
        ("access_requests", "expires_at"),
        ("grants", "session_id"),
    ):
        op.execute(f"CREATE INDEX ix_{table}_{column} ON {table} ({column})")
    op.execute("CREATE INDEX sessions_by_start ON sessions (started_at) WHERE ended_at IS NULL")
