"""The pages' assets (styles, scripts, icons), built from gateway/ui with Node; skipped there when nothing changed."""

import os
import sys

from parvis_local.layout import ROOT, Layout
from parvis_local.parts import Failure
from parvis_local.processes import Program, Spawned
from parvis_local.supervisor import described, tail


async def build(layout: Layout, part: str) -> None:
    """Raises Failure in the name of the part that needs the assets."""
    log = layout.log("assets")
    log.unlink(missing_ok=True)
    process = Spawned(Program([sys.executable, "-m", "parvis_ui.build"], log, os.environ, folder=ROOT))
    if status := await process.wait():
        reason = f"building the pages' assets ended with {described(status)} (log: {log})"
        raise Failure(part, reason, tail(log, 25))
