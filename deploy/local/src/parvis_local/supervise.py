"""The process that runs one suite: `python -m parvis_local.supervise --data DIR --port P …`.

`./parvis up` starts it and watches its state file; it needs no terminal. SIGTERM or SIGINT stops the suite cleanly.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from parvis_local import authority, credentials, state
from parvis_local.catalogue import catalogue
from parvis_local.layout import Layout
from parvis_local.parts import Failure, Part
from parvis_local.ports import HOST, PortInUse, Ports, check_free
from parvis_local.processes import Program, Spawned, end_leftovers
from parvis_local.supervisor import Supervisor, described, tail

log = logging.getLogger("parvis.supervisor")
IDENTITIES = (*credentials.DATABASES, "store")
DAY = 86_400.0
LARGEST_LOG = 10_000_000  # bytes; a larger one is put aside at the next start


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the suite until it is told to stop; exit status 1 when a part failed, 3 when another supervisor runs."""
    options = _parser().parse_args(arguments)
    os.umask(0o077)  # mails hold links, logs hold names: nothing of a suite is for other accounts of this machine
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    layout = Layout(options.data.resolve())
    layout.make()
    try:
        with state.hold(layout):
            sys.exit(asyncio.run(_run(layout, options)))
    except state.AlreadyRunning:
        sys.exit(3)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="parvis_local.supervise")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--no-demo", dest="demo", action="store_false")
    parser.add_argument("--replicas", action="store_true", help="look for a second replica of each service")
    parser.add_argument("--keep-going", action="store_true")
    parser.add_argument("--only", default="", help="parts, separated by commas, with all that they need")
    return parser


async def _run(layout: Layout, options: argparse.Namespace) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if (earlier := state.read(layout)) and (left := end_leftovers(state.processes_left(earlier))):
        log.warning("ended what an earlier supervisor left behind: %s", ", ".join(left))
    suite = state.SuiteState(port=options.port, demo=options.demo)
    only = [name for name in options.only.split(",") if name]
    try:
        parts = _prepare(layout, Ports(options.port, replicas=options.replicas), only)
    except (PortInUse, ValueError) as error:
        suite.phase, suite.note = "failed", str(error)
        suite.write(layout)
        return 1
    supervisor = Supervisor(parts, suite, layout.log, lambda: suite.write(layout))
    starting = asyncio.create_task(_start(layout, suite, supervisor, demo=options.demo and not only))
    stopping = asyncio.create_task(stop.wait())
    renewing = asyncio.create_task(_renew_certificates(layout))
    await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
    failed = starting.done() and not starting.result()
    if not failed or options.keep_going:
        await stopping
    starting.cancel()
    renewing.cancel()
    await asyncio.gather(starting, renewing, return_exceptions=True)
    if not failed:
        suite.phase = "stopping"
    log.info("stopping")
    await supervisor.stop()
    if not failed:
        suite.phase = "stopped"
    suite.write(layout)
    log.info("stopped")
    return int(failed)


async def _renew_certificates(layout: Layout) -> None:
    """A suite that runs for years does not end with its certificates: they are renewed two months before."""
    while True:
        await asyncio.sleep(DAY)
        try:
            if await asyncio.to_thread(authority.renew_due, IDENTITIES, layout.secrets):
                log.info("certificates renewed")
        except (OSError, ValueError):
            log.exception("certificates could not be renewed; again in a day")


def _prepare(layout: Layout, ports: Ports, only: Sequence[str]) -> list[Part]:
    secrets = credentials.load_or_make(layout)
    authority.make_identities(IDENTITIES, layout.secrets)
    parts = catalogue(layout, ports, secrets, only)
    check_free({part.title: part.ports for part in parts})
    for part in parts:
        file = layout.log(part.name)
        if file.exists() and file.stat().st_size > LARGEST_LOG:
            file.replace(file.with_suffix(".log.1"))
    return parts


async def _start(layout: Layout, suite: state.SuiteState, supervisor: Supervisor, *, demo: bool) -> bool:
    """Starts everything and loads the demonstration once; False when something failed."""
    try:
        await supervisor.start()
        if demo and not layout.demo_done.exists():
            suite.phase = "demonstration"
            suite.write(layout)
            await _load_demonstration(layout, suite)
    except Failure as failure:
        log.error("%s", failure)
        suite.phase, suite.note = "failed", failure.reason
        suite.failed_part, suite.log_end = failure.part, failure.log_end
        suite.write(layout)
        return False
    suite.phase, suite.note = "running", ""
    suite.write(layout)
    log.info("all parts are healthy")
    return True


async def _load_demonstration(layout: Layout, suite: state.SuiteState) -> None:
    """Runs the loader in a process of its own: what it imports and keeps in memory is gone afterwards."""
    file = layout.log("demo")
    file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "parvis_local.demonstration", str(layout.data), str(suite.port)]
    process = Spawned(Program(command, file, os.environ))
    ended = asyncio.create_task(process.wait())
    try:
        while not ended.done():
            await asyncio.wait([ended], timeout=0.2)
            if (lines := tail(file, 1)) and lines[-1] != suite.note:
                suite.note = lines[-1]
                suite.write(layout)
    finally:
        if not ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await ended
    if status := ended.result():
        raise Failure("demo", f"loading the demonstration ended with {described(status)}", tail(file, 25))
    layout.demo_done.write_text(json.dumps({"port": suite.port, "host": HOST}) + "\n")


if __name__ == "__main__":
    main()
