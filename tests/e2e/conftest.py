"""A browser for all, and people who each have their own window of it; their modules stand beside this file."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from browsing import browser, compared_directory, mails, person, reader_at, shared_domain, tag
from papers import real_pdf, small_pdf

__all__ = [
    "browser",
    "compared_directory",
    "mails",
    "person",
    "reader_at",
    "real_pdf",
    "shared_domain",
    "small_pdf",
    "tag",
]
