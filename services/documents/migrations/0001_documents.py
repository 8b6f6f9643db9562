"""Folder templates, contacts, documents, versions, openings, uploads."""

from alembic import op

from parvis_kit.migrations import global_table, kit_tables, tenant_table

revision = "0001"
down_revision = None

_TABLES = """
CREATE TABLE folder_templates (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    audience text NOT NULL CONSTRAINT folder_templates_audience CHECK (audience IN ('client', 'employee', 'supplier')),
    name text NOT NULL,
    name_key text NOT NULL,
    path text NOT NULL,
    path_key text NOT NULL,
    built_in text NOT NULL,
    portal boolean NOT NULL,
    signature text NOT NULL CONSTRAINT folder_templates_signature CHECK (signature IN ('', 'left', 'right')),
    notification boolean NOT NULL,
    notify_to text NOT NULL
        CONSTRAINT folder_templates_notify_to CHECK (notify_to IN ('main', 'quotes', 'billing', 'reminders')),
    link_to text NOT NULL
        CONSTRAINT folder_templates_link_to CHECK (link_to IN ('home', 'document', 'quotes', 'invoices', 'payslips')),
    deposits boolean NOT NULL,
    media_types text[] NOT NULL,
    position integer NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (organisation_id, id)
);
CREATE UNIQUE INDEX folder_templates_by_name ON folder_templates (organisation_id, audience, name_key);
CREATE UNIQUE INDEX folder_templates_by_path ON folder_templates (organisation_id, path_key);
CREATE UNIQUE INDEX folder_templates_by_kind ON folder_templates (organisation_id, audience, built_in)
    WHERE built_in <> '';

CREATE TABLE contacts (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT contacts_kind CHECK (kind IN ('client', 'employee', 'supplier')),
    name text NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (organisation_id, id)
);

CREATE TABLE contact_advisers (
    organisation_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    adviser_id uuid NOT NULL,
    PRIMARY KEY (organisation_id, contact_id, adviser_id),
    FOREIGN KEY (organisation_id, contact_id) REFERENCES contacts (organisation_id, id) ON DELETE CASCADE
);
CREATE INDEX contact_advisers_by_adviser ON contact_advisers (organisation_id, adviser_id, contact_id);

CREATE TABLE people (
    organisation_id uuid NOT NULL,
    membership_id uuid NOT NULL,
    name text NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (organisation_id, membership_id)
);

CREATE TABLE documents (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    folder_template_id uuid NOT NULL,
    name text NOT NULL,
    name_key text NOT NULL,
    version integer NOT NULL,
    media_type text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    filed_at timestamptz NOT NULL,
    filed_by uuid,
    deposit boolean NOT NULL,
    opened_at timestamptz,
    read_at timestamptz,
    external_reference text,
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT documents_contact FOREIGN KEY (organisation_id, contact_id) REFERENCES contacts (organisation_id, id),
    CONSTRAINT documents_folder_template FOREIGN KEY (organisation_id, folder_template_id)
        REFERENCES folder_templates (organisation_id, id)
);
CREATE INDEX documents_newest ON documents (organisation_id, filed_at DESC, id DESC);
CREATE INDEX documents_of_folder
    ON documents (organisation_id, contact_id, folder_template_id, filed_at DESC, id DESC);
CREATE INDEX documents_unread ON documents (organisation_id, contact_id) WHERE NOT deposit AND opened_at IS NULL;
CREATE INDEX documents_unread_deposits ON documents (organisation_id, filed_at DESC)
    WHERE deposit AND read_at IS NULL;
CREATE UNIQUE INDEX documents_by_reference ON documents (organisation_id, external_reference)
    WHERE external_reference IS NOT NULL;

CREATE TABLE versions (
    organisation_id uuid NOT NULL,
    document_id uuid NOT NULL,
    number integer NOT NULL,
    object_key text NOT NULL,
    name text NOT NULL,
    media_type text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    filed_at timestamptz NOT NULL,
    filed_by uuid,
    PRIMARY KEY (organisation_id, document_id, number),
    CONSTRAINT versions_document FOREIGN KEY (organisation_id, document_id)
        REFERENCES documents (organisation_id, id)
);
CREATE UNIQUE INDEX versions_by_object ON versions (organisation_id, object_key);

CREATE TABLE openings (
    organisation_id uuid NOT NULL,
    document_id uuid NOT NULL,
    version integer NOT NULL,
    membership_id uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, document_id, version, membership_id),
    CONSTRAINT openings_version FOREIGN KEY (organisation_id, document_id, version)
        REFERENCES versions (organisation_id, document_id, number)
);

CREATE TABLE uploads (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    state text NOT NULL
        CONSTRAINT uploads_state CHECK (state IN ('sending', 'verifying', 'filed', 'refused', 'aborted')),
    reason text NOT NULL,
    contact_id uuid NOT NULL,
    folder_template_id uuid NOT NULL,
    document_id uuid,
    name text NOT NULL,
    size bigint NOT NULL,
    media_type text NOT NULL,
    sha256 text NOT NULL,
    part_size integer NOT NULL,
    object_key text NOT NULL,
    multipart_id text NOT NULL,
    membership_id uuid,
    service text NOT NULL,
    deposit boolean NOT NULL,
    external_reference text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT uploads_contact FOREIGN KEY (organisation_id, contact_id) REFERENCES contacts (organisation_id, id),
    CONSTRAINT uploads_folder_template FOREIGN KEY (organisation_id, folder_template_id)
        REFERENCES folder_templates (organisation_id, id)
);
CREATE UNIQUE INDEX uploads_by_object ON uploads (organisation_id, object_key);
CREATE UNIQUE INDEX uploads_by_reference ON uploads (organisation_id, external_reference)
    WHERE external_reference IS NOT NULL AND state IN ('sending', 'verifying', 'filed');

CREATE TABLE upload_sweeps (
    upload_id uuid PRIMARY KEY,
    organisation_id uuid NOT NULL,
    due_at timestamptz NOT NULL
);
CREATE INDEX upload_sweeps_due ON upload_sweeps (due_at);
"""


def upgrade() -> None:
    kit_tables(op)
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    for table in (
        "folder_templates",
        "contacts",
        "contact_advisers",
        "people",
        "documents",
        "versions",
        "openings",
        "uploads",
    ):
        tenant_table(op, table)
    global_table(op, "upload_sweeps", "queue of uploads to look at again; ids and times only")
