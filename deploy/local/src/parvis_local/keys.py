"""`./parvis keys`: new keys for the tokens of the running suite, by `rotate-keys` of identity."""

import os
import subprocess
import sys
from collections.abc import Callable

from parvis_local.suite import Suite

_CONFIRM, _RENEW = "distrust", "renew"
_QUESTION = (
    "New keys will sign everybody's tokens {when}; what the present ones signed counts until its end. An application\n"
    f"that keeps a copy of the present keys and never fetches others refuses everybody then. Type {_RENEW} to go on: "
)
_WARNING = (
    "Nothing counts any more that the present keys signed: applications sign everybody in anew. This is for keys that\n"
    f"leaked, and cannot be undone. Type {_CONFIRM} to go on: "
)


def rotate(suite: Suite, *, soon: bool, distrust: bool, sure: bool = False, ask: Callable[[str], str] = input) -> int:
    """Runs it; 1 when there is no suite, or nobody confirmed it. Who is `sure` is not asked, but for keys of today that
    shall be worth nothing.
    """
    if not suite.is_running():
        print(f"No suite runs on {suite.layout.data}. Start it with ./parvis up.")
        return 1
    question = _WARNING if distrust else _QUESTION.format(when="in minutes" if soon else "in a day")
    if (distrust or not sure) and ask(question).strip() != (_CONFIRM if distrust else _RENEW):
        print("Nothing was changed.")
        return 1
    chosen = ["--soon"] * soon + ["--distrust"] * distrust
    command = [sys.executable, "-m", "parvis_identity", "rotate-keys", *chosen]
    return subprocess.run(command, env=os.environ | suite.environment("identity"), check=False).returncode
