"""The machine that figures come from, and what a suite's processes have used of it."""

import os
import platform
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

#: Load (processes that want a core, per core) above which other work would speak in the figures.
QUIET = 0.6


def describe() -> str:
    """Cores, processor, memory, Python, and how busy the machine is."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores, {model}, {memory:.0f} GiB, Python {platform.python_version()},"
        f" load {os.getloadavg()[0]:.1f}"
    )


def wait_for_quiet(patience: float = 30.0) -> None:
    """Returns when nobody else works, or after `patience` seconds: figures are then of a machine that is shared."""
    deadline = time.monotonic() + patience
    while psutil.cpu_percent(interval=1.0) / 100 > QUIET / 2 and time.monotonic() < deadline:
        pass


def cpu_seconds(supervisor: int, parts: dict[int, str]) -> dict[str, float]:
    """Seconds of CPU that the processes below the supervisor have used, by part (`parts`: process id → name).

    Children that have ended count with their parent, so a difference of two readings misses nothing.
    """
    used: dict[str, float] = {}

    def add(process: psutil.Process, part: str) -> None:
        part = parts.get(process.pid, part)
        try:
            times = process.cpu_times()
            children = process.children()
        except psutil.NoSuchProcess:
            return
        used[part] = used.get(part, 0.0) + sum((times.user, times.system, times.children_user, times.children_system))
        for child in children:
            add(child, part)

    add(psutil.Process(supervisor), "supervisor")
    return used


def plain_resident_bytes(supervisor: int) -> int:
    """Resident memory of the supervisor and all below it, pages that several share counted for each."""
    family = [psutil.Process(supervisor), *psutil.Process(supervisor).children(recursive=True)]
    return sum(process.memory_info().rss for process in family)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


median = statistics.median
