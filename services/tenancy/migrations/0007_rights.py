"""Rights: hierarchy, personal rights, delegations, seats, rights of products, referents; and what was true before.

Every table of facts carries `since`, the revision from which a row has been as it is. A trigger keeps what it was until
then (`fact_history`), whoever changes it: SQL:2011 calls such tables system-versioned. Names and addresses of people are
left out there: the past of a right needs none.
"""

import sqlalchemy as sa
from alembic import op

from parvis_kit.migrations import ORGANISATION, tenant_table, unforced

revision = "0007"
down_revision = "0006"

_MEMBERS = """
ALTER TABLE memberships
    ADD COLUMN manager_id uuid,
    ADD COLUMN tier_id uuid,
    ADD COLUMN access_quota integer,
    ADD COLUMN is_adviser boolean NOT NULL DEFAULT true,
    ADD COLUMN absent_from timestamptz,
    ADD COLUMN absent_until timestamptz,
    ADD COLUMN granted_by uuid,
    ADD CONSTRAINT manager_id_in_organisation FOREIGN KEY (organisation_id, manager_id)
        REFERENCES memberships (organisation_id, id),
    ADD CONSTRAINT tier_id_in_organisation FOREIGN KEY (organisation_id, tier_id)
        REFERENCES structures (organisation_id, id),
    ADD CONSTRAINT granted_by_in_organisation FOREIGN KEY (organisation_id, granted_by)
        REFERENCES memberships (organisation_id, id),
    ADD CONSTRAINT memberships_not_below_oneself CHECK (manager_id <> id),
    ADD CONSTRAINT memberships_quota CHECK (access_quota >= 0);
CREATE INDEX memberships_by_manager ON memberships (organisation_id, manager_id) WHERE manager_id IS NOT NULL;
CREATE INDEX memberships_by_grantor ON memberships (organisation_id, granted_by) WHERE granted_by IS NOT NULL;
ALTER TABLE profiles ADD COLUMN inactive boolean NOT NULL DEFAULT false;

CREATE TABLE personal_rights (
    organisation_id uuid NOT NULL,
    membership_id uuid NOT NULL,
    code varchar NOT NULL,
    scope smallint NOT NULL,
    PRIMARY KEY (organisation_id, membership_id, code),
    CONSTRAINT membership_id_in_organisation FOREIGN KEY (organisation_id, membership_id)
        REFERENCES memberships (organisation_id, id)
);

CREATE TABLE delegations (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    from_id uuid NOT NULL,
    to_id uuid NOT NULL,
    codes varchar[] NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    ended_at timestamptz,
    reason varchar NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT from_id_in_organisation FOREIGN KEY (organisation_id, from_id)
        REFERENCES memberships (organisation_id, id),
    CONSTRAINT to_id_in_organisation FOREIGN KEY (organisation_id, to_id)
        REFERENCES memberships (organisation_id, id),
    CONSTRAINT delegations_to_another CHECK (from_id <> to_id),
    CONSTRAINT delegations_last CHECK (starts_at < ends_at)
);
CREATE INDEX delegations_by_deputy ON delegations (organisation_id, to_id) WHERE ended_at IS NULL;
CREATE INDEX delegations_by_delegator ON delegations (organisation_id, from_id)"""

_PRODUCTS = """
ALTER TABLE subscriptions
    ADD COLUMN seats integer,
    ADD COLUMN seats_version bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT subscriptions_seats CHECK (seats >= 0);

CREATE TABLE structure_seats (
    organisation_id uuid NOT NULL,
    product_id uuid NOT NULL,
    structure_id uuid NOT NULL,
    seats integer NOT NULL,
    PRIMARY KEY (organisation_id, product_id, structure_id),
    CONSTRAINT structure_seats_of_subscribed FOREIGN KEY (organisation_id, product_id)
        REFERENCES subscriptions (organisation_id, product_id),
    CONSTRAINT structure_id_in_organisation FOREIGN KEY (organisation_id, structure_id)
        REFERENCES structures (organisation_id, id),
    CONSTRAINT structure_seats_count CHECK (seats >= 0)
);

CREATE TABLE product_rights (
    provider_id uuid NOT NULL,
    code varchar NOT NULL,
    product_id uuid NOT NULL,
    tab varchar NOT NULL,
    name_fr varchar NOT NULL,
    name_en varchar NOT NULL,
    scoped boolean NOT NULL,
    requires varchar[] NOT NULL,
    position integer NOT NULL,
    withdrawn_at timestamptz,
    PRIMARY KEY (provider_id, code),
    CONSTRAINT product_rights_of_a_product FOREIGN KEY (provider_id, product_id)
        REFERENCES products (provider_id, id)
);
CREATE INDEX product_rights_by_product ON product_rights (provider_id, product_id, position);

CREATE TABLE referents (
    organisation_id uuid NOT NULL,
    duty smallint NOT NULL,
    membership_id uuid NOT NULL,
    PRIMARY KEY (organisation_id, duty, membership_id),
    CONSTRAINT membership_id_in_organisation FOREIGN KEY (organisation_id, membership_id)
        REFERENCES memberships (organisation_id, id)
)"""

# A page of the contacts of some advisers is read in its order from one index: the contact's kind and key are copied here.
_ADVISERS = """
ALTER TABLE contact_advisers ADD COLUMN contact_kind smallint, ADD COLUMN contact_sort_key varchar"""
_COPY = """
UPDATE contact_advisers a SET contact_kind = c.kind, contact_sort_key = c.sort_key FROM contacts c
WHERE c.organisation_id = a.organisation_id AND c.id = a.contact_id"""
_ADVISERS_AFTER = """
ALTER TABLE contact_advisers ALTER COLUMN contact_kind SET NOT NULL, ALTER COLUMN contact_sort_key SET NOT NULL;
CREATE INDEX contact_advisers_by_name ON contact_advisers (
    organisation_id, membership_id, contact_kind, contact_sort_key, contact_id);
CREATE FUNCTION copy_contact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT kind, sort_key INTO NEW.contact_kind, NEW.contact_sort_key FROM contacts
    WHERE organisation_id = NEW.organisation_id AND id = NEW.contact_id;
    RETURN NEW;
END $$;
CREATE TRIGGER copy_contact BEFORE INSERT ON contact_advisers FOR EACH ROW EXECUTE FUNCTION copy_contact();
CREATE FUNCTION copy_contact_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE contact_advisers SET contact_sort_key = NEW.sort_key
    WHERE organisation_id = NEW.organisation_id AND contact_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER copy_contact_key AFTER UPDATE OF sort_key ON contacts FOR EACH ROW
    WHEN (OLD.sort_key IS DISTINCT FROM NEW.sort_key) EXECUTE FUNCTION copy_contact_key()"""

_HISTORY = """
CREATE TABLE rights_changes (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    revision bigint NOT NULL,
    at timestamptz NOT NULL,
    membership_id uuid,
    account_id uuid,
    service varchar NOT NULL,
    act varchar NOT NULL,
    reason varchar NOT NULL,
    PRIMARY KEY (organisation_id, revision)
);
CREATE INDEX rights_changes_by_time ON rights_changes (organisation_id, at);

CREATE TABLE fact_history (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    relation varchar NOT NULL,
    since bigint NOT NULL,
    until bigint NOT NULL,
    fact jsonb NOT NULL,
    PRIMARY KEY (organisation_id, id)
);
CREATE INDEX fact_history_by_relation ON fact_history (organisation_id, relation, until);

CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now_at bigint;
    whose uuid := CASE WHEN TG_OP = 'INSERT' THEN NEW.organisation_id ELSE OLD.organisation_id END;
BEGIN
    SELECT revision INTO now_at FROM rights_revisions WHERE organisation_id = whose;
    now_at := coalesce(now_at, 1);
    IF TG_OP <> 'INSERT' AND OLD.since < now_at THEN
        INSERT INTO fact_history (organisation_id, relation, since, until, fact)
        VALUES (whose, TG_TABLE_NAME, OLD.since, now_at, to_jsonb(OLD) - TG_ARGV[0]::text[]);
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    NEW.since := now_at;
    RETURN NEW;
END $$"""

#: Table → the columns that are facts about rights (none: the whole row), and those that are never kept.
_FACTS = {
    "profiles": (("built_in", "inactive"), ("sort_key",)),
    "profile_rights": ((), ()),
    "personal_rights": ((), ()),
    "delegations": ((), ("reason",)),
    "memberships": (
        ("kind", "state", "profile_id", "profile_built_in", "manager_id", "structure_id", "tier_id", "access_quota"),
        ("given_name", "family_name", "mail", "function", "identifier", "sort_key", "search_key"),
    ),
    "structures": (("parent_id",), ("sort_key",)),
    "subscriptions": (("seats",), ()),
    "structure_seats": ((), ()),
    "assignments": ((), ()),
    "contact_advisers": (("role",), ("contact_sort_key",)),
    "access_contacts": (("contact_id",), ("person_id",)),
    "referents": ((), ()),
}


def upgrade() -> None:
    for tables in (_MEMBERS, _PRODUCTS):
        for statement in tables.split(";\n"):
            op.execute(statement)
    op.execute(_ADVISERS)
    with unforced(op, "contacts", "contact_advisers"):
        op.execute(_COPY)
    for statement in _statements(_ADVISERS_AFTER):
        op.execute(statement)
    for statement in _statements(_HISTORY):
        op.execute(statement)
    for table in ("personal_rights", "delegations", "structure_seats", "referents"):
        tenant_table(op, table)
    for table in ("rights_changes", "fact_history"):
        tenant_table(op, table, privileges="SELECT, INSERT")
    tenant_table(op, "product_rights", "provider_id")
    served = f"(SELECT o.provider_id FROM organisations o WHERE o.id = {ORGANISATION})"  # noqa: S608 - constants
    op.execute(f"CREATE POLICY parvis_served ON product_rights FOR SELECT USING (provider_id = {served})")
    for table, (facts, forgotten) in _FACTS.items():
        op.add_column(table, sa.Column("since", sa.BigInteger, nullable=False, server_default="1"))
        _keep(table, facts, forgotten)


def _keep(table: str, facts: tuple[str, ...], forgotten: tuple[str, ...]) -> None:
    argument = f"'{{{','.join(forgotten)}}}'"
    op.execute(
        f"CREATE TRIGGER keep_history BEFORE INSERT OR DELETE ON {table} FOR EACH ROW"
        f" EXECUTE FUNCTION keep_history({argument})"
    )
    changed = [f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in facts]
    when = f" WHEN ({' OR '.join(changed)})" if changed else ""
    op.execute(
        f"CREATE TRIGGER keep_history_of_changes BEFORE UPDATE ON {table} FOR EACH ROW{when}"
        f" EXECUTE FUNCTION keep_history({argument})"
    )


def _statements(script: str) -> list[str]:
    """A script cut where a statement ends; what stands between dollar signs is one."""
    found, inside = [""], False
    for line in script.strip().splitlines():
        found[-1] += line + "\n"
        inside ^= line.count("$$") % 2 == 1
        if not inside and line.endswith(";"):
            found.append("")
    return [statement.strip().removesuffix(";") for statement in found if statement.strip()]
