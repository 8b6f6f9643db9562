"""Daily anchors over the audit trails of all services, and where the chains ended: written once, never changed."""

from alembic import op

from parvis_kit.migrations import global_table

revision = "0012"
down_revision = "0011"

_TABLES = """
CREATE TABLE anchors (
    number bigint PRIMARY KEY,
    day date NOT NULL,
    made_at timestamptz NOT NULL,
    statement varchar NOT NULL,
    signatures bytea[] NOT NULL,
    CONSTRAINT anchors_once_a_day UNIQUE (day)
);
CREATE TABLE anchored_heads (
    organisation_id uuid NOT NULL,
    service varchar NOT NULL,
    anchor bigint NOT NULL REFERENCES anchors (number),
    seq bigint NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (organisation_id, service, anchor)
);
CREATE FUNCTION parvis_anchors_held() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'an anchor is written once' USING ERRCODE = 'restrict_violation'; END $$;
CREATE TRIGGER anchors_held BEFORE UPDATE OR DELETE ON anchors FOR EACH ROW EXECUTE FUNCTION parvis_anchors_held();
CREATE TRIGGER anchored_heads_held BEFORE UPDATE OR DELETE ON anchored_heads
    FOR EACH ROW EXECUTE FUNCTION parvis_anchors_held()"""


def upgrade() -> None:
    for statement in _TABLES.split(";\nCREATE "):
        op.execute(statement if statement.lstrip().startswith("CREATE") else f"CREATE {statement}")
    global_table(op, "anchors", "one signature a day covers the trails of all organisations", "SELECT, INSERT")
    global_table(op, "anchored_heads", "a proof is made of the heads of all organisations", "SELECT, INSERT")
