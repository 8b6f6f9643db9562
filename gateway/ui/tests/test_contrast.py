"""Every pair of colours that meets on a page can be read, in both themes, whatever accent an organisation wants."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parvis_ui.colour import (
    READABLE,
    Rgb,
    accent_colours,
    accent_stylesheet,
    contrast,
    from_hex,
    from_oklch,
    to_hex,
    to_oklch,
)

TOKENS = Path(__file__).parents[1] / "assets/css/tokens.css"
THEMES = ("light", "dark")
BOUNDARY = 3.0
SURFACES = ("sunken", "surface", "raised", "hover")
TEXTS = ("ink", "ink-muted", "accent", "ok", "warn", "bad", "info")
PAIRS = [
    *((text, ground) for text in TEXTS for ground in SURFACES),
    *((state, f"{state}-soft") for state in ("accent", "ok", "warn", "bad", "info")),
    *((text, f"{state}-soft") for text in ("ink", "ink-muted") for state in ("accent", "ok", "warn", "bad", "info")),
    *((text, "press") for text in ("ink", "ink-muted")),
    ("accent-ink", "accent"),
    ("accent-ink", "accent-strong"),
    ("danger-ink", "danger"),
    ("danger-ink", "danger-strong"),
]


def read_tokens() -> dict[str, dict[str, Rgb]]:
    """Theme to token to colour, from the stylesheet itself."""
    colour = r"oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)"
    tokens: dict[str, dict[str, Rgb]] = {theme: {} for theme in THEMES}
    for name, *numbers in re.findall(rf"--([\w-]+): light-dark\({colour}, {colour}\);", TOKENS.read_text()):
        values = [float(number) for number in numbers]
        tokens["light"][name] = from_hex(to_hex(from_oklch(*values[:3])))
        tokens["dark"][name] = from_hex(to_hex(from_oklch(*values[3:])))
    return tokens


COLOURS = read_tokens()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read(theme, text, ground):
    assert contrast(COLOURS[theme][text], COLOURS[theme][ground]) >= READABLE


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", ["surface", "sunken", "raised"])
def test_what_can_be_operated_has_a_visible_edge(theme, ground):
    assert contrast(COLOURS[theme]["edge"], COLOURS[theme][ground]) >= BOUNDARY


@given(st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}"))
def test_any_accent_is_corrected_until_it_can_be_read(wanted):
    made = accent_colours(wanted)
    for theme, values in zip(THEMES, zip(*made.values(), strict=True), strict=True):
        accent, strong, ink, soft = (from_hex(value) for value in values)
        grounds = [COLOURS[theme][name] for name in SURFACES]
        assert all(contrast(accent, ground) >= READABLE for ground in (*grounds, soft, ink))
        assert contrast(strong, ink) >= READABLE
        assert contrast(COLOURS[theme]["ink-muted"], soft) >= READABLE


def test_an_accent_keeps_its_hue():
    light, _ = accent_colours("#d97706")["accent"]
    assert abs(to_oklch(from_hex(light))[2] - to_oklch(from_hex("#d97706"))[2]) < 8


def test_black_and_white_are_known():
    assert contrast(from_hex("#000000"), from_hex("#ffffff")) == pytest.approx(21)
    assert to_hex(from_oklch(*to_oklch(from_hex("#1d4ed8")))) == "#1d4ed8"


@pytest.mark.parametrize("wrong", ["", "red", "#12345", "#1234567", "#12345g", "#fff;}body{"])
def test_what_is_no_colour_is_refused(wrong):
    with pytest.raises(ValueError, match="not a colour"):
        accent_stylesheet(wrong)
