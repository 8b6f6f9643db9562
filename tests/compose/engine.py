"""A container engine for the tests: one that runs, or Debian's own, installed and started.

`python tests/compose/engine.py` makes it ready with the images that deploy/Dockerfile and docker-compose.yml start
from (standins.py), and says so. It ends with status 3 and the reason where no engine can be had.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from parvis_local.browser import install_system_packages

#: Where an engine that we start keeps its images, so that a second run is quick.
DATA = Path("/var/lib/parvis/engine")
PACKAGES = {"dockerd": "docker.io", "docker-compose": "docker-compose", "debootstrap": "debootstrap"}
NOT_TO_BE_HAD = 3  # exit status
PATIENCE = 40.0  # seconds until a fresh engine answers
#: Where the kernel has cgroups v1, all containers together weigh as much as one process beside them: this many times as
#: much makes them sixteen.
SHARES = Path("/sys/fs/cgroup/cpu/docker/cpu.shares")
TOGETHER = 16 * 1024


class NoEngine(Exception):
    """There is no container engine here. The message says why, for the person who asked for these tests."""


@dataclass(slots=True)
class Engine:
    """An engine that answers. `compose` is the command line before the sub-command."""

    compose: tuple[str, ...]
    daemon: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def stop(self) -> None:
        """Ends what we started; an engine that was there before stays."""
        if self.daemon:
            self.daemon.terminate()
            self.daemon.wait(30)


def docker(*arguments: str, check: bool = True, **options: object) -> subprocess.CompletedProcess[str]:
    """`docker …`; RuntimeError with its own words when it fails."""
    return _run(["docker", *arguments], check=check, **options)


@contextmanager
def engine() -> Iterator[Engine]:
    """An engine for the block. NoEngine where there can be none."""
    found = start()
    try:
        yield found
    finally:
        found.stop()


def start() -> Engine:
    """The engine of this machine, or one that is installed and started now."""
    daemon = None
    if not answers():
        _install(("dockerd", "docker-compose", "debootstrap"))
        daemon = _start_daemon()
    compose = find_compose()
    if compose is None:
        _install(("docker-compose",))
        compose = find_compose()
    if compose is None:
        raise NoEngine("an engine runs, but there is neither `docker compose` nor `docker-compose`")
    return Engine(compose, daemon)


def answers() -> bool:
    """Whether an engine runs and may be used by us."""
    return shutil.which("docker") is not None and _run(["docker", "info"], check=False).returncode == 0


def find_compose() -> tuple[str, ...] | None:
    """`docker compose`, or the older program of its own."""
    for command in (("docker", "compose"), ("docker-compose",)):
        if shutil.which(command[0]) and _run([*command, "version"], check=False).returncode == 0:
            return command
    return None


def need(program: str) -> None:
    """Installs a program that is missing, or raises NoEngine."""
    _install((program,))


def _install(programs: Sequence[str]) -> None:
    # Debian keeps some of them in /usr/sbin, which is not on everybody's path.
    there = {name for name in programs if shutil.which(name) or shutil.which(f"/usr/sbin/{name}")}
    missing = tuple(PACKAGES[name] for name in programs if name not in there)
    if missing and (reason := install_system_packages(missing)):
        raise NoEngine(f"{', '.join(missing)} cannot be installed: {reason}")


def _start_daemon() -> subprocess.Popen[bytes]:
    if os.geteuid() != 0:
        raise NoEngine("no container engine runs, and only root may start one")
    DATA.mkdir(parents=True, exist_ok=True)
    log = DATA / "engine.log"
    with log.open("wb") as file:
        daemon = subprocess.Popen(
            [
                shutil.which("dockerd") or "/usr/sbin/dockerd",
                f"--data-root={DATA / 'data'}",
                f"--exec-root={DATA / 'run'}",
                f"--pidfile={DATA / 'pid'}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    give_up = time.monotonic() + PATIENCE
    _weigh()
    while not answers():
        if daemon.poll() is not None or time.monotonic() > give_up:
            daemon.kill()
            daemon.wait()
            raise NoEngine(f"dockerd does not start here: {_last_words(log)}")
        time.sleep(0.3)
    return daemon


def _weigh(file: Path = SHARES) -> None:
    """Gives the containers of an engine of ours their part of the processor beside browsers and tests. Elsewhere than
    under cgroups v1 there is nothing to do: a group there weighs by itself.
    """
    if not (file.parents[1] / "cpu.shares").exists():
        return
    with suppress(OSError):
        file.parent.mkdir(exist_ok=True)
        file.write_text(str(TOGETHER))


def _last_words(log: Path) -> str:
    """The sentence with which the daemon gave up."""
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    failed = [line for line in lines if "failed to start daemon" in line or "ermission denied" in line]
    return (failed or lines or ["it wrote nothing"])[-1].strip()[-600:]


def _run(command: Sequence[str], *, check: bool, **options: object) -> subprocess.CompletedProcess[str]:
    finished: subprocess.CompletedProcess[str] = subprocess.run(  # type: ignore[call-overload]  # options as they come
        command, capture_output=True, text=True, check=False, **options
    )
    if check and finished.returncode != 0:
        words = (finished.stderr or finished.stdout).strip()[-2000:]
        raise RuntimeError(f"`{' '.join(command)}` ended with status {finished.returncode}: {words}")
    return finished


def main() -> int:
    """Makes everything ready that can be made ready before the tests."""
    sys.path.insert(0, str(Path(__file__).parent))
    import standins  # it imports this module

    try:
        found = start()
        standins.make_all(print)
    except NoEngine as error:
        print(error, file=sys.stderr)
        return NOT_TO_BE_HAD
    print(f"The container engine is ready: {' '.join(found.compose)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
