"""Filters that only these pages need: what protobuf messages carry, as people read it.

`python -m parvis_web.templating` compiles every template ahead, as an image does.
"""

from datetime import UTC, date, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from parvis_ui import formats
from parvis_ui.languages import LANGUAGES
from parvis_ui.pages import Pages


def moment(stamp: Timestamp | None) -> datetime | None:
    """A Timestamp as an aware datetime; None when it is unset."""
    if stamp is None or (stamp.seconds == 0 and stamp.nanos == 0):
        return None
    return stamp.ToDatetime(UTC)


def add_filters(pages: Pages) -> None:
    """`moment` (Timestamp → datetime or None), `when` (Timestamp → "il y a 2 jours", "–" when unset), `iso_date`
    ("2026-11-21" → "21 novembre 2026"), `short_iso_date` (→ "21/11/2026").
    """
    for language in LANGUAGES:
        filters = pages.environment(language).filters
        filters["moment"] = moment
        filters["when"] = _when(language)
        filters["iso_date"] = _iso(language, short=False)
        filters["short_iso_date"] = _iso(language, short=True)


def _when(language: str) -> object:
    def when(stamp: Timestamp | None) -> str:
        at = moment(stamp)
        return formats.relative(at, language) if at else "–"

    return when


def _iso(language: str, *, short: bool) -> object:
    def iso(text: str) -> str:
        if not text:
            return "–"
        day = date.fromisoformat(text[:10])
        return formats.short_date(day, language) if short else formats.long_date(day, language)

    return iso


if __name__ == "__main__":
    pages = Pages("parvis_web")
    add_filters(pages)
    pages.warm()
