"""Two releases of each service side by side under load, migration first; one leaves, then the other: nothing fails.

In the short form both are the release at hand. `--full`: the suite is one of the release before (the newest tag, or the
commit `PARVIS_UPGRADE_FROM`), installed and started from a working tree of its own. Ours migrates its databases and
comes beside it, service by service; theirs leaves and comes back, on our schema; ours leaves.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from rich.console import Console
from traffic import Traffic

from parvis_local.layout import ROOT
from parvis_local.ports import HOST, SERVICES, free_base
from parvis_local.replica import Replica, settle
from parvis_local.servers import nats
from parvis_local.suite import Suite

FULL = os.environ.get("PARVIS_FULL") == "1"
#: The release before, where there is no tag yet and nobody says another: its suite knows second replicas.
FIRST = "daa55b9"
#: One that is called by many and the one that calls all; `--full` all.
REPLACED = (*SERVICES, "web") if FULL else ("documents", "web")
#: Seconds that one replica is healthy for before another one leaves: callers look each second who is there.
SETTLED = 5


@pytest.fixture(scope="session")
def before(tmp_path_factory):
    """The working tree of the release before; ours where it is not at hand."""
    commit = os.environ.get("PARVIS_UPGRADE_FROM") or git("describe", "--tags", "--abbrev=0") if FULL else ""
    if FULL and not commit:
        commit = git("rev-parse", "--verify", "--quiet", FIRST)
    if not commit:
        Console().print("\nboth releases are the one at hand")
        yield ROOT
        return
    tree = tmp_path_factory.mktemp("before") / "tree"
    git("worktree", "add", "--detach", str(tree), commit)
    subprocess.run([tree / "parvis", "check", "--help"], cwd=tree, check=True, stdout=subprocess.DEVNULL)
    Console().print(f"\nthe release before is {commit}")
    yield tree
    git("worktree", "remove", "--force", str(tree))


@pytest.fixture(scope="session")
def suite(request):
    """A suite of the release before, in which a second replica of each service is looked for."""
    if folder := os.environ.get("PARVIS_TEST_DATA"):  # one that was started with replicas
        suite = Suite(Path(folder))
        suite.start()
        yield suite
        return
    before = request.getfixturevalue("before")
    with tempfile.TemporaryDirectory(prefix="parvis-upgrade-", ignore_cleanup_errors=True) as data:
        Path(data).chmod(0o755)
        with Suite(Path(data), port=free_base(), replicas=True, tree=before) as suite:
            if before != ROOT:  # as an operator: who may come to NATS is written before the first of them comes
                asyncio.run(nats.part(suite.layout, suite.ports, suite.credentials).prepare())
                suite.kill("nats", signal.SIGHUP)
            yield suite


def git(*arguments, **options):
    done = subprocess.run(
        ["/usr/bin/env", "git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, **options
    )
    return done.stdout.strip() if done.returncode == 0 else ""


@pytest.fixture(scope="module")
async def cookies(portal):
    person = await portal.activated("claire.orsel@orsel.example")
    await person.open("/o/cabinet-orsel/")
    return person.cookie_header


def replace(suite, service):
    """Our release migrates and comes beside, the one before leaves and comes again, ours leaves."""
    environment = os.environ | suite.environment(service)
    done = subprocess.run(
        [sys.executable, "-m", f"parvis_{service}", "migrate"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    second = Replica(suite, service)
    try:
        second.start()
        second.wait_healthy()
        settle(suite, service, SETTLED)
        suite.wait_healthy(service, after=suite.kill(service, signal.SIGTERM), patience=300)
        settle(suite, service, SETTLED, host=HOST)
        assert second.stop() == 0
    finally:
        second.stop()


async def test_services_are_replaced_forwards_and_backwards_and_no_request_fails(suite, cookies):
    over = asyncio.Event()
    traffic = Traffic(suite.addresses["portal"], cookies)
    asking = asyncio.create_task(traffic.run(over))
    try:
        for service in REPLACED:
            await asyncio.to_thread(replace, suite, service)
    finally:
        over.set()
        await asking
        Console().print(
            f"{traffic.answered.total()} requests, {traffic.rate:.0f} a second, {len(traffic.failed)} failed"
        )
    assert traffic.failed == []
    assert traffic.answered.total() > 100
