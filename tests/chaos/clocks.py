"""A replica whose clock is set while it works: `clock.c` is loaded before it (LD_PRELOAD), adds what a file says.

Replicas are forked from one process that has imported the services, as those of the suite are.
"""

import asyncio
import os
import shutil
import signal
import struct
import subprocess
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from parvis_local.catalogue import MODULES, machine
from parvis_local.environment import service_environment
from parvis_local.forking import Zygote
from parvis_local.parts import NotHealthy, http_ok
from parvis_local.ports import BESIDE, SERVICES
from parvis_local.processes import send

SOURCE = Path(__file__).with_name("clock.c")
#: Seconds to become healthy, and to leave.
PATIENCE = 120.0
_SECONDS = struct.Struct("l")


def can_be_had():
    """Whether this machine has a C compiler."""
    return shutil.which("cc") is not None and Path("/proc").exists()


class Clock:
    """Of one replica at a time; made in a folder of its own."""

    def __init__(self, folder):
        self._library, self._file = folder / "clock.so", folder / "clock"
        self._file.write_bytes(_SECONDS.pack(0))
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", self._library, SOURCE, "-ldl"], check=True)
        self._zygote, self._process = Zygote(), None

    async def close(self):
        """Ends what replicas are forked from."""
        if self._process is not None:
            send(self._process.pid, signal.SIGKILL)
            await self._process.wait()

    @asynccontextmanager
    async def beside(self, suite, service):
        """Another replica of the service, with this clock."""
        self.set(0)
        if self._process is None:
            told = {"LD_PRELOAD": str(self._library), "PARVIS_CLOCK": str(self._file), "MALLOC_ARENA_MAX": "2"}
            modules = [MODULES[each] for each in SERVICES]
            self._process = await self._zygote.spawn(modules, suite.layout.log("zygote-beside"), machine() | told)
        told = service_environment(service, suite.layout, suite.ports, suite.credentials, host=BESIDE) | machine()
        told["PARVIS_DRAIN_SECONDS"] = "2"
        log = suite.layout.log(f"{service}-beside")
        async with asyncio.timeout(PATIENCE):
            process = await self._zygote.fork(MODULES[service], [], told, log)
        try:
            await self._healthy(suite.ports.http(service))
            yield
        finally:
            send(process.pid, signal.SIGTERM)
            async with asyncio.timeout(PATIENCE):
                await process.wait()

    async def _healthy(self, port):
        async with asyncio.timeout(PATIENCE):
            while True:
                with suppress(NotHealthy, OSError):
                    await http_ok(port, "/health/ready", host=BESIDE)
                    return
                await asyncio.sleep(0.1)

    def set(self, seconds):
        """So many seconds before (negative: behind) the clock of everybody else, from now on."""
        file = os.open(self._file, os.O_WRONLY)
        try:
            os.pwrite(file, _SECONDS.pack(seconds), 0)
        finally:
            os.close(file)
