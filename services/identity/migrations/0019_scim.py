"""What firms' directories send over SCIM."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from parvis_kit.migrations import global_table, tenant_table

revision = "0019"
down_revision = "0018"

INSTANT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "scim_tokens",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("name", "ending")),
        sa.Column("created_by", sa.Uuid, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        *(sa.Column(name, INSTANT) for name in ("expires_at", "revoked_at", "last_used_at")),
    )
    op.create_index("scim_tokens_of_organisation", "scim_tokens", ["organisation_id"])
    global_table(op, "scim_tokens", "what a directory shows says which organisation it acts for")
    _users()
    _groups()
    op.create_table(
        "scim_log",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("token_id", sa.Uuid, nullable=False),
        sa.Column("minute", INSTANT, nullable=False),
        *(
            sa.Column(name, sa.Integer, nullable=False)
            for name in ("created", "changed", "disabled", "reopened", "deleted", "groups", "refused")
        ),
        sa.Column("notes", JSONB, nullable=False),
        sa.UniqueConstraint("organisation_id", "minute", "token_id", name="scim_log_once"),
    )
    tenant_table(op, "scim_log")
    # Whose an address is: asked before anything is made for one.
    op.create_index("accounts_by_mail", "accounts", [sa.text("lower(mail)")], postgresql_where=sa.text("mail <> ''"))


def _documents() -> list[sa.Column[object]]:
    return [
        sa.Column("document", JSONB, nullable=False),
        sa.Column("compared", JSONB, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
    ]


def _users() -> None:
    op.create_table(
        "scim_users",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("user_name", "user_name_key", "external_id")),
        sa.Column("active", sa.Boolean, nullable=False),
        *_documents(),
        sa.Column("deleted_at", INSTANT),
        sa.UniqueConstraint("organisation_id", "id", name="scim_users_page"),
    )
    there = "deleted_at IS NULL"
    for name, column, unique, condition in (
        ("scim_users_name", "user_name_key", True, there),
        ("scim_users_external", "external_id", True, f"{there} AND external_id <> ''"),
        ("scim_users_gone", "external_id", False, "deleted_at IS NOT NULL"),
    ):
        op.create_index(
            name, "scim_users", ["organisation_id", column], unique=unique, postgresql_where=sa.text(condition)
        )
    tenant_table(op, "scim_users")


def _groups() -> None:
    op.create_table(
        "scim_groups",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("display_name", "external_id")),
        *_documents(),
        sa.UniqueConstraint("organisation_id", "id", name="scim_groups_page"),
    )
    tenant_table(op, "scim_groups")
    op.create_table(
        "scim_group_members",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        *(sa.Column(name, sa.Uuid, primary_key=True) for name in ("group_id", "user_id")),
        *(
            sa.ForeignKeyConstraint(
                ["organisation_id", name], [f"{table}.organisation_id", f"{table}.id"], ondelete="CASCADE"
            )
            for name, table in (("group_id", "scim_groups"), ("user_id", "scim_users"))
        ),
    )
    op.create_index("scim_group_members_user", "scim_group_members", ["user_id"])
    tenant_table(op, "scim_group_members")
