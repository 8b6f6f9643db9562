"""A second replica of a service beside a suite, of this release or of another one: how a service is upgraded.

with Suite(data, replicas=True) as suite, Replica(suite, "billing") as second:
    suite.kill("billing", signal.SIGTERM)  # leaves without a call that fails; the supervisor starts it again
"""

import asyncio
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from parvis_local.catalogue import machine
from parvis_local.environment import service_environment
from parvis_local.layout import ROOT, python_of
from parvis_local.parts import NotHealthy, http_ok
from parvis_local.ports import BESIDE
from parvis_local.suite import Suite, SuiteFailed

PATIENCE = 300.0  # seconds to become healthy: nearly all imports, which a busy machine makes slow

GATEWAY_WAITS = 3.0  # seconds for an answer about health: gateway/traefik/dynamic/portal.yml


class Replica:
    """One process. `tree` is the working tree of the release that it runs, with its contracts generated
    (`python protos/hatch_build.py`); `told` are further variables of its environment.
    """

    def __init__(
        self, suite: Suite, service: str, *, tree: Path = ROOT, told: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.service = service
        self._suite = suite
        self._tree = tree
        self._told = told
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and does not wait; whoever calls the service finds it once it is healthy."""
        suite = self._suite
        told = service_environment(self.service, suite.layout, suite.ports, suite.credentials, host=BESIDE) | machine()
        with suite.layout.log(f"{self.service}-beside").open("ab") as log:
            self._process = subprocess.Popen(
                [python_of(self._tree), "-m", f"parvis_{self.service}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=told, cwd=suite.layout.data,
            )  # fmt: skip

    def wait_healthy(self) -> None:
        """Returns once it answers. Raises SuiteFailed when it ended, or does not come."""
        deadline = time.monotonic() + PATIENCE
        while self._process is not None and self._process.poll() is None and time.monotonic() < deadline:
            try:
                asyncio.run(http_ok(self._suite.ports.http(self.service), "/health/ready", host=BESIDE))
            except (NotHealthy, OSError):
                time.sleep(0.1)
            else:
                return
        log = self._suite.layout.log(f"{self.service}-beside").read_text()[-2000:]
        raise SuiteFailed(f"The second replica of {self.service} is not healthy:\n{log}")

    def stop(self) -> int:
        """Asks it to leave, and waits until it has: its exit status."""
        if self._process is None:
            return 0
        self._process.terminate()
        status = self._process.wait(60)
        self._process = None
        return status

    def __enter__(self) -> Self:
        self.start()
        self.wait_healthy()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def settle(suite: Suite, service: str, seconds: float, *, host: str = BESIDE) -> None:
    """Returns once a replica has been healthy for so long without a break: callers and the gateway have found it then.
    One that was healthy for a moment may be taken for dead in the next, while it warms up on a busy machine.
    """
    give_up, since = time.monotonic() + PATIENCE, time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(0.5)
        asked = time.monotonic()
        if asked > give_up:
            raise SuiteFailed(f"{service} at {host} is not healthy for {seconds:g} s on end.")
        try:
            asyncio.run(http_ok(suite.ports.http(service), "/health/ready", host=host))
        except (NotHealthy, OSError):
            since = time.monotonic()
        if time.monotonic() - asked > GATEWAY_WAITS:
            since = time.monotonic()
