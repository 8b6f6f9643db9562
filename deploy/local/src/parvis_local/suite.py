"""A suite as an object: for `./parvis up`, for tests and for benches.

with Suite(data=tmp_path, port=9100, demo=False) as suite:
    httpx.get(suite.addresses["portal"])
    suite.kill("billing")
    suite.wait_healthy()
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from parvis_local import credentials, demonstration, state
from parvis_local.ending import Refused
from parvis_local.environment import nats_url, service_environment, superuser_url
from parvis_local.layout import DEFAULT_DATA, DEFAULT_PORT, ROOT, Layout, python_of
from parvis_local.ports import Ports
from parvis_local.processes import send

ANOTHER_RUNS = 3  # exit status of a supervisor that found another one at work
PATIENCE = 300.0  # seconds: a first start on a slow machine, demonstration included


class SuiteFailed(Refused):
    """The suite did not start. The message names the part and ends with the end of its log."""


class Suite:
    """One suite: its folder, its ports, and the supervisor that runs it (a process of its own)."""

    def __init__(
        self,
        data: Path = DEFAULT_DATA,
        port: int | None = None,
        *,
        demo: bool = True,
        only: Sequence[str] = (),
        keep_going: bool = False,
        replicas: bool = False,
        tree: Path = ROOT,
    ) -> None:
        """`only`: names of parts to run, with all that they need (`["postgres", "nats"]`); no demonstration then.
        `replicas`: whether second ones of services may be started beside it (`replica.Replica`). `tree`: the working
        tree of the release that runs, with its `.venv`.

        Port and demonstration are decided at the first start of a data folder and remembered.
        """
        self.layout = Layout(data.resolve())
        kept = self._remembered()
        self.ports = Ports(port or kept.get("port") or DEFAULT_PORT, bool(kept.get("replicas", replicas)))
        self.demo = bool(kept.get("demo", demo))
        self._only = only
        self._keep_going = keep_going
        self._tree = tree
        self._supervisor: subprocess.Popen[bytes] | None = None

    def start(self, watch: Callable[[state.SuiteState], None] = lambda _: None) -> None:
        """Starts the suite and returns when all is healthy (and the demonstration loaded).

        A suite that already runs on this folder is found, whatever the port asked for. `watch` is called with each
        new state. Raises SuiteFailed.
        """
        self.begin()
        deadline = time.monotonic() + PATIENCE
        while True:
            if self._supervisor is None and not self.is_running():
                self.begin()  # the one that we followed has ended meanwhile
            current = self._current()
            if current:
                watch(current)
                if current.phase == "running":
                    return
                if current.phase == "failed":
                    if not self._keep_going:
                        self.wait_end()
                    raise SuiteFailed(explain(current, self.layout))
            if self._supervisor and self._supervisor.poll() not in {None, ANOTHER_RUNS}:
                raise SuiteFailed(explain(self._current(), self.layout))
            if time.monotonic() > deadline:
                raise SuiteFailed(f"The suite is not ready after {PATIENCE:g} s; ./parvis status says what waits.")
            time.sleep(0.05)

    def begin(self) -> None:
        """Starts the supervisor if none runs, and does not wait."""
        if self.find():
            return
        if self.layout.unfinished.exists() and not self._only:
            raise SuiteFailed(
                f"A restore into {self.layout.data} was cut off: half of it is there. Remove the folder, restore again."
            )
        self.layout.make()
        self._remember()
        command = [python_of(self._tree), "-m", "parvis_local.supervise", "--data", str(self.layout.data)]
        command += ["--port", str(self.ports.base), "--only", ",".join(self._only)]
        command += [] if self.demo and not self._only else ["--no-demo"]
        command += ["--replicas"] if self.ports.replicas else []
        command += ["--keep-going"] if self._keep_going else []
        with self.layout.log("suite").open("ab") as log:
            self._supervisor = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._tree, start_new_session=True
            )

    def _current(self) -> state.SuiteState | None:
        """The state of the supervisor that runs now, not of one before it."""
        current = self.state()
        if self._supervisor and self._supervisor.poll() != ANOTHER_RUNS:
            return current if current and current.supervisor == self._supervisor.pid else None
        return current

    def stop(self, *, patience: float = 60.0) -> bool:
        """Stops the suite and waits until everything has ended; False when none ran."""
        current = self.state()
        if not state.is_held(self.layout):
            return False
        if current is None:
            raise SuiteFailed(
                f"A suite runs on {self.layout.data}, but {self.layout.state} is damaged: nobody knows its process. "
                "End `python -m parvis_local.supervise` (kill -TERM), which stops everything."
            )
        send(current.supervisor, signal.SIGTERM)
        deadline = time.monotonic() + patience
        while state.is_held(self.layout):
            if time.monotonic() > deadline:
                send(current.supervisor, signal.SIGKILL)
            time.sleep(0.05)
        if self._supervisor:
            self._supervisor.wait()
            self._supervisor = None
        return True

    def find(self) -> bool:
        """Whether a suite runs on this folder; if so this object takes over its ports."""
        if not state.is_held(self.layout):
            return False
        if current := self.state():
            self.ports, self.demo = Ports(current.port, self.ports.replicas), current.demo
        return True

    def wait_end(self) -> None:
        """Returns when the suite has ended, whoever stopped it."""
        while state.is_held(self.layout):
            if self._supervisor:
                self._supervisor.poll()
            time.sleep(0.2)

    def state(self) -> state.SuiteState | None:
        """What the supervisor wrote last; None when this folder never had one."""
        return state.read(self.layout)

    def is_running(self) -> bool:
        """Whether a supervisor runs on this folder, healthy or not."""
        return state.is_held(self.layout)

    def pid(self, part: str) -> int:
        """The process of a part now; KeyError when there is no such part, LookupError when it does not run."""
        current = self.state()
        parts = {each.name: each for each in current.parts} if current else {}
        if (pid := parts[part].pid) is None:
            raise LookupError(f"{part} does not run at this moment.")
        return pid

    def kill(self, part: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Sends a signal to a part's process, as a chaos test does; returns its pid."""
        pid = self.pid(part)
        os.kill(pid, number)
        return pid

    def wait_healthy(self, *parts: str, after: int | None = None, patience: float = 60.0) -> None:
        """Waits until the parts (all of them by default) are healthy; `after` is a pid that must be gone first."""
        deadline = time.monotonic() + patience
        while True:
            current = self.state()
            chosen = [part for part in (current.parts if current else []) if not parts or part.name in parts]
            if chosen and all(part.progress == "healthy" and part.pid != after for part in chosen):
                return
            if time.monotonic() > deadline:
                late = [f"{part.name} {part.progress} {part.note}" for part in chosen if part.progress != "healthy"]
                raise SuiteFailed(f"Not healthy after {patience:g} s: {'; '.join(late)}")
            time.sleep(0.02)

    @property
    def addresses(self) -> dict[str, str]:
        """`portal`, `store`, `product`, `mail`."""
        return demonstration.addresses(self.ports)

    def environment(self, service: str) -> dict[str, str]:
        """The variables of a service or of `web`: its certificate, its database, its peers."""
        return service_environment(service, self.layout, self.ports, self.credentials)

    @property
    def context(self) -> demonstration.Context:
        """What the demonstration knows of this suite, for whoever goes on as its people."""
        return demonstration.Context(
            data=self.layout.data,
            addresses=self.addresses,
            environment=self.environment,
            setup_token=self.credentials.setup_token,
            logins_file=self.layout.demo_logins,
            product_file=self.layout.product_client,
            report=lambda _: None,
        )

    @property
    def credentials(self) -> credentials.Credentials:
        """All secrets of this suite."""
        self.layout.make()
        return credentials.load_or_make(self.layout)

    def superuser_url(self, service: str) -> str:
        """A service's database as PostgreSQL's superuser, for tests that look at everything."""
        return superuser_url(self.ports, self.credentials, f"parvis_{service}")

    @property
    def nats_url(self) -> str:
        return nats_url(self.ports, self.credentials)

    @property
    def setup_link(self) -> str:
        """The one link that makes the first administrator of an empty suite."""
        return f"{self.addresses['portal']}/setup?token={self.credentials.setup_token}"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _remembered(self) -> dict[str, int]:
        return self.layout.kept(self.layout.installation, "It holds the base port and whether there is a demonstration")

    def _remember(self) -> None:
        """The demonstration is a matter of the first whole start: an installation in use is never filled later."""
        if self._only:
            return
        kept = {"port": self.ports.base, "demo": self.demo, "replicas": self.ports.replicas}
        self.layout.installation.write_text(json.dumps(kept) + "\n")


def explain(current: state.SuiteState | None, layout: Layout) -> str:
    """Why the suite failed, for a person: the part, the reason, the end of its log, where the rest is. Where the part
    itself says why it does not start, nothing else is needed.
    """
    if current is None or not current.note:
        return f"The supervisor ended before it could say why. Its log: {layout.log('suite')}"
    own_words = [line for line in current.log_end if line.startswith(f"{current.failed_part} does not start: ")]
    lines = own_words[-1:] or [current.note, *(f"  | {line}" for line in current.log_end)]
    if current.failed_part:
        lines.append(f"The whole log: {layout.log(current.failed_part)}")
    return "\n".join(lines)
