"""Dates, amounts, sizes and counts as people read them, in French and English.

Written by hand because they run for each cell of a table (Babel takes 15 to 50 µs a value, these 1 to 2); a test holds
them against Babel.
"""

from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

MINUS = "\u2212"
NBSP = "\u00a0"
"""No-break space: between thousands, before a unit and a colon. Not the narrow U+202F: web fonts lack it, and what
browsers put in its place is too thin to be seen between figures."""

_PARIS: Final[tzinfo] = ZoneInfo("Europe/Paris")

zone_in_use: ContextVar[tzinfo] = ContextVar("zone_in_use", default=_PARIS)
"""Zone in which times are shown: the organisation's, set for the time of a rendering."""

_MONTHS = {
    "fr": [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
}
_WEEKDAYS = {
    "fr": ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
    "en": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
}
_GROUP = {"fr": NBSP, "en": ","}
_POINT = {"fr": ",", "en": "."}
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "CHF": "CHF"}
_UNITS = {"fr": ("o", "ko", "Mo", "Go", "To"), "en": ("B", "kB", "MB", "GB", "TB")}

MINUTE = 60
HOUR = 3600
WEEK = 7
KILO = 1000
TEN = 10


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo:
    """The zone of that name; `Europe/Paris` when it is unknown, since a page must not fail on a setting."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("Europe/Paris")


def local(moment: datetime) -> datetime:
    """The moment in the zone in use. A naive one is taken as UTC, as everything in storage is."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone_in_use.get())


def day_of(value: date | datetime) -> date:
    """The calendar day, in the zone in use."""
    return local(value).date() if isinstance(value, datetime) else value


def number(value: float, language: str = "fr", decimals: int = 0) -> str:
    """`1 204` or `1,204`; with decimals `12,5`."""
    text = f"{abs(value):,.{decimals}f}"
    if language == "fr":
        text = text.replace(",", NBSP).replace(".", ",")
    return MINUS + text if value < 0 and text.strip("0.,") else text


def amount(cents: int, language: str = "fr") -> str:
    """`1 234,50`: integer cents without their currency."""
    whole, rest = divmod(abs(cents), 100)
    grouped = f"{whole:,}".replace(",", _GROUP[language])
    return f"{MINUS if cents < 0 else ''}{grouped}{_POINT[language]}{rest:02d}"


def money(cents: int, language: str = "fr", currency: str = "EUR") -> str:
    """`1 234,50 €` or `€1,234.50`, from integer cents."""
    symbol = _SYMBOLS.get(currency, currency)
    if language == "fr":
        return f"{amount(cents, 'fr')}{NBSP}{symbol}"
    gap = NBSP if symbol.isalpha() else ""
    return f"{MINUS if cents < 0 else ''}{symbol}{gap}{amount(abs(cents), 'en')}"


def file_size(octets: int, language: str = "fr") -> str:
    """`1,2 Mo`: decimal units, one decimal under ten."""
    size, unit = float(octets), 0
    while size >= KILO - 0.5 and unit < len(_UNITS[language]) - 1:
        size, unit = size / KILO, unit + 1
    decimals = 1 if unit and size < TEN - 0.05 else 0
    return f"{number(size, language, decimals)}{NBSP}{_UNITS[language][unit]}"


def long_date(value: date | datetime, language: str = "fr", *, year: bool = True) -> str:
    """`21 novembre 2026`, `1er décembre 2026`; `21 November 2026`."""
    day = day_of(value)
    ordinal = "1er" if day.day == 1 and language == "fr" else str(day.day)
    text = f"{ordinal}{NBSP}{_MONTHS[language][day.month - 1]}"
    return f"{text} {day.year}" if year else text


def weekday_date(value: date | datetime, language: str = "fr", *, now: datetime | None = None) -> str:
    """Heading of a day in a history: `Aujourd’hui`, `Hier`, `Lundi 16 novembre`, with the year when it is another."""
    day, today = day_of(value), day_of(now or datetime.now(UTC))
    age = (today - day).days
    if age in {0, 1}:
        return {"fr": ("Aujourd’hui", "Hier"), "en": ("Today", "Yesterday")}[language][age]
    name = _WEEKDAYS[language][day.weekday()].capitalize()
    return f"{name} {long_date(day, language, year=day.year != today.year)}"


def short_date(value: date | datetime, language: str = "fr") -> str:
    """`21/11/2026`, in English too: the portal is French."""
    del language
    return day_of(value).strftime("%d/%m/%Y")


def clock(moment: datetime, language: str = "fr") -> str:
    """`14:05`."""
    del language
    return local(moment).strftime("%H:%M")


def date_time(moment: datetime, language: str = "fr") -> str:
    """`21 novembre 2026 à 14:05`."""
    joint = {"fr": " à ", "en": " at "}[language]
    return f"{long_date(moment, language)}{joint}{clock(moment)}"


def relative(moment: datetime | date, language: str = "fr", *, now: datetime | None = None) -> str:
    """`il y a 5 minutes`, `hier`, `dans 3 jours`; beyond a week the date, with its year when it is another."""
    present = now or datetime.now(UTC)
    if isinstance(moment, datetime):
        seconds = (present - (moment if moment.tzinfo else moment.replace(tzinfo=UTC))).total_seconds()
        if abs(seconds) < MINUTE:
            return {"fr": "à l’instant", "en": "just now"}[language]
        if abs(seconds) < HOUR:
            return _distance(int(seconds / MINUTE), "minute", language)
        if abs(seconds) < 6 * HOUR or (day_of(present) == day_of(moment)):
            return _distance(int(seconds / HOUR), {"fr": "heure", "en": "hour"}[language], language)
    today, day = day_of(present), day_of(moment)
    days = (today - day).days
    near = {
        "fr": {0: "aujourd’hui", 1: "hier", -1: "demain"},
        "en": {0: "today", 1: "yesterday", -1: "tomorrow"},
    }[language]
    if days in near:
        return near[days]
    if abs(days) < WEEK:
        return _distance(days, {"fr": "jour", "en": "day"}[language], language)
    text = long_date(day, language, year=day.year != today.year)
    return f"le {text}" if language == "fr" else f"on {text}"


def _distance(units: int, noun: str, language: str) -> str:
    size = abs(units)
    words = f"{size}{NBSP}{noun}{'s' if size > 1 else ''}"
    if language == "fr":
        return f"il y a {words}" if units >= 0 else f"dans {words}"
    return f"{words} ago" if units >= 0 else f"in {words}"


def initials(name: str) -> str:
    """Two letters at most: `Claire Martin` → `CM`, `Cabinet Durand & Associés` → `CD`."""
    words = [word for word in name.replace("-", " ").replace("’", " ").split() if word[:1].isalnum()]
    letters = [word[0] for word in words if len(word) > 2 or len(words) < 3]  # noqa: PLR2004 - skips "de", "et", "&"
    return "".join(letters[:2]).upper() or "?"


def siren(digits: str) -> str:
    """999000102 → 999 000 102, which no line break divides."""
    return NBSP.join(digits[at : at + 3] for at in range(0, len(digits), 3))


def filters(language: str) -> dict[str, Callable[..., str]]:
    """The Jinja filters of one language, by name."""

    def bound(function: Callable[..., str]) -> Callable[..., str]:
        def filtered(value: object, *arguments: object, **options: object) -> str:
            return function(value, language, *arguments, **options)

        return filtered

    return {
        "date": bound(long_date),
        "day": bound(weekday_date),
        "short_date": bound(short_date),
        "datetime": bound(date_time),
        "clock": bound(clock),
        "relative": bound(relative),
        "money": bound(money),
        "amount": bound(amount),
        "number": bound(number),
        "file_size": bound(file_size),
        "initials": initials,
        "siren": siren,
    }
