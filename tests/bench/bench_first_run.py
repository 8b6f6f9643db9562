"""The first `./parvis up` of a fresh clone: environment made, packages installed from the cache, demonstration loaded.

What was not committed is not in the clone. The packages come from uv's and pip's caches where they are there already.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report import Figure, console, show

from parvis_local.layout import ROOT
from parvis_local.ports import free_base


def run(*command: str, folder: Path) -> list[tuple[float, str]]:
    """Runs a command; what it wrote, each line with the seconds at which it came. Raises RuntimeError."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = [(time.perf_counter() - started, line.rstrip()) for line in process.stdout]
    if process.wait():
        raise RuntimeError("\n".join(line for _, line in lines[-30:]))
    lines.append((time.perf_counter() - started, ""))
    return lines


def main() -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory(prefix="parvis-clone-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # PostgreSQL's account must reach the clone when this runs as root
        clone = Path(folder) / "parvis"
        run("git", "clone", "--quiet", str(ROOT), str(clone), folder=Path(folder))
        try:
            lines = run("./parvis", "up", "--detach", "--port", str(free_base()), folder=clone)
        finally:
            subprocess.run(["./parvis", "down"], cwd=clone, capture_output=True, check=False)
    steps = [
        f"{at:5.1f} s  {line}" for at, line in lines if "installing" in line or "making" in line or "ready" in line
    ]
    show(
        "The first ./parvis up of a fresh clone, packages in the cache",
        [Figure("until all is healthy and the demonstration loaded", lines[-1][0], "s", at_most=90)],
        *steps,
    )


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, subprocess.CalledProcessError) as error:
        console.print(f"Not measured: {error}", style="red", markup=False)
        sys.exit(1)
