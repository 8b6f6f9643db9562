"""Imports of accounts that go on in the background."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from parvis_kit.migrations import global_table

revision = "0011"
down_revision = "0010"

INSTANT = TIMESTAMP(timezone=True)
REASON = "made by the installation's provider, for accounts of any firm and of none"


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("asked_by", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("mail", sa.Boolean, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("lines", "created", "unchanged", "refused")),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("params", JSONB, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT),
        sa.Column("leased_until", INSTANT, nullable=False),
    )
    of_import = sa.ForeignKey("imports.id", ondelete="CASCADE")
    op.create_table(
        "import_parts",
        sa.Column("import_id", sa.Uuid, of_import, primary_key=True),
        sa.Column("begins_at", sa.BigInteger, primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "import_lines",
        sa.Column("import_id", sa.Uuid, sa.ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("line", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("outcome", "organisation", "identifier", "reason")),
        sa.Column("params", JSONB, nullable=False),
    )
    running = sa.text("state IN ('checking', 'importing')")
    op.create_index("imports_running", "imports", ["leased_until"], postgresql_where=running)
    notable = sa.text("outcome = 'refused' OR reason <> ''")
    op.create_index("import_lines_notable", "import_lines", ["import_id", "line"], postgresql_where=notable)
    for table in ("imports", "import_parts", "import_lines"):
        global_table(op, table, REASON)
