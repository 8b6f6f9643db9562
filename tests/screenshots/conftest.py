"""The people and the pages are those of the end-to-end tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from browsing import browser, compared_directory, mails, person, reader_at, shared_domain

__all__ = ["browser", "compared_directory", "mails", "person", "reader_at", "shared_domain"]
