"""The home page of the demonstration's administrator, through Traefik, with 16 clients, against one process.

Suite and baseline answer in turns, so that whatever else the machine does reaches both.
"""

import asyncio
import json
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from load import Load, press
from machine import Watch, median, quietest, sized
from report import Figure, show
from stage import FIRM, Seat, administrator, run, running_suite, used

from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc

CLIENTS = 16
ROUNDS = sized(5, 2)
SECONDS = 6
WARMING = 2
PAGE = f"/o/{FIRM}/"
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of both: milliseconds of CPU a request, by part, and what wrk saw."""

    suite: Load
    baseline: Load
    by_part: dict[str, float]
    baseline_cpu: float

    @property
    def cpu(self) -> float:
        """Milliseconds of CPU that a page cost all processes together."""
        return sum(self.by_part.values())


@asynccontextmanager
async def baseline(seat: Seat, csrf: str) -> AsyncIterator[tuple[str, psutil.Process]]:
    """The process that makes the same page, and its address."""
    organisations = tenancy_pb2_grpc.OrganisationServiceStub(seat.portal.peers.channel("tenancy"))
    async with seat.acting():
        membership = (await organisations.GetFrame(tenancy_pb2.GetFrameRequest())).membership
    environments = {name: seat.suite.environment(name) for name in ("tenancy", "documents", "billing", "web")}
    told = {
        "environments": environments,
        "organisation_id": seat.organisation_id,
        "membership_id": membership.id,
        "account_id": membership.account_id,
        "slug": FIRM,
        "csrf": csrf,
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = str(Path(__file__).parent / "baseline" / "home.py")
    process = await asyncio.create_subprocess_exec(sys.executable, program, str(port), stdin=asyncio.subprocess.PIPE)
    try:
        process.stdin.write(json.dumps(told).encode() + b"\n")
        await process.stdin.drain()
        url = f"http://127.0.0.1:{port}{PAGE}"
        await _answering(url, process)
        yield url, psutil.Process(process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _answering(url: str, process: asyncio.subprocess.Process) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        for _ in range(300):
            if process.returncode is not None:
                raise RuntimeError("The baseline ended: its messages stand above.")
            try:
                (await http.get(url)).raise_for_status()
            except httpx.ConnectError:
                await asyncio.sleep(0.1)
            else:
                return
    raise RuntimeError("The baseline does not answer.")


async def check_same(suite: str, alone: str, headers: dict[str, str]) -> None:
    """Raises RuntimeError when the two pages differ; tried again, for a page says how long ago something was."""
    async with httpx.AsyncClient(headers=headers, trust_env=False) as http:
        for _ in range(3):
            if (await http.get(alone)).text == (await http.get(suite)).text:
                return
    raise RuntimeError(
        "The baseline makes another page than the suite: nothing can be compared."
        " A suite that was started before the code changed makes the old page."
    )


def round_of(seat: Seat, url: str, process: psutil.Process, headers: dict[str, str]) -> Round:
    """Suite, then baseline."""
    before = used(seat.suite)
    suite = press(seat.portal.url + PAGE, clients=CLIENTS, seconds=SECONDS, headers=headers)
    after = used(seat.suite)
    by_part = {part: 1000 * (spent - before.get(part, 0.0)) / suite.requests for part, spent in after.items()}
    own, servers = process.cpu_times(), used(seat.suite)["postgres"]
    alone = press(url, clients=CLIENTS, seconds=SECONDS, headers=headers)
    spent = sum(process.cpu_times()[:2]) - sum(own[:2]) + used(seat.suite)["postgres"] - servers
    return Round(suite, alone, by_part, 1000 * spent / alone.requests)


async def main() -> None:
    """Measures and prints."""
    with running_suite() as suite:
        async with administrator(suite) as seat:
            page = (await seat.person.open(PAGE)).raise_for_status()
            headers = {"Cookie": seat.person.cookie_header, "Accept-Language": "fr"}
            async with baseline(seat, _CSRF.search(page.text)[1]) as (url, process):
                await check_same(seat.portal.url + PAGE, url, headers)
                for address in (seat.portal.url + PAGE, url):
                    press(address, clients=CLIENTS, seconds=WARMING, headers=headers)

                async def turn(_: int) -> tuple[Watch, Round]:
                    with Watch(lambda: sum(used(suite).values()) + sum(process.cpu_times()[:2])) as watch:
                        result = await asyncio.to_thread(round_of, seat, url, process, headers)
                    return watch, result

                rounds, note = await quietest(turn, ROUNDS)
            (await seat.person.open(PAGE)).raise_for_status()
    report(rounds, len(page.content), note)


def report(rounds: list[Round], size: int, note: str) -> None:
    """The table: medians over the rounds."""
    parts = sorted(rounds[0].by_part, key=lambda part: -median(each.by_part[part] for each in rounds))
    by_part = ", ".join(f"{part} {median(each.by_part[part] for each in rounds):.2f}" for part in parts[:7])
    suite, alone = [each.suite for each in rounds], [each.baseline for each in rounds]
    figures = [
        Figure(
            "pages a second",
            median(load.rate for load in suite),
            "/s",
            baseline=median(load.rate for load in alone),
            ratio=median(each.suite.rate / each.baseline.rate for each in rounds),
            least_ratio=0.5,
        ),
        Figure(
            "CPU of all processes for a page",
            median(each.cpu for each in rounds),
            "ms",
            baseline=median(each.baseline_cpu for each in rounds),
            at_most=15,
        ),
        Figure("p50", median(load.p50 for load in suite), "ms", baseline=median(load.p50 for load in alone)),
        Figure("p95", median(load.p95 for load in suite), "ms", baseline=median(load.p95 for load in alone)),
    ]
    show(
        f"Home page, {CLIENTS} clients, {ROUNDS} rounds of {SECONDS} s each",
        figures,
        note,
        f"CPU by part, ms: {by_part}",
        f"baseline: one process, the same statements and the same {size} bytes of HTML",
    )


if __name__ == "__main__":
    run(main)
