"""The suite as a whole: found again, restarted, stopped, and honest about what fails."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from parvis_local import state
from parvis_local.layout import ROOT, Layout
from parvis_local.parts import Failure, NotHealthy, Part, http_ok
from parvis_local.processes import Program, Spawned, is_alive, resident_bytes
from parvis_local.suite import Suite, SuiteFailed
from parvis_local.supervisor import Supervisor, in_order


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "parvis_local.command", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("part", ["nats", "mail", "traefik", "store", "zygote", "postgres"])
def test_a_killed_part_is_back_at_once(servers, part):
    began = time.monotonic()
    killed = servers.kill(part)
    servers.wait_healthy(part, after=killed, patience=60)
    assert time.monotonic() - began < 10
    servers.wait_healthy(patience=60)


def test_status_says_in_json_what_runs(servers):
    answer = command("status", "--json", "--data", str(servers.layout.data))
    parts = {part["name"]: part for part in json.loads(answer.stdout)["parts"]}
    assert answer.returncode == 0
    assert set(parts) == {"postgres", "nats", "store", "traefik", "zygote", "mail", "product"}
    assert all(set(part) == {"name", "kind", "healthy", "address", "pid", "rss_bytes"} for part in parts.values())
    assert all(part["healthy"] and part["pid"] and part["rss_bytes"] > 1_000_000 for part in parts.values())


def test_status_fails_when_nothing_runs(tmp_path):
    answer = command("status", "--json", "--data", str(tmp_path / "nothing"))
    assert answer.returncode == 2
    assert json.loads(answer.stdout) == {"parts": []}


def test_a_second_up_finds_the_first_and_says_where_it_is(servers):
    answer = command("up", "--data", str(servers.layout.data), "--port", "9999")
    assert answer.returncode == 0
    assert "already runs" in answer.stdout
    assert servers.addresses["portal"] in answer.stdout


def test_a_port_in_use_is_named_with_what_wants_it(small):
    with socket.create_server(("127.0.0.1", small.ports.nats)), pytest.raises(SuiteFailed) as failed:
        small.start()
    assert f"port {small.ports.nats} is in use, and NATS JetStream wants it" in str(failed.value)
    assert not small.is_running()


def test_stopping_leaves_no_process(small):
    small.start()
    current = small.state()
    small.stop()
    assert current is not None
    assert state.processes_left(current) == []
    assert not small.is_running()


def test_what_a_killed_supervisor_leaves_is_ended_and_the_next_one_works(small):
    small.start()
    before = small.state()
    assert before is not None
    os.kill(before.supervisor, signal.SIGKILL)
    small.wait_end()
    again = Suite(data=small.layout.data, port=small.ports.base, only=["nats"])
    with again:
        assert state.processes_left(before) == []
        assert again.pid("nats") != before.parts[0].pid


def test_two_starts_at_once_make_one_suite(small):
    other = Suite(data=small.layout.data, port=small.ports.base, only=["nats"])
    small.begin()
    other.begin()
    small.start()
    other.start()
    assert small.pid("nats") == other.pid("nats")


def fake(name: str, script: str, layout: Layout, *, patience: float = 5.0, port: int = 1) -> Part:
    async def start() -> Spawned:
        return Spawned(Program(["/bin/sh", "-c", script], layout.log(name), {}))

    return Part(
        name=name,
        kind="server",
        title=f"The {name}",
        address="",
        ports=(),
        start=start,
        probe=lambda: http_ok(port, "/"),
        patience=patience,
    )


@pytest.fixture
def layout(tmp_path):
    made = Layout(tmp_path)
    made.make()
    return made


async def supervised(parts: list[Part], layout: Layout) -> Failure:
    supervisor = Supervisor(parts, state.SuiteState(1, demo=False), layout.log, lambda: None)
    try:
        with pytest.raises(Failure) as failed:
            await supervisor.start()
    finally:
        await supervisor.stop()
    return failed.value


async def test_a_part_that_ends_is_named_with_the_end_of_its_log(layout):
    failure = await supervised([fake("oven", "echo no gas; exit 3", layout)], layout)
    assert str(failure) == "oven: The oven ended with status 3 before it was healthy"
    assert failure.log_end[-1] == "no gas"


async def test_a_part_that_runs_but_never_answers_is_named(layout):
    failure = await supervised([fake("oven", "echo warming; exec sleep 60", layout, patience=0.3)], layout)
    assert "The oven runs but is not healthy" in str(failure)
    assert failure.log_end == ["warming"]


async def test_a_stubborn_process_is_killed_with_its_children(layout):
    part = fake("mule", "trap '' TERM; sleep 61 & echo $!; wait; sleep 62", layout)
    process = await part.start()
    await asyncio.sleep(0.3)
    child = int(layout.log("mule").read_text())
    from parvis_local.supervisor import end

    await end(process, signal.SIGTERM, grace=0.3)
    await asyncio.sleep(0.1)
    assert not is_alive(child, "anything")
    assert resident_bytes(child) == 0


def test_parts_that_wait_for_each_other_are_refused(layout):
    def waiting(name: str, after: str) -> Part:
        async def never() -> None:
            raise NotHealthy

        return Part(name, "server", name, "", (), start=fake(name, "", layout).start, probe=never, after=(after,))

    with pytest.raises(ValueError, match="wait for each other"):
        in_order([waiting("hen", "egg"), waiting("egg", "hen")])
