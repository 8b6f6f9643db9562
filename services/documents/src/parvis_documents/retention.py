"""How long documents keeps what only led to a document; documents themselves are their firm's to delete."""

from parvis_documents.settings import Settings
from parvis_records.retention import Term, common, days

#: A reference of a caller's own says for ever that its file arrived; what the store may still hold is swept first.
_NEEDED = (
    "state IN ('sending', 'verifying') OR external_reference IS NOT NULL AND state = 'filed'"
    " OR EXISTS (SELECT FROM upload_sweeps s WHERE s.upload_id = uploads.id)"
)


def terms(settings: Settings) -> tuple[Term, ...]:
    """The terms of documents' tables: how a file was sent goes; the version, its digest and its readers stay."""
    return (*common(settings), Term("uploads", "created_at", days(settings.kept_uploads_days), _NEEDED, owned=True))
