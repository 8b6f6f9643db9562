"""How long a sign-in lasts, and what it is called on the list of devices."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(slots=True)
class Lifetimes:
    """How long a session counts: `idle` without a request, `absolute` whatever happens."""

    idle: timedelta = timedelta(hours=12)
    absolute: timedelta = timedelta(days=30)


#: Of this process: the settings say so at its start, and nothing changes them afterwards.
LIVES = Lifetimes()
#: `last_seen_at` is written at most this often: a page must not cost a write.
SEEN_EVERY = timedelta(minutes=1)

#: Strength of a sign-in with a password alone (OpenID Connect Core 2: "0" would be below ISO/IEC 29115 level 1).
PASSWORD_ACR = "1"  # noqa: S105 - a level, not a secret
#: RFC 8176.
PASSWORD_AMR = ("pwd",)


def is_open(now: datetime, *, started_at: datetime, last_seen_at: datetime, ended_at: datetime | None) -> bool:
    """Whether a session still counts."""
    return ended_at is None and now < last_seen_at + LIVES.idle and now < started_at + LIVES.absolute


_BROWSERS = (
    ("Edge", re.compile(r"Edg(?:e|A|iOS)?/")),
    ("Opera", re.compile(r"OPR/|Opera")),
    ("Samsung Internet", re.compile(r"SamsungBrowser/")),
    ("Firefox", re.compile(r"Firefox/|FxiOS/")),
    ("Chrome", re.compile(r"Chrome/|CriOS/|Chromium/")),
    ("Safari", re.compile(r"Version/[\d.]+.*Safari/")),
)
_SYSTEMS = (
    ("iPhone", re.compile(r"iPhone")),
    ("iPad", re.compile(r"iPad")),
    ("Android", re.compile(r"Android")),
    ("Windows", re.compile(r"Windows")),
    ("macOS", re.compile(r"Macintosh|Mac OS X")),
    ("ChromeOS", re.compile(r"CrOS")),
    ("Linux", re.compile(r"Linux|X11")),
)


def device_of(user_agent: str) -> str:
    """The device of a User-Agent: "Firefox, Windows". Only what is recognised, empty when nothing is."""
    found = (
        next((name for name, pattern in table if pattern.search(user_agent)), "") for table in (_BROWSERS, _SYSTEMS)
    )
    return ", ".join(name for name in found if name)
