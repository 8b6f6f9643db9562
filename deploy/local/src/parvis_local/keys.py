"""`./parvis keys`: new keys for the tokens of the running suite, by `rotate-keys` of identity."""

import os
import subprocess
import sys
from collections.abc import Callable

from parvis_local.suite import Suite

_CONFIRM = "distrust"
_WARNING = (
    "Nothing counts any more that the present keys signed: applications sign everybody in anew. This is for keys that\n"
    f"leaked, and cannot be undone. Type {_CONFIRM} to go on: "
)


def rotate(suite: Suite, *, soon: bool, distrust: bool, ask: Callable[[str], str] = input) -> int:
    """Runs it; 1 when there is no suite, or nobody confirmed that the keys of today are worth nothing."""
    if not suite.is_running():
        print(f"No suite runs on {suite.layout.data}. Start it with ./parvis up.")
        return 1
    if distrust and ask(_WARNING).strip() != _CONFIRM:
        print("Nothing was changed.")
        return 1
    chosen = ["--soon"] * soon + ["--distrust"] * distrust
    command = [sys.executable, "-m", "parvis_identity", "rotate-keys", *chosen]
    return subprocess.run(command, env=os.environ | suite.environment("identity"), check=False).returncode
