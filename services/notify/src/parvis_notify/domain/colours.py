"""The firm's accent, readable on white and on a dark ground."""

import re
from typing import Final

INK: Final = "#1b2430"
PAPER: Final = "#ffffff"
DEFAULT_ACCENT: Final = "#0f5c5c"
#: WCAG 2.2, success criterion 1.4.3.
CONTRAST: Final = 4.5


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2) of "#rrggbb", 0 to 1."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - the definition's own figures
        for c in (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio (WCAG 2.2) of two colours, 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def accent_shades(accent: str) -> tuple[str, str]:
    """The firm's accent as it can be read on white, and lightened as it can be read on a dark ground."""
    colour = accent.lower() if re.fullmatch(r"#[0-9a-fA-F]{6}", accent) else DEFAULT_ACCENT
    return _mixed(colour, 0.0, PAPER), _mixed(colour, 1.0, INK)


def _mixed(colour: str, towards: float, ground: str) -> str:
    """`colour` mixed with black (0) or white (1), in steps, until it stands out from `ground`."""
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    for step in range(21):
        mixed = "#" + "".join(f"{round(c + (255 * towards - c) * step / 20):02x}" for c in parts)
        if contrast(mixed, ground) >= CONTRAST:
            return mixed
    raise AssertionError("black stands out from white")
