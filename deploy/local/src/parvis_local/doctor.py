"""`./parvis doctor`: looks at this machine and at what runs, and says what is wrong and what to do.

The image of tools has it too (`docker compose run --rm tools doctor`): it looks at what runs only.
"""

import asyncio
import os
import platform
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from parvis_backup import outcome
from parvis_local import credentials, diagnosis, status
from parvis_local.backups import folder_of
from parvis_local.browser import find_browser
from parvis_local.catalogue import catalogue
from parvis_local.diagnosis import Finding
from parvis_local.layout import ROOT, VENV_BIN
from parvis_local.ports import HOST, PortInUse, check_free
from parvis_local.suite import Suite
from parvis_local.tools import OWN

#: Whether it is fine, what it is, what to do.
Fact = tuple[bool, str, str]
NEEDED_DISK = 2 * 2**30
NEEDED_MEMORY = 2 * 2**30


def examine(suite: Suite, backups: Path | None = None) -> int:
    """Prints one line per fact; returns 1 when something keeps the suite from running, or from running well."""
    facts = list(_facts(suite))
    if suite.is_running() and (current := suite.state()):
        parts = asyncio.run(status.collect(suite, current.parts))
        ill = [part for part in parts if not part["healthy"] and part["name"] not in diagnosis.PROCESSES]
        facts += [(False, f"{part['name']}: {part['note']}", f"./parvis logs {part['name']}") for part in ill]
        listening = {name: suite.environment(name)["PARVIS_HTTP_LISTEN"] for name in diagnosis.PROCESSES}
        findings = diagnosis.running({name: f"http://{address}" for name, address in listening.items()})
    else:
        findings = []
    return diagnosis.say([*(Finding(*fact) for fact in facts), *findings, *backed_up(suite, backups, time.time())])


def backed_up(suite: Suite, told: Path | None, now: float) -> list[Finding]:
    """What is found of the backups: in the folder that somebody names, else where the last one went. Without any, a
    demonstration is fine, and a suite that is younger than a day; nothing where somebody has backups of their own.
    """
    if told == OWN:
        return []
    if folder := told or folder_of(suite):
        return [diagnosis.backups(folder, now)]
    if not suite.layout.installation.exists():
        return []
    began = min((each.stat().st_mtime for each in suite.layout.secrets.iterdir()), default=now)
    needed = not suite.demo and now - began > outcome.DAILY + outcome.MARGIN
    text = f"no backup of {suite.layout.data} was made"
    return [Finding(fine=not needed, text=text, advice="Make one, and one each day: ./parvis backup --to FOLDER.")]


def _facts(suite: Suite) -> Iterator[Fact]:
    yield True, f"{platform.system()} {platform.machine()}, Python {platform.python_version()} ({sys.prefix})", ""
    for program in ("weed", "nats-server", "traefik", "node", "buf", "uv"):
        file = VENV_BIN / program
        yield os.access(file, os.X_OK), f"{program} is installed", "rm -rf .venv and start ./parvis again"
    yield from _disks(suite.layout.data)
    if (memory := _available_memory()) is not None:
        yield (
            memory > NEEDED_MEMORY,
            f"{memory / 2**30:.1f} GiB of memory available",
            "Close something: two GiB are needed.",
        )
    yield _localhost(), "localhost leads to this machine", "The file /etc/hosts lacks the line `127.0.0.1 localhost`."
    if suite.is_running():
        yield True, f"a suite runs on {suite.layout.data}", ""
    else:
        try:
            parts = catalogue(suite.layout, suite.ports, credentials.load_or_make(suite.layout, keep=False))
            check_free({part.title: part.ports for part in parts})
            yield True, f"the ports from {suite.ports.base} are free", ""
        except PortInUse as taken:
            yield False, f"the ports from {suite.ports.base} are not all free", str(taken)
    browser = find_browser()
    yield True, f"browser for tests: {browser or 'none yet, ./parvis test installs one where it may'}", ""


def _disks(data: Path) -> Iterator[Fact]:
    """The disk of the programs, and that of the suite where it is another one."""
    there = next(each for each in (data, *data.parents) if each.exists())
    places = {ROOT: "this disk"} | ({} if there.stat().st_dev == ROOT.stat().st_dev else {there: f"the disk of {data}"})
    for folder, name in places.items():
        disk = shutil.disk_usage(folder)
        enough = disk.free > max(NEEDED_DISK, diagnosis.DISK_FREE * disk.total)
        share = f"{disk.free / 2**30:.1f} GiB free on {name}, {disk.free / disk.total:.0%}"
        yield enough, share, "Make room: two GiB are needed, and a full disk stops the store (docs/operations.md)."


def _available_memory() -> int | None:
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:  # noqa: PTH123 - a kernel file
            sizes = dict(line.split(":", 1) for line in lines)
    except OSError:
        return None
    return int(sizes["MemAvailable"].split()[0]) * 1024


def _localhost() -> bool:
    try:
        return HOST in {answer[4][0] for answer in socket.getaddrinfo("localhost", 80, socket.AF_INET)}
    except OSError:
        return False
