"""Starts the parts in the order of their needs, keeps them running, stops them in reverse order."""

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from parvis_local.forking import CannotStart
from parvis_local.parts import Failure, Part, is_healthy
from parvis_local.processes import Process, send, send_to_group
from parvis_local.state import PartState, SuiteState

log = logging.getLogger("parvis.supervisor")

# Seconds before a dead part is started again: the first time nearly at once, then longer and longer.
PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
STEADY_AFTER = 10.0  # seconds of life after which a death counts as a first one
FIRST_ATTEMPTS = 2  # a part that dies this often before it was ever healthy has failed
PROBE_PAUSE = 0.05
LOG_LINES = 25


class Supervisor:
    """Runs parts; `changed` is called whenever their state has changed."""

    def __init__(
        self, parts: Sequence[Part], state: SuiteState, logs: Callable[[str], Path], changed: Callable[[], None]
    ) -> None:
        self._parts = {part.name: part for part in parts}
        self._logs = logs
        self._changed = changed
        self._states = {part.name: PartState(part.name, part.kind, part.title, part.address) for part in parts}
        state.parts = list(self._states.values())
        self._state = state
        self._ready = {part.name: asyncio.Event() for part in parts}
        self._processes: dict[str, Process] = {}
        self._watches: dict[str, asyncio.Task[None]] = {}
        self._failure: Failure | None = None  # the first one
        self._failed = asyncio.Event()

    async def start(self) -> None:
        """Returns when every part is healthy; raises Failure for the first that does not get there."""
        for name, part in self._parts.items():
            self._watches[name] = asyncio.create_task(self._watch(part), name=name)
        all_ready = asyncio.create_task(self._all_ready())
        failed = asyncio.create_task(self._failed.wait())
        await asyncio.wait([all_ready, failed], return_when=asyncio.FIRST_COMPLETED)
        for task in (all_ready, failed):
            task.cancel()
        if self._failure:
            raise self._failure

    async def _all_ready(self) -> None:
        for ready in self._ready.values():
            await ready.wait()

    async def stop(self) -> None:
        """Stops what runs, those that need others first, each asked and after its grace killed."""
        for group in reversed(in_order(list(self._parts.values()))):
            await asyncio.gather(*(self._stop(part) for part in group))

    async def _stop(self, part: Part) -> None:
        state = self._states[part.name]
        if watch := self._watches.get(part.name):
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        if process := self._processes.pop(part.name, None):
            self._show(state, "stopping")
            await end(process, part.stop_signal, part.grace)
        self._ready[part.name].clear()
        state.pid, state.born = None, ""
        self._show(state, "stopped")

    async def _watch(self, part: Part) -> None:
        """The life of one part: wait, prepare, then start it again whenever it ends."""
        state = self._states[part.name]
        try:
            for needed in part.after:
                await self._ready[needed].wait()
            self._show(state, "preparing")
            await part.prepare()
            deaths = 0
            while True:
                began = time.monotonic()
                status = await self._live_once(part, state)
                deaths = 1 if time.monotonic() - began > STEADY_AFTER else deaths + 1
                if not self._ready[part.name].is_set() and deaths >= FIRST_ATTEMPTS:
                    reason = f"{part.title} ended with {described(status)} before it was healthy"
                    self._fail(Failure(part.name, reason))
                    return
                pause = PAUSES[min(deaths, len(PAUSES)) - 1]
                log.warning("%s ended with %s; again in %.1f s", part.name, described(status), pause)
                state.restarts += 1
                state.pid, state.born = None, ""
                self._show(state, "restarting", f"ended with {described(status)}")
                await asyncio.sleep(pause)
        except Failure as failure:
            self._fail(failure)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("%s failed", part.name)
            self._fail(Failure(part.name, f"{part.title}: {error}"))

    async def _live_once(self, part: Part, state: PartState) -> int:
        """One life of the part; returns its exit status."""
        self._show(state, "starting", state.note)
        try:
            process = await part.start()
        except CannotStart as error:
            if self._ready[part.name].is_set():
                await asyncio.sleep(0.2)  # the zygote is being made again
                return -signal.SIGKILL
            raise Failure(part.name, f"{part.title} cannot be started", str(error).splitlines()[-LOG_LINES:]) from error
        self._processes[part.name] = process
        self._state.note_process(state, process.pid)
        self._changed()
        ended = asyncio.create_task(process.wait())
        healthy = asyncio.create_task(self._until_healthy(part, state))
        try:
            await asyncio.wait([ended, healthy], return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                if reason := healthy.result():
                    if not self._ready[part.name].is_set():
                        raise Failure(part.name, f"{part.title} runs but is not healthy: {reason}")
                    log.error("%s is not healthy after %g s and is started again: %s", part.name, part.patience, reason)
                    await end(process, part.stop_signal, part.grace)
                elif not self._ready[part.name].is_set():
                    await part.settle()
                    self._ready[part.name].set()
                    self._show(state, "healthy")
                else:
                    self._show(state, "healthy")
            status = await ended
            self._processes.pop(part.name, None)
            return status
        finally:
            ended.cancel()
            healthy.cancel()

    async def _until_healthy(self, part: Part, state: PartState) -> str:
        """'' once it is healthy, or the last reason when its patience is over."""
        deadline = time.monotonic() + part.patience
        while reason := await is_healthy(part):
            if time.monotonic() > deadline:
                return reason
            if reason != state.note:
                state.note = reason
                self._changed()
            await asyncio.sleep(PROBE_PAUSE)
        return ""

    def _fail(self, failure: Failure) -> None:
        if failure.log_end:  # words that are in no log yet
            with self._logs(failure.part).open("a") as file:
                file.write("\n".join(failure.log_end) + "\n")
        failure.log_end = tail(self._logs(failure.part), LOG_LINES)
        self._show(self._states[failure.part], "failed", failure.reason)
        self._failure = self._failure or failure
        self._failed.set()

    def _show(self, state: PartState, progress: str, note: str = "") -> None:
        state.progress, state.note = progress, note  # type: ignore[assignment]  # every caller passes a Progress
        self._changed()


def in_order(parts: Sequence[Part]) -> list[list[Part]]:
    """Groups of parts, each needing only those of earlier groups; ValueError for a circle."""
    left, groups, known = list(parts), [], set[str]()
    while left:
        group = [part for part in left if known.issuperset(part.after)]
        if not group:
            raise ValueError(f"These parts wait for each other or for nobody: {[part.name for part in left]}")
        groups.append(group)
        known |= {part.name for part in group}
        left = [part for part in left if part.name not in known]
    return groups


async def end(process: Process, number: signal.Signals, grace: float) -> None:
    """Asks a process to stop, waits, kills it and its children if it must."""
    send(process.pid, number)
    try:
        async with asyncio.timeout(grace):
            await process.wait()
    except TimeoutError:
        log.warning("process %d did not stop within %g s: killed", process.pid, grace)
        send_to_group(process.pid, signal.SIGKILL)
        await process.wait()
    send_to_group(process.pid, signal.SIGKILL)  # whatever of its group is left


def described(status: int) -> str:
    """An exit status in words."""
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"


def tail(file: Path, lines: int) -> list[str]:
    """The last lines of a file; none when it does not exist."""
    try:
        with file.open("rb") as log_file:
            log_file.seek(max(0, file.stat().st_size - 65536))
            return log_file.read().decode(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        return []
