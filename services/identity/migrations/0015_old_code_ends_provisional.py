"""A password that code of the release before sets is its owner's own, whatever was handed over.

That code stores the hash and its date and knows nothing of the other columns: without this, what was said of the
provisional password would be said of the one that replaced it.
"""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("""
        CREATE FUNCTION end_provisional() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            NEW.provisional := false;
            NEW.expires_at := NULL;
            RETURN NEW;
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER end_provisional BEFORE UPDATE ON credentials FOR EACH ROW
        WHEN (OLD.provisional AND NEW.provisional AND NEW.expires_at IS NOT DISTINCT FROM OLD.expires_at
              AND NEW.password_hash <> OLD.password_hash AND NEW.changed_at <> OLD.changed_at)
        EXECUTE FUNCTION end_provisional()
    """)
