"""What whoever runs the suite sees of the mails: how many wait, since when, and how they ended. Of nobody's mails."""

from prometheus_client import Counter, Gauge

from parvis_kit.caller import Caller
from parvis_kit.unit import Database
from parvis_notify import store

WAITING = Gauge("parvis_mails_waiting", "Mails that were composed and have not ended (10,000 at most)")
WAITING_AGE = Gauge("parvis_mails_waiting_oldest_seconds", "Age of the oldest of them")
#: state: sent, bounced (there is no such mailbox), failed, cancelled, postponed (will be tried again).
MAILS = Counter("parvis_mails", "Attempts to send a mail, by what became of it", ["state", "reason"])


async def look(database: Database) -> None:
    """Asks how many mails wait."""
    async with database.begin(Caller("notify")) as unit:
        count, age = await store.waiting(unit)
    WAITING.set(count)
    WAITING_AGE.set(age)


def ended(state: str, reason: str) -> None:
    """An attempt ended; a mailbox that does not exist is a bounce."""
    MAILS.labels("bounced" if reason == "mailbox_unavailable" else state, reason).inc()
