"""Requests that nobody would write: the people and the real identifiers are those of the isolation tests."""

import sys
from pathlib import Path

for folder in ("isolation", "fuzz"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))
from fixtures import cast, http, ledger, stage, wires, world  # noqa: E402, F401 - pytest finds them here
from standing import standing  # noqa: E402, F401 - idem
