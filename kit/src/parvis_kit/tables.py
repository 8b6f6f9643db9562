"""The tables that every service's database has beside its own: what leaves, what came in, what failed, who did what.

* `outbox`: events of committed transactions; the id (UUIDv7) is the message id, `sent_at` is null until JetStream
  acknowledged the row. Each insert wakes the relay.
* `inbox`: messages whose effect is committed: a second delivery finds its row and does nothing.
* `dead_letters`: messages whose handler failed: `attempts` counts while they still come, `dead_at` says that they no
  longer do.
* `audit`: who did what. The sealer fills seq, previous, content_digest and digest; erasing a person nulls details and
  salt; nothing else ever changes. Acts outside any organisation (a login) carry the nil UUID: a chain of their own.
* `audit_queue`: organisations with rows to seal: one row per insert into audit (a counter would serialise writers).
* `audit_heads`: where each organisation's chain ends. The daily anchor covers these.
"""

from typing import Final

NAMES: Final = frozenset(("outbox", "inbox", "dead_letters", "audit", "audit_queue", "audit_heads"))
#: What makes them. A later change comes as statements of its own, never as a change of these.
DEFINITION: Final = """
CREATE TABLE outbox (
    id uuid PRIMARY KEY, subject text NOT NULL, payload bytea NOT NULL, headers jsonb NOT NULL DEFAULT '{}',
    organisation_id uuid, aggregate_id uuid NOT NULL, version bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(), sent_at timestamptz
);
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL;
CREATE TABLE inbox (
    message_id uuid, consumer text, handled_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (message_id, consumer)
);
CREATE TABLE dead_letters (
    id uuid, consumer text, subject text NOT NULL, payload bytea NOT NULL, headers jsonb NOT NULL,
    organisation_id uuid, error text NOT NULL, attempts integer NOT NULL,
    failed_at timestamptz NOT NULL DEFAULT now(), dead_at timestamptz, replayed_at timestamptz,
    PRIMARY KEY (id, consumer)
);
CREATE TABLE audit (
    id uuid PRIMARY KEY, organisation_id uuid NOT NULL, act text NOT NULL, target_kind text NOT NULL,
    target_id text NOT NULL, account_id uuid, membership_id uuid, actor uuid, service text NOT NULL, session_id uuid,
    at timestamptz NOT NULL, details jsonb, salt bytea,
    seq bigint, previous bytea, content_digest bytea, digest bytea
);
CREATE INDEX audit_by_time ON audit (organisation_id, at, id);
CREATE INDEX audit_by_target ON audit (organisation_id, target_kind, target_id, at);
CREATE UNIQUE INDEX audit_chain ON audit (organisation_id, seq) WHERE seq IS NOT NULL;
CREATE INDEX audit_unsealed ON audit (organisation_id, at, id) WHERE seq IS NULL;
CREATE TABLE audit_queue (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, organisation_id uuid NOT NULL);
CREATE TABLE audit_heads (organisation_id uuid PRIMARY KEY, seq bigint NOT NULL, digest bytea NOT NULL);
CREATE FUNCTION parvis_outbox_wake() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_notify('parvis_outbox', ''); RETURN NULL; END $$;
CREATE TRIGGER outbox_wake AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION parvis_outbox_wake();
CREATE FUNCTION parvis_audit_queue() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO audit_queue (organisation_id) SELECT DISTINCT organisation_id FROM fresh; RETURN NULL; END $$;
CREATE TRIGGER audit_queued AFTER INSERT ON audit REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION parvis_audit_queue();
CREATE FUNCTION parvis_audit_held() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
        IF OLD.seq IS NULL AND NEW.seq IS NOT NULL
            AND (NEW.details, NEW.salt) IS NOT DISTINCT FROM (OLD.details, OLD.salt) THEN RETURN NEW; END IF;
        IF OLD.seq IS NOT NULL AND NEW.details IS NULL AND NEW.salt IS NULL
            AND (NEW.seq, NEW.previous, NEW.content_digest, NEW.digest)
                IS NOT DISTINCT FROM (OLD.seq, OLD.previous, OLD.content_digest, OLD.digest) THEN RETURN NEW; END IF;
        RAISE EXCEPTION 'an act is sealed once and erased at most' USING ERRCODE = 'restrict_violation';
    END $$;
CREATE TRIGGER audit_held BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION parvis_audit_held();
CREATE FUNCTION parvis_audit_heads_held() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
        IF TG_OP = 'INSERT' AND NEW.seq = 0 THEN RETURN NEW; END IF;
        IF TG_OP = 'UPDATE' AND NEW.organisation_id = OLD.organisation_id
            AND (NEW.seq > OLD.seq OR (NEW.seq = OLD.seq AND NEW.digest = OLD.digest)) THEN RETURN NEW; END IF;
        RAISE EXCEPTION 'a chain only grows' USING ERRCODE = 'restrict_violation';
    END $$;
CREATE TRIGGER audit_heads_held BEFORE INSERT OR UPDATE ON audit_heads
    FOR EACH ROW EXECUTE FUNCTION parvis_audit_heads_held()
"""
