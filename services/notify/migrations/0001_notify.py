"""Projections, templates, messages and the attempts to send them."""

from alembic import op

from parvis_kit.migrations import kit_tables, tenant_table

revision = "0001"
down_revision = None

_TABLES = """
CREATE TABLE organisations (
    organisation_id uuid PRIMARY KEY,
    slug text NOT NULL,
    name text NOT NULL,
    accent text NOT NULL,
    mail text NOT NULL,
    time_zone text NOT NULL,
    version bigint NOT NULL
);

CREATE TABLE contacts (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    addresses jsonb NOT NULL,
    locale text NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (organisation_id, id)
);

CREATE TABLE memberships (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    active boolean NOT NULL,
    given_name text NOT NULL,
    family_name text NOT NULL,
    mail text NOT NULL,
    locale text NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (organisation_id, id)
);

CREATE TABLE templates (
    organisation_id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT templates_kind
        CHECK (kind IN ('member_invited', 'access_granted', 'document_filed', 'deposit_received', 'password_reset')),
    locale text NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    customised boolean NOT NULL,
    version bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, kind, locale)
);

CREATE TABLE messages (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT messages_kind
        CHECK (kind IN ('member_invited', 'access_granted', 'document_filed', 'deposit_received', 'password_reset')),
    state text NOT NULL CONSTRAINT messages_state CHECK (state IN ('pending', 'sent', 'cancelled', 'failed')),
    locale text NOT NULL,
    recipient_name text NOT NULL,
    recipient_mail text NOT NULL,
    subject text NOT NULL,
    text text NOT NULL,
    link text NOT NULL,
    one_time_link jsonb,
    button text NOT NULL,
    because text NOT NULL,
    template_version bigint NOT NULL,
    reason text NOT NULL,
    contact_id uuid,
    document_id uuid,
    document_opened_at timestamptz,
    message_id text NOT NULL,
    search_key text NOT NULL,
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    PRIMARY KEY (organisation_id, id)
);

CREATE INDEX messages_by_contact ON messages (organisation_id, contact_id, id);

CREATE INDEX messages_by_document ON messages (organisation_id, document_id);

CREATE TABLE attempts (
    organisation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    number integer NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    result text NOT NULL CONSTRAINT attempts_result
        CHECK (result = '' OR result IN ('accepted', 'refused', 'unreachable', 'interrupted')),
    answer text NOT NULL,
    PRIMARY KEY (organisation_id, message_id, number),
    CONSTRAINT attempts_of_message FOREIGN KEY (organisation_id, message_id)
        REFERENCES messages (organisation_id, id) ON DELETE CASCADE
)
"""


def upgrade() -> None:
    kit_tables(op)
    for statement in _TABLES.split(";\n"):
        op.execute(statement)
    for table in ("organisations", "contacts", "memberships", "templates", "messages"):
        tenant_table(op, table, privileges="SELECT, INSERT, UPDATE")
    tenant_table(op, "attempts", privileges="SELECT, INSERT, UPDATE")
