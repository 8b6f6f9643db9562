"""An erasure whose day has come waits while an organisation would have no administrator left."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


# Open erasures of an operator stay "operator", and are asked again on their day: until now --force was not kept, so who
# insisted cannot be told from who did not. Where one waits that was forced, say --force again.
def upgrade() -> None:
    op.add_column("erasures", sa.Column("held_at", sa.DateTime(timezone=True)))
