"""What a law kept of an organisation that was erased goes when the ten years are over, and no sooner: triggers hold it."""

from alembic import op

revision = "0007"
down_revision = "0006"

#: Nothing is known of the organisation: it was erased, and what a law keeps is all that is left of it.
_GONE = """
NOT EXISTS (SELECT FROM sellers WHERE organisation_id = OLD.organisation_id)
        AND NOT EXISTS (SELECT FROM customers WHERE organisation_id = OLD.organisation_id)
        AND NOT EXISTS (SELECT FROM folders WHERE organisation_id = OLD.organisation_id)"""

_INVOICES_HELD = f"""
CREATE OR REPLACE FUNCTION invoices_held() RETURNS trigger LANGUAGE plpgsql AS $$
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
    ELSIF TG_OP = 'DELETE' AND OLD.closed_at < now() - interval '11 years'
        AND {_GONE} THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'invoice % is closed and never changes', OLD.number USING ERRCODE = 'restrict_violation';
END $$"""

_SERIES_HELD = f"""
CREATE OR REPLACE FUNCTION series_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.last_number = 0 THEN RETURN NEW; END IF;
    IF TG_OP = 'UPDATE' AND NEW.last_number = OLD.last_number + 1 THEN RETURN NEW; END IF;
    IF TG_OP = 'DELETE' AND OLD.last_closed_at < now() - interval '11 years'
        AND {_GONE} THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'numbers of a series follow each other' USING ERRCODE = 'restrict_violation';
END $$"""


def upgrade() -> None:
    op.execute(_INVOICES_HELD)
    op.execute(_SERIES_HELD)
    role = op.get_bind().dialect.identifier_preparer.quote(op.get_context().opts["service_role"])
    op.execute(f"GRANT DELETE ON series TO {role}")
