"""Processes that the supervisor starts, watches and ends; and those that an earlier supervisor left behind."""

import asyncio
import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PR_SET_PDEATHSIG = 1
# Loaded before any fork: nothing may be imported between fork and exec.
_libc = ctypes.CDLL(None, use_errno=True)
LINUX = Path("/proc/self/stat").exists()


class Process(Protocol):
    """A running process, whoever is its parent."""

    @property
    def pid(self) -> int: ...

    async def wait(self) -> int:
        """The exit status; negative for the signal that ended it."""
        ...


@dataclass(frozen=True, slots=True)
class Program:
    """What to execute: an absolute path and arguments, nothing through a shell."""

    command: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    folder: Path | None = None
    user: pwd.struct_passwd | None = None
    on_parent_death: signal.Signals = signal.SIGKILL


class Spawned:
    """A child of this process, leader of a session of its own so that Ctrl-C in the terminal does not reach it."""

    def __init__(self, program: Program, *, pass_descriptors: Sequence[int] = ()) -> None:
        with program.log.open("ab") as log:
            user = program.user
            self._popen = subprocess.Popen(
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(program.environment),
                cwd=program.folder,
                start_new_session=True,
                user=user.pw_uid if user else None,
                group=user.pw_gid if user else None,
                extra_groups=[] if user else None,
                pass_fds=pass_descriptors,
                preexec_fn=lambda: end_with_parent(program.on_parent_death),  # noqa: PLW1509 - one system call
            )
        self._ended: asyncio.Future[int] | None = None

    @property
    def pid(self) -> int:
        return self._popen.pid

    async def wait(self) -> int:
        while (status := self._popen.poll()) is None:
            await _until_end(self.pid)
        return status


async def _until_end(pid: int) -> None:
    """Returns when the process has ended, at once where the kernel tells (pidfd), else within 50 ms."""
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):
        await asyncio.sleep(0.05)
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def end_with_parent(number: signal.Signals) -> None:
    """Asks the kernel to send the signal when the parent dies, however it dies. Linux only; elsewhere the next
    `up` ends what was left behind.
    """
    if LINUX:
        _libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)


def send(pid: int, number: signal.Signals) -> None:
    """Sends a signal to the process, or does nothing when it has ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def send_to_group(pid: int, number: signal.Signals) -> None:
    """Sends a signal to the process and its own children (it leads a process group)."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def birth(pid: int) -> str:
    """Tells one process from a later one with the same number: its start time as the system counts it, or ''."""
    if LINUX:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] == "Z" else fields[19]
    answer = subprocess.run(["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def is_alive(pid: int, born: str) -> bool:
    """Whether that very process still runs (a zombie does not)."""
    return born != "" and birth(pid) == born


def end_leftovers(recorded: Sequence[tuple[str, int, str]], *, patience: float = 10.0) -> list[str]:
    """Ends processes (name, pid, birth) that outlived a supervisor which was killed; returns the names of those.

    They are asked first (SIGINT is a fast shutdown for PostgreSQL and a stop for all others) and killed after
    `patience` seconds.
    """
    alive = [(name, pid, born) for name, pid, born in recorded if is_alive(pid, born)]
    for _, pid, _ in alive:
        send(pid, signal.SIGINT)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and any(is_alive(pid, born) for _, pid, born in alive):
        time.sleep(0.05)
    for _, pid, born in alive:
        if is_alive(pid, born):
            send_to_group(pid, signal.SIGKILL)
    return [name for name, _, _ in alive]


def resident_bytes(pid: int, *, others: Collection[int] = ()) -> int:
    """Memory of the process and its descendants in bytes, each shared page counted in equal shares (PSS).

    Forked services share most of their pages, and PostgreSQL's processes their buffers: adding up plain resident
    sizes would count them many times. Where the kernel does not tell, it is the plain resident size. `others` are
    parts of their own, which the zygote has among its descendants.
    """
    return sum(_memory(each) for each in _family(pid, frozenset(others) - {pid}))


def _family(pid: int, others: frozenset[int]) -> list[int]:
    """The process and all below it, without the others and what is below them."""
    found, todo = [], [pid]
    while todo:
        current = todo.pop()
        if current in others:
            continue
        try:
            children = Path(f"/proc/{current}/task/{current}/children").read_text()
        except OSError:
            children = ""
        found.append(current)
        todo.extend(int(child) for child in children.split())
    return found


def _memory(pid: int) -> int:
    for file, field in ((f"/proc/{pid}/smaps_rollup", "Pss:"), (f"/proc/{pid}/status", "VmRSS:")):
        try:
            for line in Path(file).read_text().splitlines():
                if line.startswith(field):
                    return int(line.split()[1]) * 1024
        except OSError:
            continue
    return 0
