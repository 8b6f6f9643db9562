"""Sellers, customers, invoices, lines and series; what is closed is held by triggers."""

from alembic import op

from parvis_kit.migrations import kit_tables, tenant_table

revision = "0001"
down_revision = None

_TABLES = """
CREATE TABLE sellers (
    organisation_id uuid PRIMARY KEY,
    party jsonb NOT NULL,
    accent text NOT NULL,
    time_zone text NOT NULL,
    version bigint NOT NULL
);

CREATE TABLE customers (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    party jsonb NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (organisation_id, id)
);

CREATE TABLE customer_advisers (
    organisation_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    adviser_id uuid NOT NULL,
    PRIMARY KEY (organisation_id, customer_id, adviser_id),
    CONSTRAINT customer_advisers_of_customer FOREIGN KEY (organisation_id, customer_id)
        REFERENCES customers (organisation_id, id) ON DELETE CASCADE
);

CREATE INDEX customer_advisers_by_adviser ON customer_advisers (organisation_id, adviser_id, customer_id);

CREATE TABLE series (
    organisation_id uuid NOT NULL,
    code text NOT NULL,
    year integer NOT NULL,
    last_number integer NOT NULL,
    last_digest text NOT NULL,
    last_issue_date date,
    last_closed_at timestamptz,
    PRIMARY KEY (organisation_id, code, year)
);

CREATE TABLE invoices (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    state text NOT NULL CONSTRAINT invoices_state CHECK (state IN ('draft', 'closed', 'filed')),
    contact_id uuid NOT NULL,
    contact_name text NOT NULL,
    search_key text NOT NULL,
    purchase_order text NOT NULL,
    note text NOT NULL,
    exemption text NOT NULL,
    payment_days integer NOT NULL,
    supply_date date,
    currency text NOT NULL,
    net_cents bigint NOT NULL,
    tax_cents bigint NOT NULL,
    gross_cents bigint NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    number text,
    series text,
    year integer,
    sequence integer,
    issue_date date,
    due_date date,
    closed_at timestamptz,
    seller jsonb,
    buyer jsonb,
    accent text,
    digest text,
    document_id uuid,
    folder_template_id uuid,
    filed_at timestamptz,
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT invoices_number_when_closed CHECK ((state = 'draft') = (number IS NULL)),
    CONSTRAINT invoices_document_when_filed CHECK ((state = 'filed') = (document_id IS NOT NULL))
);

CREATE UNIQUE INDEX invoices_by_number ON invoices (organisation_id, number);

CREATE UNIQUE INDEX invoices_by_series ON invoices (organisation_id, series, year, sequence);

CREATE INDEX invoices_by_contact ON invoices (organisation_id, contact_id, id);

CREATE INDEX invoices_by_state ON invoices (organisation_id, state, id);

CREATE TABLE lines (
    organisation_id uuid NOT NULL,
    invoice_id uuid NOT NULL,
    position integer NOT NULL,
    description text NOT NULL,
    quantity numeric(14, 4) NOT NULL,
    unit text NOT NULL,
    unit_price numeric(16, 6) NOT NULL,
    vat_rate numeric(5, 2) NOT NULL,
    total_cents bigint NOT NULL,
    PRIMARY KEY (organisation_id, invoice_id, position),
    CONSTRAINT lines_of_invoice FOREIGN KEY (organisation_id, invoice_id)
        REFERENCES invoices (organisation_id, id) ON DELETE CASCADE
)
"""

_INVOICES_HELD = """
CREATE FUNCTION invoices_held() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE filing text[] := ARRAY['state', 'document_id', 'folder_template_id', 'filed_at'];
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state = 'draft' THEN RETURN NEW; END IF;
        RAISE EXCEPTION 'an invoice begins as a draft' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state = 'draft' THEN
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        IF NEW.state <> 'filed' THEN RETURN NEW; END IF;
    ELSIF TG_OP = 'UPDATE' AND OLD.state = 'closed' AND NEW.state = 'filed'
        AND to_jsonb(OLD) - filing = to_jsonb(NEW) - filing THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'invoice % is closed and never changes', OLD.number USING ERRCODE = 'restrict_violation';
END $$"""

_LINES_HELD = """
CREATE FUNCTION lines_held() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE touched lines := CASE WHEN TG_OP = 'INSERT' THEN NEW ELSE OLD END;
BEGIN
    IF EXISTS (SELECT FROM invoices WHERE organisation_id = touched.organisation_id AND id = touched.invoice_id
               AND state <> 'draft')
        OR (TG_OP = 'UPDATE' AND (NEW.organisation_id, NEW.invoice_id) <> (OLD.organisation_id, OLD.invoice_id)) THEN
        RAISE EXCEPTION 'the invoice of this line is closed and never changes' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$"""

_SERIES_HELD = """
CREATE FUNCTION series_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.last_number = 0 THEN RETURN NEW; END IF;
    IF TG_OP = 'UPDATE' AND NEW.last_number = OLD.last_number + 1 THEN RETURN NEW; END IF;
    RAISE EXCEPTION 'numbers of a series follow each other' USING ERRCODE = 'restrict_violation';
END $$"""


def upgrade() -> None:
    kit_tables(op)
    for statement in _TABLES.split(";\n"):
        op.execute(statement)
    for name, function in (("invoices", _INVOICES_HELD), ("lines", _LINES_HELD), ("series", _SERIES_HELD)):
        op.execute(function)
        op.execute(
            f"CREATE TRIGGER {name}_held BEFORE INSERT OR UPDATE OR DELETE ON {name}"
            f" FOR EACH ROW EXECUTE FUNCTION {name}_held()"
        )
    tenant_table(op, "sellers", privileges="SELECT, INSERT, UPDATE")
    tenant_table(op, "customers", privileges="SELECT, INSERT, UPDATE")
    tenant_table(op, "customer_advisers", privileges="SELECT, INSERT, DELETE")
    tenant_table(op, "series", privileges="SELECT, INSERT, UPDATE")
    tenant_table(op, "invoices")
    tenant_table(op, "lines", privileges="SELECT, INSERT, DELETE")
