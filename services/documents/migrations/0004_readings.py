"""One reading in the page is one, however often a browser asks for the bytes."""

from alembic import op

from parvis_kit.migrations import tenant_table

revision = "0004"
down_revision = "0003"

_READINGS = """
CREATE TABLE readings (
    organisation_id uuid NOT NULL,
    document_id uuid NOT NULL,
    version integer NOT NULL,
    membership_id uuid NOT NULL,
    session_id uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, document_id, version, membership_id, session_id),
    CONSTRAINT readings_version FOREIGN KEY (organisation_id, document_id, version)
        REFERENCES versions (organisation_id, document_id, number)
)"""


def upgrade() -> None:
    op.execute(_READINGS)
    tenant_table(op, "readings")
