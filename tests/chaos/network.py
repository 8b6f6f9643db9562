"""Cuts between a process and a port: packets are dropped by the kernel, those of connections that stand and of new
ones; nobody is told that the other is gone. Needs root, iptables and control groups of version 2.
"""

import os
import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_GROUPS = next((each for each in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
                if (each / "cgroup.procs").exists() and not (each / "blkio").exists()), None)  # fmt: skip


def can_be_had():
    """Whether this machine lets us drop packets: it is tried, since root of a container may not."""
    if os.geteuid() != 0 or _GROUPS is None or shutil.which("iptables") is None:
        return False
    with subprocess.Popen(["sleep", "60"]) as somebody:
        try:
            with cut(somebody.pid, 9):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False
        finally:
            somebody.kill()


@contextmanager
def cut(pid, port):
    """Between the process and whoever listens at the port."""
    group = _GROUPS / f"parvis-chaos-{pid}-{port}"
    group.mkdir(exist_ok=True)
    (group / "cgroup.procs").write_text(str(pid))  # sockets that it makes from now on are known by it
    stand = [
        each.laddr.port for each in psutil.Process(pid).net_connections("tcp") if each.raddr and each.raddr.port == port
    ]
    rules = [["--dport", str(port), "-m", "cgroup", "--path", group.name]]
    for own in stand:
        rules += [["--sport", str(own), "--dport", str(port)], ["--sport", str(port), "--dport", str(own)]]
    done = []
    try:
        for rule in rules:
            _rule("-I", rule)
            done.append(rule)
        yield
    finally:
        for rule in done:
            _rule("-D", rule)
        for each in (group / "cgroup.procs").read_text().split():  # it, and what it started meanwhile
            with suppress(ProcessLookupError):
                (_GROUPS / "cgroup.procs").write_text(each)
        with suppress(OSError):  # somebody is just leaving it: an empty group does no harm
            group.rmdir()


def _rule(act, rule):
    subprocess.run(["iptables", "-w", act, "OUTPUT", "-p", "tcp", *rule, "-j", "DROP"], check=True, capture_output=True)
