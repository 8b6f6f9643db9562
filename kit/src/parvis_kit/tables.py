"""The tables that every service's database has beside its own: what leaves, what came in, what failed, who did what.

They are Core tables in a registry of the kit's own, so that a service's models stay its own.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

metadata = MetaData()

_INSTANT = TIMESTAMP(timezone=True)

#: Events of committed transactions. `sent_at` is null until JetStream acknowledged the row.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Uuid, primary_key=True),  # UUIDv7, also the message id
    Column("subject", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False, server_default=text("'{}'")),
    Column("organisation_id", Uuid),
    Column("aggregate_id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False, server_default=text("0")),
    Column("created_at", _INSTANT, nullable=False, server_default=func.now()),
    Column("sent_at", _INSTANT),
    Index("outbox_unsent", "id", postgresql_where=text("sent_at IS NULL")),
)

#: Messages whose effect is committed: a second delivery finds its row and does nothing.
inbox = Table(
    "inbox",
    metadata,
    Column("message_id", Uuid, nullable=False),
    Column("consumer", Text, nullable=False),
    Column("handled_at", _INSTANT, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("message_id", "consumer"),
)

#: Messages whose handler failed: `attempts` counts while they still come, `dead_at` says that they no longer do.
dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("consumer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("organisation_id", Uuid),
    Column("error", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failed_at", _INSTANT, nullable=False, server_default=func.now()),
    Column("dead_at", _INSTANT),
    Column("replayed_at", _INSTANT),
    PrimaryKeyConstraint("id", "consumer"),
)

#: Who did what. The sealer fills seq, previous, content_digest and digest; erasing a person nulls details and salt.
#: Acts outside any organisation (a login) carry the nil UUID: they are a chain of their own.
audit = Table(
    "audit",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("organisation_id", Uuid, nullable=False),
    Column("act", Text, nullable=False),
    Column("target_kind", Text, nullable=False),
    Column("target_id", Text, nullable=False),
    Column("account_id", Uuid),
    Column("membership_id", Uuid),
    Column("actor", Uuid),
    Column("service", Text, nullable=False),
    Column("session_id", Uuid),
    Column("at", _INSTANT, nullable=False),
    Column("details", JSONB),
    Column("salt", LargeBinary),
    Column("seq", BigInteger),
    Column("previous", LargeBinary),
    Column("content_digest", LargeBinary),
    Column("digest", LargeBinary),
    Index("audit_by_time", "organisation_id", "at", "id"),
    Index("audit_by_target", "organisation_id", "target_kind", "target_id", "at"),
    Index("audit_chain", "organisation_id", "seq", unique=True, postgresql_where=text("seq IS NOT NULL")),
    Index("audit_unsealed", "organisation_id", "at", "id", postgresql_where=text("seq IS NULL")),
)

#: Organisations with rows to seal: one row per insert into audit, by a trigger (a counter would serialise writers).
audit_queue = Table(
    "audit_queue",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("organisation_id", Uuid, nullable=False),
)

#: Where each organisation's chain ends. The daily anchor covers these.
audit_heads = Table(
    "audit_heads",
    metadata,
    Column("organisation_id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)
