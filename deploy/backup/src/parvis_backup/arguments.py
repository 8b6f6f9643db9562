"""What both command lines take: ./parvis, and that of parvis/tools."""

import argparse
import re

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def how_many(text: str) -> int:
    """Backups that are kept, as somebody types it; 0 for all. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of backups: 14, or 0 for all")
    return int(text)


def how_long(text: str) -> float:
    """Seconds, of `30m`, `24h`, `7d`. Raises ArgumentTypeError."""
    if not (found := re.fullmatch(r"([0-9]*[1-9][0-9]*)([smhd])", text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 30m, 24h or 7d")
    return int(found[1]) * _SECONDS[found[2]]


def add_next(backup: argparse.ArgumentParser) -> None:
    """`--next`: what a schedule of somebody's own (cron) says of itself."""
    backup.add_argument(
        "--next",
        type=how_long,
        default=0.0,
        dest="period",
        help="when the next one is to begin (24h, 7d; default as last time, else 24h): two hours, and twice what the "
        "last one took, later it is late",
    )
