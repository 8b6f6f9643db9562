"""The whole suite: how long `./parvis up` takes, and how much memory it holds when nobody is there."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import median, sized, wait_for_quiet
from report import Figure, console, show
from stage import resident_bytes

from parvis_local.layout import ROOT
from parvis_local.ports import free_base
from parvis_local.suite import Suite

STARTS = sized(5, 2)
#: Seconds after which a suite that was just started is idle.
SETTLED = 15
GIBIBYTE = 1 << 30


def parvis(command: str, data: Path, *options: str) -> str:
    """Runs a command of ./parvis; what it printed. Raises RuntimeError when it failed."""
    done = subprocess.run(
        [str(ROOT / "parvis"), command, "--data", str(data), *options], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"./parvis {command} ended with status {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def start_seconds(data: Path) -> float:
    """How long a warm start takes, from the command to its return."""
    parvis("down", data)
    wait_for_quiet(10)
    started = time.perf_counter()
    parvis("up", data, "--detach")
    return time.perf_counter() - started


def main() -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory(prefix="parvis-bench-", ignore_cleanup_errors=True) as folder:
        data = Path(folder)
        data.chmod(0o755)  # PostgreSQL's account must reach its folder when this runs as root
        try:
            console.print("first start, with the demonstration (not measured)", style="dim")
            parvis("up", data, "--detach", "--port", str(free_base()))
            starts = [start_seconds(data) for _ in range(STARTS)]
            time.sleep(SETTLED)
            parts = json.loads(parvis("status", data, "--json"))["parts"]
            plain = resident_bytes(Suite(data))
        finally:
            parvis("down", data)
    shares = sum(part["rss_bytes"] for part in parts)
    largest = sorted(parts, key=lambda part: -part["rss_bytes"])[:6]
    by_part = ", ".join(f"{part['name']} {part['rss_bytes'] >> 20}" for part in largest)
    show(
        "The suite on this machine",
        [
            Figure(f"warm ./parvis up, median of {STARTS}", median(starts), "s", at_most=15),
            Figure("idle suite, shared pages counted once", shares / GIBIBYTE, "GiB", at_most=1.5),
            Figure("idle suite, plain sum of resident sizes", plain / GIBIBYTE, "GiB"),
        ],
        f"starts: {', '.join(f'{each:.1f} s' for each in starts)}",
        f"largest parts, MiB: {by_part}",
    )


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        console.print(f"Not measured: {error}", style="red", markup=False)
        sys.exit(1)
