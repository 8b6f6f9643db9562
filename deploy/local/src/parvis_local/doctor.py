"""`./parvis doctor`: looks at this machine and says what would be in the way."""

import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator

from parvis_local import display
from parvis_local.browser import find_browser
from parvis_local.catalogue import catalogue
from parvis_local.layout import ROOT, VENV_BIN
from parvis_local.ports import HOST, PortInUse, check_free
from parvis_local.suite import Suite

NEEDED_DISK = 2 * 2**30
NEEDED_MEMORY = 2 * 2**30


def examine(suite: Suite) -> int:
    """Prints one line per fact; returns 1 when something would keep the suite from running."""
    console = display.console()
    worst = 0
    for fine, text, advice in _facts(suite):
        console.print(f"[{'green' if fine else 'red'}]{'✓' if fine else '✗'}[/] {text}")
        if not fine:
            console.print(f"    {advice}")
            worst = 1
    return worst


def _facts(suite: Suite) -> Iterator[tuple[bool, str, str]]:
    yield True, f"{platform.system()} {platform.machine()}, Python {platform.python_version()} ({sys.prefix})", ""
    for program in ("weed", "nats-server", "traefik", "node", "buf", "uv"):
        file = VENV_BIN / program
        yield os.access(file, os.X_OK), f"{program} is installed", "rm -rf .venv and start ./parvis again"
    disk = shutil.disk_usage(ROOT).free
    yield disk > NEEDED_DISK, f"{disk / 2**30:.1f} GiB free on this disk", "Two GiB are needed."
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
            parts = catalogue(suite.layout, suite.ports, suite.credentials)
            check_free({part.title: part.ports for part in parts})
            yield True, f"the ports from {suite.ports.base} are free", ""
        except PortInUse as taken:
            yield False, f"the ports from {suite.ports.base} are not all free", str(taken)
    browser = find_browser()
    yield True, f"browser for tests: {browser or 'none yet, ./parvis test installs one where it may'}", ""


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
