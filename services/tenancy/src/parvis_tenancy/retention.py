"""How long tenancy keeps what was asked and answered. Rights and their past are kept as long as their organisation."""

from parvis_records.retention import Term, common, days
from parvis_tenancy.settings import Settings


def terms(settings: Settings) -> tuple[Term, ...]:
    """The terms of tenancy's tables. A request that nobody answered yet has no such moment: it stays."""
    answers = Term("access_requests", "answered_at", days(settings.kept_answers_days), owned=True)
    return (*common(settings), answers)
