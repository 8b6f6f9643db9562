"""Values read as French and English people write them; Babel is the judge where it has a say."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal
from hypothesis import given
from hypothesis import strategies as st

from parvis_ui import formats
from parvis_ui.forms import parse_money
from parvis_ui.translations import french

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LOCALES = {"fr": "fr_FR", "en": "en_GB"}


def plain(text: str) -> str:
    """With U+00A0 for each U+202F: see `formats.NBSP`."""
    return text.replace("\u202f", formats.NBSP)


def test_no_space_is_too_narrow_to_be_seen():
    shown = formats.money(123456789), formats.number(1204), formats.file_size(10**6), french("Prêt ? Oui ; vite !")
    assert "\u202f" not in "".join(shown)


@pytest.mark.parametrize("language", ["fr", "en"])
@given(cents=st.integers(-(10**12), 10**12))
def test_money_is_written_as_babel_does(language, cents):
    expected = plain(format_currency(abs(cents) / 100, "EUR", locale=LOCALES[language]))
    assert formats.money(abs(cents), language) == expected


@given(st.integers(-(10**12), 10**12), st.sampled_from(["fr", "en"]))
def test_an_amount_shown_can_be_typed_back(cents, language):
    assert parse_money(formats.amount(cents, language)) == cents


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("1 234,50", 123450),
        ("1.234,50 €", 123450),
        ("1,234.50", 123450),
        ("12", 1200),
        ("0,5", 50),
        ("-3,20", -320),
        ("1234.5", 123450),
        ("1,234,567", 123456700),
    ],
)
def test_amounts_are_read_as_people_type_them(text, cents):
    assert parse_money(text) == cents


@pytest.mark.parametrize("text", ["", "abc", "1,234", "12.345", "1,234,5", "12,345,67", "--1", "1e5"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match="not an amount"):
        parse_money(text)


@given(st.integers(-(10**9), 10**9))
def test_numbers_are_grouped_as_babel_does(value):
    assert formats.number(abs(value), "fr") == plain(format_decimal(abs(value), locale="fr_FR"))


@given(st.dates())
def test_dates_are_written_as_babel_does(day):
    babel = format_date(day, "d MMMM y", locale="fr_FR")
    expected = babel.replace("1 ", "1er ", 1) if day.day == 1 else babel
    assert formats.long_date(day, "fr").replace(formats.NBSP, " ") == expected
    assert formats.long_date(day, "en").replace(formats.NBSP, " ") == format_date(day, "d MMMM y", locale="en_GB")


@pytest.mark.parametrize(
    ("octets", "french", "english"),
    [
        (0, "0 o", "0 B"),
        (999, "999 o", "999 B"),
        (1000, "1,0 ko", "1.0 kB"),
        (1_234_567, "1,2 Mo", "1.2 MB"),
        (9_960_000, "10 Mo", "10 MB"),
        (999_600, "1,0 Mo", "1.0 MB"),
        (64 * 1024 * 1024, "67 Mo", "67 MB"),
    ],
)
def test_file_sizes_are_short(octets, french, english):
    assert formats.file_size(octets, "fr").replace(formats.NBSP, " ") == french
    assert formats.file_size(octets, "en").replace(formats.NBSP, " ") == english


@pytest.mark.parametrize(
    ("ago", "french", "english"),
    [
        (timedelta(seconds=20), "à l’instant", "just now"),
        (timedelta(minutes=5), "il y a 5 minutes", "5 minutes ago"),
        (timedelta(minutes=1), "il y a 1 minute", "1 minute ago"),
        (timedelta(hours=3), "il y a 3 heures", "3 hours ago"),
        (timedelta(days=1), "hier", "yesterday"),
        (timedelta(days=2), "il y a 2 jours", "2 days ago"),
        (timedelta(days=-1), "demain", "tomorrow"),
        (timedelta(days=-3), "dans 3 jours", "in 3 days"),
        (timedelta(days=18), "le 3 novembre", "on 3 November"),
        (timedelta(days=400), "le 17 octobre 2025", "on 17 October 2025"),
    ],
)
def test_distances_in_time_are_said(ago, french, english):
    assert formats.relative(NOW - ago, "fr", now=NOW).replace(formats.NBSP, " ") == french
    assert formats.relative(NOW - ago, "en", now=NOW).replace(formats.NBSP, " ") == english


def test_times_are_shown_in_the_zone_in_use():
    token = formats.zone_in_use.set(ZoneInfo("Indian/Reunion"))
    try:
        shown = formats.date_time(datetime(2026, 12, 31, 21, 30, tzinfo=UTC), "fr")
    finally:
        formats.zone_in_use.reset(token)
    assert shown.replace(formats.NBSP, " ") == "1er janvier 2027 à 01:30"


def test_an_unknown_zone_does_not_break_the_page():
    assert formats.zone("Mars/Olympus") == ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Claire Martin", "CM"), ("Cabinet Durand & Associés", "CD"), ("Jean-Luc Roy", "JL"), ("", "?"), ("Li Wu", "LW")],
)
def test_initials(name, letters):
    assert formats.initials(name) == letters


def test_a_day_has_its_name():
    assert formats.weekday_date(NOW, "fr", now=NOW) == "Aujourd’hui"
    assert formats.weekday_date(date(2026, 11, 16), "fr", now=NOW).replace(formats.NBSP, " ") == "Lundi 16 novembre"


@pytest.mark.parametrize(("digits", "shown"), [("999000102", "999\u00a0000\u00a0102"), ("", "")])
def test_a_siren_is_shown_in_threes(digits, shown):
    assert formats.siren(digits) == shown
