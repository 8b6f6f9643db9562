"""How an upload is refused: its row says why, whoever sent it is told, the sweep removes what was sent."""

from parvis.documents.v1 import events_pb2
from parvis_documents.domain import UploadState
from parvis_documents.models import Upload
from parvis_kit.unit import UnitOfWork


def refuse(unit: UnitOfWork, row: Upload, reason: str) -> None:
    """Refuses an upload after it was complete."""
    row.state, row.reason = UploadState.REFUSED.value, reason
    unit.emit(
        events_pb2.UploadRefused(upload_id=str(row.id), contact_id=str(row.contact_id), name=row.name, reason=reason),
        aggregate_id=row.id,
    )
    unit.record(
        "upload.refused",
        target_kind="upload",
        target_id=row.id,
        contact_id=str(row.contact_id),
        name=row.name,
        reason=reason,
    )
