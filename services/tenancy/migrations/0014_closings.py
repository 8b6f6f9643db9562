"""Organisations that are being closed; and what an erasure deletes that nothing deleted before."""

from alembic import op

from parvis_kit.migrations import global_table

revision = "0014"
down_revision = "0013"

_CLOSINGS = """
CREATE TABLE closings (
    id uuid PRIMARY KEY,
    organisation_id uuid,
    digest varchar NOT NULL,
    asked_by uuid,
    asked_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    warned_at timestamptz,
    ended_at timestamptz,
    ended_as varchar NOT NULL
)"""
_ANSWERS = """
CREATE TABLE closing_answers (
    closing_id uuid NOT NULL REFERENCES closings (id),
    service varchar NOT NULL,
    erased jsonb NOT NULL,
    kept jsonb NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (closing_id, service)
)"""


def upgrade() -> None:
    op.execute(_CLOSINGS)
    op.execute("CREATE UNIQUE INDEX closings_open ON closings (organisation_id) WHERE ended_at IS NULL")
    op.execute("CREATE INDEX closings_due ON closings (due_at) WHERE ended_at IS NULL")
    op.execute(_ANSWERS)
    global_table(op, "closings", "the job that erases looks for the day of any", "SELECT, INSERT, UPDATE")
    global_table(op, "closing_answers", "what services answered, without whose records they were", "SELECT, INSERT")
    role = op.get_bind().dialect.identifier_preparer.quote(op.get_context().opts["service_role"])
    for table in ("rights_changes", "fact_history"):
        op.execute(f"GRANT DELETE ON {table} TO {role}")
