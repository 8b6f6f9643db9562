"""The machine that figures come from, and what a suite's processes have used of it."""

import asyncio
import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

import psutil

#: Whether less is measured: `./parvis bench --short`.
SHORT = os.environ.get("PARVIS_BENCH_SHORT") == "1"
#: Load (processes that want a core, per core) above which other work would speak in the figures.
QUIET = 0.6
#: Cores that others may use in a round that counts.
BYSTANDERS = 0.3
#: Rounds are made again until enough were quiet, this many times as many at most.
MOST_TURNS = 1 if SHORT else 3
Round = TypeVar("Round")
median = statistics.median


def describe() -> str:
    """Cores, processor, memory, Python, and how busy the machine is."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores, {model}, {memory:.0f} GiB, Python {platform.python_version()}, load {load():.1f}"


def load() -> float:
    """Processes that wanted a core in the last minute, ours among them."""
    return os.getloadavg()[0]


def sized(whole: int, short: int) -> int:
    """How many: as many as figures need that are compared, or as few as show that the bench works."""
    return short if SHORT else whole


def wait_for_quiet(patience: float = 30.0) -> None:
    """Returns when nobody else works, or after `patience` seconds: figures are then of a machine that is shared."""
    deadline = time.monotonic() + (2 if SHORT else patience)
    while psutil.cpu_percent(interval=1.0) / 100 > QUIET / 2 and time.monotonic() < deadline:
        pass


class Watch:
    """How many cores others used while a block ran: `own` says what our processes have used, in seconds."""

    def __init__(self, own: Callable[[], float]) -> None:
        self._own = own
        self.others = 0.0

    def __enter__(self) -> Self:
        self._started, self._others = time.perf_counter(), _busy() - self._own() - own_seconds()
        return self

    def __exit__(self, *_: object) -> None:
        seconds = time.perf_counter() - self._started
        self.others = max(0.0, (_busy() - self._own() - own_seconds() - self._others) / seconds)


def own_seconds() -> float:
    """Seconds of CPU that this process and those that it started and waited for have used."""
    return sum(os.times()[:4])


def _busy() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)


async def quietest(turn: Callable[[int], Awaitable[tuple[Watch, Round]]], wanted: int) -> tuple[list[Round], str]:
    """The rounds to report, and a sentence about them: `wanted` in which others used little, else the quietest of some.

    `turn` makes one round, with its number, and says what others did meanwhile.
    """
    made: list[tuple[float, Round]] = []
    while len(made) < MOST_TURNS * wanted and sum(others <= BYSTANDERS for others, _ in made) < wanted:
        await asyncio.to_thread(wait_for_quiet, 5)
        watch, result = await turn(len(made))
        made.append((watch.others, result))
    chosen = sorted(made, key=lambda each: each[0])[:wanted]
    others = median(each[0] for each in chosen)
    note = f"the {len(chosen)} quietest of {len(made)} rounds: others used {others:.2f} of {os.cpu_count()} cores"
    return [each[1] for each in chosen], note


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
