"""One core for identity and PostgreSQL, another for whoever asks: what is measured then is what one core does."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from stage import running_state

from parvis_local.suite import Suite

MEASURED = ("identity", "postgres")


@contextmanager
def one_core(suite: Suite) -> Iterator[int]:
    """Inside, identity and PostgreSQL share one core, which is yielded, and this process has the others, with what it
    starts. Where the system cannot do that (macOS) or there is one core, nothing is moved.
    """
    if not hasattr(os, "sched_setaffinity") or len(cores := sorted(os.sched_getaffinity(0))) == 1:
        yield 0
        return
    state = running_state(suite)
    parts = [part.pid for part in state.parts if part.name in MEASURED and part.pid]
    try:
        for pid in parts:
            keep(pid, {cores[0]})
        keep(os.getpid(), set(cores[1:]))
        yield cores[0]
    finally:
        for pid in (*parts, os.getpid()):
            keep(pid, set(cores))


def keep(pid: int, cores: set[int]) -> None:
    """A process, all its threads and children, and whatever they start, on these cores."""
    with suppress(psutil.NoSuchProcess):
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            for thread in Path(f"/proc/{process.pid}/task").iterdir():
                with suppress(OSError):
                    os.sched_setaffinity(int(thread.name), cores)
