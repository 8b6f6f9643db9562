"""The tables that every service's database has beside its own: what leaves, what came in, what failed, who did what.

They are Core tables in a registry of the kit's own, so that a service's models stay its own.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

metadata = sa.MetaData()

_INSTANT = TIMESTAMP(timezone=True)

#: Events of committed transactions. `sent_at` is null until JetStream acknowledged the row.
outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),  # UUIDv7, also the message id
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("headers", JSONB, nullable=False, server_default=sa.text("'{}'")),
    sa.Column("organisation_id", sa.Uuid),
    sa.Column("aggregate_id", sa.Uuid, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("created_at", _INSTANT, nullable=False, server_default=sa.func.now()),
    sa.Column("sent_at", _INSTANT),
    sa.Index("outbox_unsent", "id", postgresql_where=sa.text("sent_at IS NULL")),
)

#: Messages whose effect is committed: a second delivery finds its row and does nothing.
inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("message_id", sa.Uuid, nullable=False),
    sa.Column("consumer", sa.Text, nullable=False),
    sa.Column("handled_at", _INSTANT, nullable=False, server_default=sa.func.now()),
    sa.PrimaryKeyConstraint("message_id", "consumer"),
)

#: Messages whose handler failed: `attempts` counts while they still come, `dead_at` says that they no longer do.
dead_letters = sa.Table(
    "dead_letters",
    metadata,
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("consumer", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("headers", JSONB, nullable=False),
    sa.Column("organisation_id", sa.Uuid),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("failed_at", _INSTANT, nullable=False, server_default=sa.func.now()),
    sa.Column("dead_at", _INSTANT),
    sa.Column("replayed_at", _INSTANT),
    sa.PrimaryKeyConstraint("id", "consumer"),
)

#: Who did what. The sealer fills seq, previous, content_digest and digest; erasing a person nulls details and salt.
#: Acts outside any organisation (a login) carry the nil UUID: they are a chain of their own.
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("organisation_id", sa.Uuid, nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("target_kind", sa.Text, nullable=False),
    sa.Column("target_id", sa.Text, nullable=False),
    sa.Column("account_id", sa.Uuid),
    sa.Column("membership_id", sa.Uuid),
    sa.Column("actor", sa.Uuid),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("session_id", sa.Uuid),
    sa.Column("at", _INSTANT, nullable=False),
    sa.Column("details", JSONB),
    sa.Column("salt", sa.LargeBinary),
    sa.Column("seq", sa.BigInteger),
    sa.Column("previous", sa.LargeBinary),
    sa.Column("content_digest", sa.LargeBinary),
    sa.Column("digest", sa.LargeBinary),
    sa.Index("audit_by_time", "organisation_id", "at", "id"),
    sa.Index("audit_by_target", "organisation_id", "target_kind", "target_id", "at"),
    sa.Index("audit_chain", "organisation_id", "seq", unique=True, postgresql_where=sa.text("seq IS NOT NULL")),
    sa.Index("audit_unsealed", "organisation_id", "at", "id", postgresql_where=sa.text("seq IS NULL")),
)

#: Organisations with rows to seal: one row per insert into audit, by a trigger (a counter would serialise writers).
audit_queue = sa.Table(
    "audit_queue",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("organisation_id", sa.Uuid, nullable=False),
)

#: Where each organisation's chain ends. The daily anchor covers these.
audit_heads = sa.Table(
    "audit_heads",
    metadata,
    sa.Column("organisation_id", sa.Uuid, primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
)
