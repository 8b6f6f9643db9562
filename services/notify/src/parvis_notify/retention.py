"""How long notify keeps mails: first their words go, later that they were sent at all."""

from parvis_notify.settings import Settings
from parvis_records.retention import Term, common, days


def terms(settings: Settings) -> tuple[Term, ...]:
    """The terms of notify's tables. A mail that still waits to be sent keeps its words."""
    return (
        *common(settings),
        Term(
            "messages", "created_at", days(settings.kept_mail_texts_days), "text = '' OR state = 'pending'",
            blanks="text = '', link = '', one_time_link = NULL, because = ''", owned=True,
        ),
        Term("messages", "created_at", days(settings.kept_mails_days), "state = 'pending'", owned=True),
    )  # fmt: skip
