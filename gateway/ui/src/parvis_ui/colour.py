"""OKLCH (Björn Ottosson, 2020), sRGB and WCAG contrast.

Corrects an organisation's accent until it can be read.
"""

import math
import re
from functools import lru_cache

Rgb = tuple[float, float, float]
"""Linear sRGB, each 0 to 1."""

READABLE = 4.5
"""WCAG 2.2, 1.4.3: contrast of text."""
LIGHT_SURFACES = ("#ffffff", "#f0f3f4")
"""Lightest and darkest surface of the light theme on which the accent is text; a test holds them against tokens.css."""
DARK_SURFACES = ("#0e1314", "#2a3133")
"""The same for the dark theme."""
_HEX = re.compile(r"#?([0-9a-f]{6})", re.IGNORECASE)
_SRGB_KNEE = 0.0031308
_STEP = 0.005


def from_oklch(lightness: float, chroma: float, hue: float) -> Rgb:
    """Linear sRGB of an OKLCH colour (lightness 0 to 1, hue in degrees), clipped to the gamut by lowering chroma."""
    for _ in range(64):
        colour = _unclipped(lightness, chroma, hue)
        if all(-0.0005 <= channel <= 1.0005 for channel in colour):  # noqa: PLR2004 - rounding of the matrices
            break
        chroma *= 0.96
    return tuple(min(1.0, max(0.0, channel)) for channel in colour)  # type: ignore[return-value]


def _unclipped(lightness: float, chroma: float, hue: float) -> Rgb:
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def to_oklch(colour: Rgb) -> tuple[float, float, float]:
    """Lightness, chroma and hue in degrees of a linear sRGB colour."""
    red, green, blue = colour
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return lightness, math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360


def from_hex(text: str) -> Rgb:
    """Linear sRGB of `#rrggbb`. Raises ValueError for anything else."""
    found = _HEX.fullmatch(text)
    if not found:
        message = f"not a colour: {text!r}"
        raise ValueError(message)
    channels = (int(found[1][i : i + 2], 16) / 255 for i in (0, 2, 4))
    return tuple(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)  # type: ignore[return-value]  # noqa: PLR2004 - IEC 61966-2-1


def to_hex(colour: Rgb) -> str:
    """`#rrggbb` of a linear sRGB colour."""
    encoded = (12.92 * c if c <= _SRGB_KNEE else 1.055 * c ** (1 / 2.4) - 0.055 for c in colour)
    return "#" + "".join(f"{round(min(1, max(0, c)) * 255):02x}" for c in encoded)


def luminance(colour: Rgb) -> float:
    """Relative luminance (WCAG 2.2)."""
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def contrast(one: Rgb, other: Rgb) -> float:
    """Contrast ratio, 1 to 21 (WCAG 2.2)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _until_readable(start: float, chroma: float, hue: float, step: float, grounds: tuple[Rgb, ...]) -> str:
    """First colour from `start` on, by `step`, that can be read on all grounds once written in 8 bits."""
    lightness = start
    while 0 < lightness < 1:
        text = to_hex(from_oklch(lightness, chroma, hue))
        if all(contrast(from_hex(text), ground) >= READABLE for ground in grounds):
            return text
        lightness += step
    return "#000000" if step < 0 else "#ffffff"


@lru_cache(maxsize=512)
def accent_colours(wanted: str) -> dict[str, tuple[str, str]]:
    """Token to (light, dark) `#rrggbb`, for the accent `#rrggbb` that an organisation wants.

    The hue is kept; lightness moves until the accent can be read as text on every surface and under its own ink.
    """
    lightness, chroma, hue = to_oklch(from_hex(wanted))
    chroma = min(chroma, 0.17)
    soft_light = to_hex(from_oklch(0.955, min(chroma, 0.022), hue))
    soft_dark = to_hex(from_oklch(0.3, min(chroma, 0.04), hue))
    white, ink_dark = from_hex("#ffffff"), to_hex(from_oklch(0.19, min(chroma, 0.03), hue))
    light_grounds = (*(from_hex(text) for text in LIGHT_SURFACES), from_hex(soft_light), white)
    dark_grounds = (*(from_hex(text) for text in DARK_SURFACES), from_hex(soft_dark), from_hex(ink_dark))
    light = _until_readable(min(lightness, 0.6), chroma, hue, -_STEP, light_grounds)
    dark = _until_readable(max(lightness, 0.72), min(chroma, 0.13), hue, _STEP, dark_grounds)
    light_l, _, _ = to_oklch(from_hex(light))
    dark_l, _, _ = to_oklch(from_hex(dark))
    return {
        "accent": (light, dark),
        "accent-strong": (
            to_hex(from_oklch(max(0.0, light_l - 0.07), chroma, hue)),
            to_hex(from_oklch(min(1.0, dark_l + 0.06), min(chroma, 0.11), hue)),
        ),
        "accent-ink": ("#ffffff", ink_dark),
        "accent-soft": (soft_light, soft_dark),
    }


def accent_stylesheet(wanted: str) -> str:
    """The stylesheet that gives an organisation's pages their accent. Raises ValueError when it is no `#rrggbb`."""
    lines = (f"--{token}:light-dark({light},{dark})" for token, (light, dark) in accent_colours(wanted.lower()).items())
    return ":root{" + ";".join(lines) + "}\n"
