"""`./parvis verify-audit`, `./parvis trail` and `./parvis run`: commands that each service has, told where it is."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

from parvis_local.ports import SERVICES
from parvis_local.suite import Suite

_NO_SUITE = "No suite runs on {}. Start it with ./parvis up."


def verify(suite: Suite, *, everything: bool = False) -> int:
    """Checks the chains of every service, then the anchors over all of them; a line each. 1 when something is wrong."""
    if not suite.is_running():
        print(_NO_SUITE.format(suite.layout.data))
        return 1
    wrong = 0
    for service in SERVICES:
        wrong += _told(f"{service}: chains", _run(suite, service, "verify-audit"))
    anchors = _run(suite, "tenancy", "verify-anchors", *["--all"] * everything)
    wrong += _told("tenancy: anchors", anchors)
    for key in _keys(anchors.stdout):
        print(f"  signed by the public key {key}")
    print(
        "Everything is as it was written." if not wrong else f"{wrong} of {len(SERVICES) + 1} checks found something."
    )
    return int(wrong > 0)


def show(suite: Suite, options: Sequence[str], limit: int) -> int:
    """Prints acts of all services, newest first, as JSON, a line each; `options` as `trail` of a service has them."""
    if not suite.is_running():
        print(_NO_SUITE.format(suite.layout.data))
        return 1
    found = []
    for service in SERVICES:
        ran = _run(suite, service, "trail", f"--limit={limit}", *options)
        if ran.returncode:
            words = (ran.stderr or ran.stdout).strip().splitlines() or ["ended without a word"]
            print(f"{service}: {words[-1]}", file=sys.stderr)
            return ran.returncode
        found += [line for line in ran.stdout.splitlines() if line.startswith("{")]
    for line in sorted(found, key=lambda line: str(json.loads(line)["at"]), reverse=True)[:limit]:
        print(line)
    return 0


def run(suite: Suite, service: str, command: Sequence[str]) -> int:
    """Runs a command of a service as the suite runs it, in this terminal; the command's status."""
    if not suite.is_running():
        print(_NO_SUITE.format(suite.layout.data))
        return 1
    environment = os.environ | suite.environment(service)
    return subprocess.run(
        [sys.executable, "-m", f"parvis_{service}", *command], env=environment, check=False
    ).returncode


def _keys(lines: str) -> Iterator[str]:
    """The public keys of the anchors, as `verify-anchors` logs them."""
    for line in lines.splitlines():
        told = json.loads(line) if line.startswith("{") else {}
        if told.get("event") == "audit_anchor_key":
            yield told["public_key"]


def _run(suite: Suite, service: str, *command: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", f"parvis_{service}", *command]
    environment = os.environ | suite.environment(service)
    return subprocess.run(program, env=environment, check=False, capture_output=True, text=True)


def _told(what: str, ran: subprocess.CompletedProcess[str]) -> int:
    """Prints what a check found; 1 when it found something."""
    print(f"{'✗' if ran.returncode else '✓'} {what}")
    if ran.returncode:
        print((ran.stdout + ran.stderr).strip())
    return int(ran.returncode != 0)
