"""How long a sign-in lasts, and what it is called on the list of devices."""

import re
from collections.abc import Sequence
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
#: Of a session in a personal account that only a firm's provider vouched for: it opens that firm, nothing else. No firm
#: gets at what a person has elsewhere.
VOUCHED_ACR = "0"
#: RFC 8176.
PASSWORD_AMR = ("pwd",)
#: Strength of two factors, or of a passkey that made sure of its user.
TWO_FACTORS_ACR = "2"


@dataclass(frozen=True, slots=True)
class Proof:
    """How somebody has just proven who they are: `acr` as above, `amr` of RFC 8176. `strongest`: with the strongest
    that their account has, which is what sensitive acts ask for (`Session.proof_at`). `at`: when they were asked; None:
    just now.
    """

    acr: str = PASSWORD_ACR
    amr: tuple[str, ...] = PASSWORD_AMR
    strongest: bool = True
    at: datetime | None = None


#: A password, of an account that has nothing stronger.
PASSWORD = Proof()


def merged(before: Sequence[str], now: Sequence[str]) -> list[str]:
    """The methods of a session after another proof: each once, in the order in which they came; `mfa` of RFC 8176 when
    they are of two kinds.
    """
    found = list(dict.fromkeys([*before, *now]))
    return found if "mfa" in found or len(set(found) - {"user"}) < 2 else [*found, "mfa"]  # noqa: PLR2004 - two kinds


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
