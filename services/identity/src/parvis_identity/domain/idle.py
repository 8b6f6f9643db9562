"""When an account counts as one that nobody uses, and when its owner is told."""

from datetime import UTC, datetime, timedelta
from typing import Final

#: So long before an account is erased its owner hears of it for the first time,
FIRST: Final = timedelta(days=30)
#: and again.
SECOND: Final = timedelta(days=7)
#: So long after it was found that an account is kept (its owner is a last administrator), they are told again.
KEPT_AGAIN: Final = timedelta(days=365)
#: So long after a mail could not be delivered, it is tried again.
FAILED_AGAIN: Final = timedelta(days=90)
#: What nobody has heard of for so long after a mail was asked for: it was lost.
LOST: Final = timedelta(days=7)
#: Owners who are told for the first time in 24 hours: mails that people wait for come between.
A_DAY: Final = 500
#: What stands in `erasures.due_at` of a warning. The day that was told stands in the account alone: the release before
#: asks nothing on an idle account's day, and erases whatever is due in `erasures`.
NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


def signed_in_before(kept: timedelta, session: timedelta) -> timedelta:
    """How long ago somebody signed in last who is told for the first time. Use is what counts, and a session may have
    gone on for so long after the sign-in.
    """
    return kept + session - FIRST
