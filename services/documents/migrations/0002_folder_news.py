"""Tells the other services of the folder templates that were made before there was an event for it."""

from alembic import op
from sqlalchemy import text

from parvis.documents.v1 import documents_pb2, events_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit import outbox
from parvis_kit.migrations import unforced

revision = "0002"
down_revision = "0001"

_COLUMNS = (
    "name", "path", "built_in", "portal", "notification", "deposits", "media_types", "position", "version"
)  # fmt: skip

_TELL = text("""
INSERT INTO outbox (id, subject, payload, headers, organisation_id, aggregate_id, version)
VALUES (:id, :subject, :payload, CAST(:headers AS jsonb), :organisation_id, :aggregate_id, :version)""")


def upgrade() -> None:
    with unforced(op, "folder_templates"):
        found = op.get_bind().execute(text("SELECT * FROM folder_templates ORDER BY id")).mappings().all()
    rows = []
    for row in found:
        template = documents_pb2.FolderTemplate(
            id=str(row["id"]),
            audience=tenancy_pb2.ContactKind.Value(f"CONTACT_KIND_{row['audience'].upper()}"),
            signature=documents_pb2.SignatureSide.Value(f"SIGNATURE_SIDE_{row['signature'].upper() or 'UNSPECIFIED'}"),
            notify_to=documents_pb2.NotifyTo.Value(f"NOTIFY_TO_{row['notify_to'].upper()}"),
            link_to=documents_pb2.LinkTarget.Value(f"LINK_TARGET_{row['link_to'].upper()}"),
            **{name: row[name] for name in _COLUMNS},
        )
        event = events_pb2.FolderTemplateChanged(template=template)
        told = {"organisation_id": row["organisation_id"], "aggregate_id": row["id"], "version": row["version"]}
        rows.append(outbox.row(event, **told))
    if rows:
        op.get_bind().execute(_TELL, rows)
