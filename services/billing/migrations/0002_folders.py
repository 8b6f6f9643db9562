"""Folders of clients: what is filed in one that is not shared on the portal is not shown to them."""

from alembic import op

from parvis_kit.migrations import tenant_table

revision = "0002"
down_revision = "0001"

_FOLDERS = """
CREATE TABLE folders (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    invoices boolean NOT NULL,
    shared boolean NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (organisation_id, id)
)"""


def upgrade() -> None:
    op.execute(_FOLDERS)
    tenant_table(op, "folders", privileges="SELECT, INSERT, UPDATE")
