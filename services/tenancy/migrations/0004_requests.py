"""Requests for an account: who asked which organisation, and whether an organisation takes any."""

import sqlalchemy as sa
from alembic import op

from parvis_kit.migrations import tenant_table

revision = "0004"
down_revision = "0003"

_REQUESTS = """
CREATE TABLE access_requests (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    state smallint NOT NULL,
    mail varchar NOT NULL,
    given_name varchar NOT NULL,
    family_name varchar NOT NULL,
    locale varchar NOT NULL,
    message varchar NOT NULL,
    reason varchar NOT NULL,
    asked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    answered_at timestamptz,
    PRIMARY KEY (organisation_id, id)
)"""


def upgrade() -> None:
    op.execute(_REQUESTS)
    op.execute(
        "CREATE UNIQUE INDEX access_requests_open ON access_requests (organisation_id, account_id) WHERE state = 1"
    )
    op.execute("CREATE INDEX access_requests_by_account ON access_requests (account_id)")
    tenant_table(op, "access_requests", account="account_id")
    for table in ("organisations", "organisation_directory"):
        column = sa.Column("accepts_requests", sa.Boolean, nullable=False, server_default=sa.false())
        op.add_column(table, column)
