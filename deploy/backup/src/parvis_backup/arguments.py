"""What both command lines take: ./parvis, and that of parvis/tools."""

import argparse


def how_many(text: str) -> int:
    """Backups that are kept, as somebody types it; 0 for all. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of backups: 14, or 0 for all")
    return int(text)
