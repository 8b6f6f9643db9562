"""Openings of documents are kept: the news of one may come before that of the document."""

from alembic import op

from parvis_kit.migrations import tenant_table

revision = "0002"
down_revision = "0001"

_OPENINGS = """
CREATE TABLE openings (
    organisation_id uuid NOT NULL,
    document_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    version integer NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, document_id, contact_id, version)
)"""


def upgrade() -> None:
    op.execute(_OPENINGS)
    op.execute("ALTER TABLE messages ADD COLUMN document_version integer")
    tenant_table(op, "openings", privileges="SELECT, INSERT, UPDATE")
