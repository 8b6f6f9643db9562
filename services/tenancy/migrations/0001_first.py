"""The tables of tenancy. Keys and foreign keys begin with the organisation, so that no row can name another tenant's."""

from alembic import op

from parvis_kit.migrations import (
    ORGANISATION,
    global_table,
    kit_tables,
    tenant_table,
    two_party_table,
)

revision = "0001"
down_revision = None

_ADDRESS = """
    address_lines varchar[] NOT NULL,
    postal_code varchar NOT NULL,
    city varchar NOT NULL,
    country varchar NOT NULL"""
_VERSIONED = """
    version bigint NOT NULL,
    created_at timestamptz NOT NULL"""
_SORTED = """
    sort_key varchar NOT NULL,
    search_key varchar NOT NULL"""

_ORGANISATIONS = f"""
CREATE TABLE organisations (
    id uuid PRIMARY KEY,
    provider_id uuid NOT NULL REFERENCES organisations (id),
    kind smallint NOT NULL,
    slug varchar NOT NULL,
    name varchar NOT NULL,
    legal_name varchar NOT NULL,
    legal_form varchar NOT NULL,
    capital varchar NOT NULL,
    siren varchar NOT NULL,
    registry_entry varchar NOT NULL,
    vat_number varchar NOT NULL,
    iban varchar NOT NULL,
    telephone varchar NOT NULL,
    mail varchar NOT NULL,
    accent varchar NOT NULL,
    time_zone varchar NOT NULL,{_ADDRESS},{_SORTED},{_VERSIONED},
    CONSTRAINT organisations_served UNIQUE (id, provider_id)
);
CREATE INDEX organisations_by_name ON organisations (provider_id, sort_key, id);

CREATE TABLE organisation_directory (
    organisation_id uuid PRIMARY KEY REFERENCES organisations (id),
    slug varchar NOT NULL UNIQUE,
    name varchar NOT NULL,
    accent varchar NOT NULL,
    kind smallint NOT NULL
);

CREATE TABLE rights_revisions (
    organisation_id uuid PRIMARY KEY REFERENCES organisations (id),
    revision bigint NOT NULL
);

CREATE TABLE structures (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    parent_id uuid,
    name varchar NOT NULL,
    sort_key varchar NOT NULL,{_VERSIONED},
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT parent_id_in_organisation FOREIGN KEY (organisation_id, parent_id)
        REFERENCES structures (organisation_id, id)
)"""

_MEMBERS = f"""
CREATE TABLE profiles (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    name varchar NOT NULL,
    built_in varchar NOT NULL,
    sort_key varchar NOT NULL,{_VERSIONED},
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT profiles_name UNIQUE (organisation_id, sort_key)
);
CREATE UNIQUE INDEX profiles_built_in ON profiles (organisation_id, built_in) WHERE built_in <> '';

CREATE TABLE profile_rights (
    organisation_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    code varchar NOT NULL,
    scope smallint NOT NULL,
    PRIMARY KEY (organisation_id, profile_id, code),
    CONSTRAINT profile_id_in_organisation FOREIGN KEY (organisation_id, profile_id)
        REFERENCES profiles (organisation_id, id)
);

CREATE TABLE memberships (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    kind smallint NOT NULL,
    state smallint NOT NULL,
    given_name varchar NOT NULL,
    family_name varchar NOT NULL,
    mail varchar NOT NULL,
    locale varchar NOT NULL,
    account_version bigint NOT NULL,
    function varchar NOT NULL,
    profile_id uuid,
    profile_name varchar NOT NULL,
    profile_built_in varchar NOT NULL,
    structure_id uuid,
    identifier varchar NOT NULL,
    invited_at timestamptz NOT NULL,
    activated_at timestamptz,{_SORTED},{_VERSIONED},
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT profile_id_in_organisation FOREIGN KEY (organisation_id, profile_id)
        REFERENCES profiles (organisation_id, id),
    CONSTRAINT structure_id_in_organisation FOREIGN KEY (organisation_id, structure_id)
        REFERENCES structures (organisation_id, id),
    CONSTRAINT memberships_once UNIQUE (organisation_id, account_id),
    CONSTRAINT memberships_staff_has_profile CHECK ((kind = 1) = (profile_id IS NOT NULL)),
    CONSTRAINT memberships_portal_has_identifier CHECK ((kind = 2) = (identifier <> ''))
);
CREATE INDEX memberships_by_account ON memberships (account_id);
CREATE INDEX memberships_by_name ON memberships (organisation_id, kind, sort_key, id);
CREATE INDEX memberships_by_profile ON memberships (organisation_id, profile_id)"""

_PRODUCTS = f"""
CREATE TABLE products (
    provider_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    client_id varchar NOT NULL UNIQUE,
    name varchar NOT NULL,
    description varchar NOT NULL,
    launch_url varchar NOT NULL,
    sort_key varchar NOT NULL,{_VERSIONED},
    PRIMARY KEY (provider_id, id)
);

CREATE TABLE subscriptions (
    organisation_id uuid NOT NULL,
    product_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    PRIMARY KEY (organisation_id, product_id),
    CONSTRAINT subscriptions_from_own_provider FOREIGN KEY (organisation_id, provider_id)
        REFERENCES organisations (id, provider_id),
    CONSTRAINT subscriptions_to_a_product FOREIGN KEY (provider_id, product_id)
        REFERENCES products (provider_id, id)
);
CREATE INDEX subscriptions_by_product ON subscriptions (provider_id, product_id);

CREATE TABLE assignments (
    organisation_id uuid NOT NULL,
    product_id uuid NOT NULL,
    membership_id uuid NOT NULL,
    PRIMARY KEY (organisation_id, product_id, membership_id),
    CONSTRAINT assignments_of_subscribed FOREIGN KEY (organisation_id, product_id)
        REFERENCES subscriptions (organisation_id, product_id),
    CONSTRAINT membership_id_in_organisation FOREIGN KEY (organisation_id, membership_id)
        REFERENCES memberships (organisation_id, id)
);
CREATE INDEX assignments_by_member ON assignments (organisation_id, membership_id)"""

_CONTACTS = f"""
CREATE TABLE contacts (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    kind smallint NOT NULL,
    code varchar NOT NULL,
    name varchar NOT NULL,
    mail_main varchar NOT NULL,
    mail_quotes varchar NOT NULL,
    mail_billing varchar NOT NULL,
    mail_reminders varchar NOT NULL,
    siren varchar NOT NULL,
    vat_number varchar NOT NULL,
    telephone varchar NOT NULL,
    locale varchar NOT NULL,{_ADDRESS},{_SORTED},{_VERSIONED},
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT contacts_code UNIQUE (organisation_id, kind, code)
);
CREATE INDEX contacts_by_name ON contacts (organisation_id, kind, sort_key, id);

CREATE TABLE contact_code_counters (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    kind smallint NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (organisation_id, kind)
);

CREATE TABLE people (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    given_name varchar NOT NULL,
    family_name varchar NOT NULL,
    function varchar NOT NULL,
    mail varchar NOT NULL,
    telephone varchar NOT NULL,
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT contact_id_in_organisation FOREIGN KEY (organisation_id, contact_id)
        REFERENCES contacts (organisation_id, id),
    CONSTRAINT people_of_contact UNIQUE (organisation_id, contact_id, id)
);

CREATE TABLE contact_advisers (
    organisation_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    membership_id uuid NOT NULL,
    role smallint NOT NULL,
    PRIMARY KEY (organisation_id, contact_id, membership_id),
    CONSTRAINT contact_id_in_organisation FOREIGN KEY (organisation_id, contact_id)
        REFERENCES contacts (organisation_id, id),
    CONSTRAINT membership_id_in_organisation FOREIGN KEY (organisation_id, membership_id)
        REFERENCES memberships (organisation_id, id)
);
CREATE UNIQUE INDEX contact_advisers_one_main ON contact_advisers (organisation_id, contact_id) WHERE role = 1;
CREATE INDEX contact_advisers_by_member ON contact_advisers (organisation_id, membership_id, contact_id);

CREATE TABLE access_contacts (
    organisation_id uuid NOT NULL,
    membership_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    person_id uuid NOT NULL,
    folder_template_ids uuid[] NOT NULL,
    PRIMARY KEY (organisation_id, membership_id, contact_id),
    CONSTRAINT membership_id_in_organisation FOREIGN KEY (organisation_id, membership_id)
        REFERENCES memberships (organisation_id, id),
    CONSTRAINT access_for_a_person_of_the_contact FOREIGN KEY (organisation_id, contact_id, person_id)
        REFERENCES people (organisation_id, contact_id, id),
    CONSTRAINT access_once UNIQUE (organisation_id, contact_id, person_id)
)"""

_OWNED = (
    "rights_revisions", "structures", "profiles", "profile_rights", "assignments", "contacts",
    "contact_code_counters", "people", "contact_advisers", "access_contacts",
)  # fmt: skip


def upgrade() -> None:
    kit_tables(op)
    for tables in (_ORGANISATIONS, _MEMBERS, _PRODUCTS, _CONTACTS):
        for statement in tables.split(";\n"):
            op.execute(statement)
    for table in _OWNED:
        tenant_table(op, table)
    tenant_table(op, "memberships", account="account_id")
    two_party_table(op, "organisations", "id", "provider_id")
    two_party_table(op, "subscriptions", "organisation_id", "provider_id")
    global_table(
        op, "organisation_directory", "slug, name and colour of an organisation are shown before anyone has signed in"
    )
    tenant_table(op, "products", "provider_id")
    # What a provider sells is shown to those whom it serves.
    served = f"(SELECT o.provider_id FROM organisations o WHERE o.id = {ORGANISATION})"  # noqa: S608 - constants
    op.execute(f"CREATE POLICY parvis_served ON products FOR SELECT USING (provider_id = {served})")
