"""Organisations of one account are searched and paged by the server: their faces carry the keys."""

import re

import sqlalchemy as sa
from alembic import op

from parvis_kit.text import search_key

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for key in ("sort_key", "search_key"):
        op.add_column("organisation_directory", sa.Column(key, sa.String, nullable=False, server_default=""))
    directory = sa.table("organisation_directory", *map(sa.column, ("organisation_id", "slug", "name")))
    connection = op.get_bind()
    change = sa.text(
        "UPDATE organisation_directory SET sort_key = :sort_key, search_key = :search_key WHERE organisation_id = :id"
    )
    for row in connection.execute(sa.select(directory)).all():
        ordered = re.sub(r"\d+", lambda digits: digits[0].zfill(10), search_key(row.name))
        keys = {"sort_key": ordered, "search_key": search_key(row.name, row.slug)}
        connection.execute(change, {"id": row.organisation_id, **keys})
