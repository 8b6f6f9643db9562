"""Which mails wait, whatever the organisation: how many, and since when, is what whoever runs the suite watches."""

from alembic import op

from parvis_kit.migrations import global_table

revision = "0018"
down_revision = "0017"

# Mails that wait now are not taken in: they are gone in a moment, and reading all messages would hold up their release.
_QUEUE = (
    """
CREATE TABLE mail_queue (message_id uuid PRIMARY KEY, since timestamptz NOT NULL DEFAULT now());
""",
    """
CREATE FUNCTION parvis_mail_queue() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
        IF NEW.state = 'pending' THEN
            INSERT INTO mail_queue (message_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
        ELSIF TG_OP = 'UPDATE' THEN
            DELETE FROM mail_queue WHERE message_id = NEW.id;
        END IF;
        RETURN NULL;
    END $$;
""",
    """
CREATE TRIGGER mail_queued AFTER INSERT OR UPDATE OF state ON messages
    FOR EACH ROW EXECUTE FUNCTION parvis_mail_queue();
""",
)


def upgrade() -> None:
    for statement in _QUEUE:
        op.execute(statement)
    global_table(
        op, "mail_queue", "operators watch how many mails wait, without whose they are", "SELECT, INSERT, DELETE"
    )
