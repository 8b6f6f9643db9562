"""The supervisor's side of the zygote: asks it for processes and hears when they end."""

import asyncio
import itertools
import json
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from parvis_local.processes import Program, Spawned, send


class CannotStart(Exception):
    """A service could not even be imported; the message is Python's traceback."""


class Forked:
    """A process whose parent is the zygote."""

    def __init__(self, pid: int, ended: "asyncio.Future[int]") -> None:
        self._pid, self._ended = pid, ended

    @property
    def pid(self) -> int:
        return self._pid

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)


class Zygote:
    """One generation of the zygote. When it dies its children die with it, and a new one is made."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Forked]] = {}
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self.imported = asyncio.Event()

    async def spawn(self, modules: Sequence[str], log: Path, environment: Mapping[str, str]) -> Spawned:
        """Starts the process; `imported` is set once it is ready to fork."""
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "parvis_local.zygote", str(theirs.fileno()), *modules]
        process = Spawned(Program(command, log, environment), pass_descriptors=[theirs.fileno()])
        theirs.close()
        self.imported.clear()
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=2**20)
        self._reading = asyncio.create_task(self._read(reader))
        return process

    async def fork(self, module: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Forked:
        """A new process that runs `module.main(arguments)`; CannotStart when the module cannot be imported."""
        await self.imported.wait()
        if self._writer is None:
            raise CannotStart("The zygote does not run.")
        number = next(self._numbers)
        answer: asyncio.Future[Forked] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        request = {
            "start": number,
            "module": module,
            "arguments": list(arguments),
            "environment": dict(environment),
            "log": str(log),
        }
        self._writer.write(json.dumps(request).encode() + b"\n")
        return await answer

    def _future_of(self, pid: int) -> "asyncio.Future[int]":
        if pid not in self._ended:
            self._ended[pid] = asyncio.get_running_loop().create_future()
        return self._ended[pid]

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                self._hear(json.loads(line))
        except ConnectionError:
            pass  # it was killed: as an ordinary end
        self._writer = None
        self.imported.clear()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(CannotStart("The zygote ended while it was asked to start a service."))
        for ended in self._ended.values():
            if not ended.done():
                ended.set_result(-9)
        self._answers.clear()
        self._ended.clear()

    def _hear(self, message: Mapping[str, object]) -> None:
        match message:
            case {"imported": _}:
                self.imported.set()
            case {"started": int(number), "pid": int(pid)}:
                started, answer = Forked(pid, self._future_of(pid)), self._answers.pop(number)
                if answer.cancelled():  # the suite is stopping: nobody waits for this one any more
                    send(pid, signal.SIGKILL)
                else:
                    answer.set_result(started)
            case {"failed": int(number), "error": str(error)}:
                if not (answer := self._answers.pop(number)).cancelled():
                    answer.set_exception(CannotStart(error))
            case {"exited": int(pid), "status": int(status)}:
                ended = self._future_of(pid)
                ended.set_result(status)
                del self._ended[pid]
            case _:
                raise ValueError(f"The zygote said something unknown: {message}")
