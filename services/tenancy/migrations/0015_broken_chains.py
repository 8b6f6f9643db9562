"""An anchor says of each chain since when it has been there, and when it was another one than before."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("ALTER TABLE anchored_heads ADD began bigint NOT NULL DEFAULT 0, ADD broken bigint NOT NULL DEFAULT 0")
