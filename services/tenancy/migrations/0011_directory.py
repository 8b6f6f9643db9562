"""The firm's directory: what it says of its people, which groups and claims give what, and whom it decides over."""

import sqlalchemy as sa
from alembic import op

from parvis_kit.migrations import tenant_table

revision = "0011"
down_revision = "0010"

_TABLES = """
CREATE TABLE directory_mappings (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    owner_id uuid NOT NULL,
    default_profile_id uuid,
    version bigint NOT NULL,
    saved_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id),
    CONSTRAINT owner_id_in_organisation FOREIGN KEY (organisation_id, owner_id)
        REFERENCES memberships (organisation_id, id),
    CONSTRAINT default_profile_id_in_organisation FOREIGN KEY (organisation_id, default_profile_id)
        REFERENCES profiles (organisation_id, id)
);
CREATE TABLE directory_rules (
    organisation_id uuid NOT NULL,
    position integer NOT NULL,
    claim varchar NOT NULL,
    value varchar NOT NULL,
    profile_id uuid,
    structure_id uuid,
    PRIMARY KEY (organisation_id, position),
    CONSTRAINT directory_rules_of_mapping FOREIGN KEY (organisation_id) REFERENCES directory_mappings (organisation_id),
    CONSTRAINT profile_id_in_organisation FOREIGN KEY (organisation_id, profile_id)
        REFERENCES profiles (organisation_id, id),
    CONSTRAINT structure_id_in_organisation FOREIGN KEY (organisation_id, structure_id)
        REFERENCES structures (organisation_id, id),
    CONSTRAINT directory_rules_give CHECK (profile_id IS NOT NULL OR structure_id IS NOT NULL)
);
CREATE TABLE directory_people (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    account_id uuid NOT NULL,
    sign_in jsonb,
    scim jsonb,
    outcome smallint NOT NULL,
    reason varchar NOT NULL,
    PRIMARY KEY (organisation_id, account_id)
)"""


def upgrade() -> None:
    for statement in _TABLES.split(";\n"):
        op.execute(statement)
    for table in ("directory_mappings", "directory_rules", "directory_people"):
        tenant_table(op, table)
    op.add_column("memberships", sa.Column("directory", sa.SmallInteger, nullable=False, server_default="0"))
    op.add_column("memberships", sa.Column("cut_by_directory", sa.Boolean, nullable=False, server_default=sa.false()))
