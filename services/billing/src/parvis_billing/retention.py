"""How long billing keeps what a law kept of an organisation that was erased (docs/adr/0032)."""

from typing import Final

from parvis_billing.settings import Settings
from parvis_records.retention import Term, common, days

#: Ten years from the end of the financial year, which ends at most a year after the invoice was closed: eleven years.
#: They have three leap days at most. Triggers refuse what is younger.
LAW: Final = days(11 * 365 + 3)
#: Something is known of the organisation of the transaction (policies show no other): it is there, and its invoices are
#: its own to keep. Asked once a statement.
_THERE: Final = " OR ".join(f"EXISTS (SELECT FROM {known})" for known in ("sellers", "customers", "folders"))


def terms(settings: Settings) -> tuple[Term, ...]:
    """The terms of billing's tables: invoices with their lines, the numbers that they had, what acts said of them."""
    return (
        *common(settings),
        Term("invoices", "closed_at", LAW, _THERE, owned=True),
        Term("series", "last_closed_at", LAW, _THERE, owned=True),
        Term(
            "audit", "at", LAW, f"seq IS NULL OR details IS NULL OR {_THERE}",
            blanks="details = NULL, salt = NULL", owned=True,
        ),
    )  # fmt: skip
