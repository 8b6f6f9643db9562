"""What a running suite says about itself: a file that the supervisor replaces at each change, and a lock that it
holds as long as it lives. `status`, `down`, `logs` and a second `up` need nothing else.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from parvis_local.layout import Layout
from parvis_local.processes import birth, is_alive

Phase = Literal["starting", "demonstration", "running", "stopping", "stopped", "failed"]
Progress = Literal["waiting", "preparing", "starting", "healthy", "restarting", "failed", "stopping", "stopped"]


class AlreadyRunning(Exception):
    """Another supervisor holds this data folder."""


@dataclass(slots=True)
class PartState:
    """One part as the supervisor sees it."""

    name: str
    kind: str
    title: str
    address: str
    progress: Progress = "waiting"
    pid: int | None = None
    born: str = ""  # tells the process from a later one with the same number
    restarts: int = 0
    note: str = ""  # why it is not healthy


@dataclass(slots=True)
class SuiteState:
    """The whole suite."""

    port: int
    demo: bool
    supervisor: int = field(default_factory=os.getpid)
    phase: Phase = "starting"
    note: str = ""  # what the demonstration is loading; why the suite failed
    failed_part: str = ""
    log_end: list[str] = field(default_factory=list)  # of the part that failed
    parts: list[PartState] = field(default_factory=list)

    def write(self, layout: Layout) -> None:
        partial = layout.state.with_suffix(".new")
        partial.write_text(json.dumps(asdict(self), indent=1))
        partial.replace(layout.state)

    def note_process(self, part: PartState, pid: int) -> None:
        part.pid, part.born = pid, birth(pid)


def read(layout: Layout) -> SuiteState | None:
    """The last state written, also of a suite that has ended; None when there never was one, or the file is damaged.

    Another release may have written it: what this one does not know is left out.
    """
    try:
        kept = json.loads(layout.state.read_text())
        parts = [PartState(**_known(PartState, part)) for part in kept["parts"]]
        return SuiteState(**_known(SuiteState, kept) | {"parts": parts})
    except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _known(kind: type[PartState | SuiteState], told: dict[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(kind)}
    return {name: value for name, value in told.items() if name in names}


def processes_left(state: SuiteState) -> list[tuple[str, int, str]]:
    """Recorded processes (name, pid, birth) that still run."""
    return [
        (part.name, part.pid, part.born)
        for part in state.parts
        if part.pid is not None and is_alive(part.pid, part.born)
    ]


@contextmanager
def hold(layout: Layout) -> Iterator[None]:
    """Makes this process the supervisor of the data folder; raises AlreadyRunning when there is one.

    The kernel drops the lock when the process dies, however it dies.
    """
    with layout.lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise AlreadyRunning(str(layout.data)) from taken
        yield


def is_held(layout: Layout) -> bool:
    """Whether a supervisor runs on this data folder."""
    try:
        with layout.lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
