"""Identity as a provider: sign-ins beside the bare hash, tokens a second, oidc-provider side by side, ends of sessions.

"Per core" is said in three ways: requests for each second of CPU that identity and its share of PostgreSQL used
together (what the targets are held against), the same for identity's process alone, and requests a second by the clock
while both share one core and whoever asks has another. Everything is asked straight at identity's port, without
Traefik, over plain HTTP; tokens are signed with ES256. What is compared runs in turns in each round.
"""

import asyncio
import os
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import argon2
import httpcore
import httpx
from browsers import People
from cores import keep, one_core
from ends import PART, ends
from load import Load, post
from machine import Watch, median, percentile, quietest, sized
from peer import Peer, running
from population import PASSWORD, Population, settled
from report import Figure, show
from spent import Spent, hasher_of
from stage import FIRM, Seat, administrator, run, running_suite, used

from parvis_identity.domain.passwords import prepare
from parvis_local.suite import Suite

ACCOUNTS = sized(1000, 100)
ROUNDS = sized(3, 1)
CLIENTS = 8
SECONDS = 4
BROWSERS = 8
HASHING, SIGNING_IN, HALF = 2.0, 6.0, 20.0
PROBES = 0.1  # s between two looks at a page
ENDS = sized(200, 40)


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of everything that is compared."""

    hashes: float  # a second of CPU
    hashes_by_clock: float
    sign_ins: Spent
    refresh: Spent
    refresh_load: Load
    introspection: Spent
    introspection_load: Load
    credentials: Spent
    peer: Load
    peer_cpu: float


@dataclass(frozen=True, slots=True)
class Bench:
    """What a round needs."""

    suite: Suite
    population: Population
    people: People
    peer: Peer
    hasher: argon2.PasswordHasher
    core: int
    base: str

    @property
    def authorization(self) -> str:
        """The client's."""
        basic = f"{self.population.client.client_id}:{self.population.secret}"
        return f"Basic {b64encode(basic.encode()).decode()}"

    def pressed(self, path: str, forms: Sequence[str]) -> tuple[Spent, Load]:
        """Load on an endpoint of identity."""
        before = used(self.suite)
        load = post(self.base + path, forms, authorization=self.authorization, clients=CLIENTS, seconds=SECONDS)
        return Spent.since(self.suite, before, load.requests, load.seconds), load

    async def refreshing(self) -> tuple[Spent, Load]:
        """Refresh tokens that rotate, with an ID token each time."""
        forms = [f"grant_type=refresh_token&refresh_token={each}" for each in await self.tokens(20 * CLIENTS)]
        return await asyncio.to_thread(self.pressed, "/oauth2/token", forms)

    async def introspecting(self) -> tuple[Spent, Load]:
        """Access tokens of many sessions, all good."""
        forms = []
        async with httpx.AsyncClient(trust_env=False, headers={"Authorization": self.authorization}) as http:
            for token in await self.tokens(100):
                form = {"grant_type": "refresh_token", "refresh_token": token}
                answer = await http.post(f"{self.base}/oauth2/token", data=form)
                forms.append(f"token={answer.raise_for_status().json()['access_token']}")
            answer = await http.post(f"{self.base}/oauth2/introspect", content=forms[0], headers=_FORM)
            if not answer.raise_for_status().json()["active"]:
                raise RuntimeError("An access token that was just issued is not active.")
        return await asyncio.to_thread(self.pressed, "/oauth2/introspect", forms)

    async def tokens(self, count: int) -> list[str]:
        """Fresh refresh tokens."""
        return await self.population.refresh_tokens(count)

    def hashing(self) -> tuple[float, float]:
        """Bare hashes for a second of CPU and by the clock, on the core where identity hashes."""
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {self.core})  # this thread alone
        encoded, password, count = self.hasher.hash(PASSWORD), prepare(PASSWORD), 0
        cpu, clock = time.thread_time(), time.perf_counter()
        while (passed := time.perf_counter() - clock) < HASHING:
            self.hasher.verify(encoded, password)
            count += 1
        return count / (time.thread_time() - cpu), count / passed

    async def round_of(self) -> Round:
        """One turn."""
        hashes, by_clock = await asyncio.get_running_loop().run_in_executor(None, self.hashing)
        before, began = used(self.suite), time.perf_counter()
        took = await self.people.at_once(BROWSERS, SIGNING_IN)
        sign_ins = Spent.since(self.suite, before, len(took), time.perf_counter() - began)
        refresh, introspection = await self.refreshing(), await self.introspecting()
        credentials, _ = await asyncio.to_thread(self.pressed, "/oauth2/token", [_CREDENTIALS])
        cpu = self.peer.cpu_seconds()
        told = {"authorization": self.peer.authorization, "clients": CLIENTS, "seconds": SECONDS}
        peer = await asyncio.to_thread(lambda: post(self.peer.url, [_CREDENTIALS], **told))
        spent = peer.requests / (self.peer.cpu_seconds() - cpu)
        return Round(hashes, by_clock, sign_ins, *refresh, *introspection, credentials, peer, spent)


_CREDENTIALS = "grant_type=client_credentials"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def looked_at(address: str, headers: dict[str, str], until: asyncio.Task[Any]) -> list[float]:
    """How long a page takes, in milliseconds, looked at all the time until a task is done."""
    took = []
    async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
        while not until.done():
            began = time.perf_counter()
            (await http.get(address)).raise_for_status()
            took.append(1000 * (time.perf_counter() - began))
            await asyncio.sleep(PROBES)
    return took


async def meanwhile(bench: Bench, seat: Seat, rate: float) -> tuple[list[float], dict[str, tuple[list[float], ...]]]:
    """Sign-ins at half of saturation, and two pages before and meanwhile."""
    (await seat.person.open(f"/o/{FIRM}/")).raise_for_status()
    pages = {
        "sign-in page": (f"{bench.base}/login", {}),
        "home page, through Traefik": (f"{seat.portal.url}/o/{FIRM}/", {"Cookie": seat.person.cookie_header}),
    }

    async def all_until(work: asyncio.Task[Any]) -> list[list[float]]:
        return await asyncio.gather(*(looked_at(*page, work) for page in pages.values()))

    before = await all_until(asyncio.create_task(asyncio.sleep(HALF / 2)))
    work = asyncio.create_task(bench.people.at_pace(rate, HALF))
    during = await all_until(work)
    return await work, dict(zip(pages, zip(before, during, strict=True), strict=True))


async def mild_load(bench: Bench, seat: Seat) -> None:
    """Ten home pages and twenty refreshes a second."""
    (await seat.person.open(f"/o/{FIRM}/")).raise_for_status()
    headers = {"Cookie": seat.person.cookie_header}
    async with httpx.AsyncClient(trust_env=False) as http:
        token = (await bench.tokens(1))[0]
        while True:
            await asyncio.sleep(0.1)
            (await http.get(f"{seat.portal.url}/o/{FIRM}/", headers=headers)).raise_for_status()
            for _ in range(2):
                form = {"grant_type": "refresh_token", "refresh_token": token}
                told = {"Authorization": bench.authorization}
                answer = await http.post(f"{bench.base}/oauth2/token", data=form, headers=told)
                token = answer.raise_for_status().json()["refresh_token"]


async def main() -> None:
    """Measures and prints."""
    with running_suite() as suite:
        hasher = hasher_of(suite)
        base = suite.environment("web")["PARVIS_IDENTITY_INTERNAL_URL"]
        async with (
            settled(suite, accounts=ACCOUNTS, hasher=hasher) as population,
            administrator(suite) as seat,
            running() as peer,
            httpcore.AsyncConnectionPool(max_connections=64, keepalive_expiry=2.0) as pool,
        ):
            people = People(population, pool, base, suite.addresses["portal"])
            with one_core(suite) as core:
                keep(peer.process.pid, {core})
                bench = Bench(suite, population, people, peer, hasher, core, base)
                await warm(bench)

                async def turn(_: int) -> tuple[Watch, Round]:
                    with Watch(lambda: sum(used(suite).values()) + peer.cpu_seconds()) as watch:
                        result = await bench.round_of()
                    return watch, result

                rounds, note = await quietest(turn, ROUNDS)
                report(rounds, note, hasher)
                half = median(each.sign_ins.rate for each in rounds) / 2
                report_meanwhile(half, *await meanwhile(bench, seat, half))
            report_ends(await ends(seat, ENDS, lambda: mild_load(bench, seat)))


async def warm(bench: Bench) -> None:
    """Compilers, caches and connections are warm on both sides."""
    await bench.people.at_once(2, 1)
    for _ in range(2):
        for url, authorization in (
            (f"{bench.base}/oauth2/token", bench.authorization), (bench.peer.url, bench.peer.authorization),
        ):  # fmt: skip
            await asyncio.to_thread(
                lambda url=url, told=authorization: post(
                    url, [_CREDENTIALS], authorization=told, clients=CLIENTS, seconds=SECONDS
                )
            )


def report(rounds: list[Round], note: str, hasher: argon2.PasswordHasher) -> None:
    """The tables of the rounds: medians."""

    def of(value: Callable[[Round], float]) -> float:
        return median(map(value, rounds))

    sign_ins = [
        Figure(
            "for each second of CPU of identity and PostgreSQL", of(lambda each: each.sign_ins.per_core), "/s",
            baseline=of(lambda each: each.hashes), ratio=of(lambda each: each.sign_ins.per_core / each.hashes),
            least_ratio=0.7,
        ),
        Figure(
            "for each second of CPU of identity alone", of(lambda each: each.sign_ins.alone), "/s",
            baseline=of(lambda each: each.hashes), ratio=of(lambda each: each.sign_ins.alone / each.hashes),
        ),
        Figure(
            "by the clock, on one core", of(lambda each: each.sign_ins.rate), "/s",
            baseline=of(lambda each: each.hashes_by_clock),
            ratio=of(lambda each: each.sign_ins.rate / each.hashes_by_clock),
        ),
    ]  # fmt: skip
    cost = f"{hasher.memory_cost} KiB, {hasher.time_cost} passes"
    show(
        f"Complete sign-ins with a password, {BROWSERS} browsers, {ROUNDS} rounds",
        sign_ins,
        note,
        f"baseline: nothing but the hash (Argon2id, {cost}), on the same core in turns",
        "form, password, code, tokens, userinfo: six requests, the first five of a browser that is new",
    )
    figures = []
    for name, spent, load, least in (
        ("refresh", lambda each: each.refresh, lambda each: each.refresh_load, 700),
        ("introspection", lambda each: each.introspection, lambda each: each.introspection_load, 900),
    ):
        figures += [
            Figure(
                f"{name}, per second of CPU of identity and PostgreSQL", of(lambda each, s=spent: s(each).per_core),
                "/s", at_least=least,
            ),
            Figure(f"{name}, … of identity alone", of(lambda each, s=spent: s(each).alone), "/s"),
            Figure(f"{name}, … of all parts of the suite", of(lambda each, s=spent: s(each).of_all), "/s"),
            Figure(f"{name}, by the clock, on one core", of(lambda each, s=spent: s(each).rate), "/s"),
            Figure(f"{name}, p95", of(lambda each, one=load: one(each).p95), "ms"),
        ]  # fmt: skip
    show(
        f"Tokens, {CLIENTS} connections, {ROUNDS} rounds of {SECONDS} s",
        figures,
        "refresh: the token rotates, an access token and an ID token are signed; introspection: of access tokens",
    )
    show(
        "Client credentials beside npm oidc-provider",
        [
            Figure(
                "per second of CPU", of(lambda each: each.credentials.per_core), "/s",
                baseline=of(lambda each: each.peer_cpu), least_ratio=1.0,
                ratio=of(lambda each: each.credentials.per_core / each.peer_cpu),
            ),
            Figure(
                "by the clock, on one core", of(lambda each: each.credentials.rate), "/s",
                baseline=of(lambda each: each.peer.rate), ratio=of(lambda each: each.credentials.rate / each.peer.rate),
            ),
        ],
        "baseline: oidc-provider, one process, everything in memory; ours: identity and PostgreSQL together",
        "both: client_secret_basic, a JWT access token signed with ES256, plain HTTP without a proxy in front",
    )  # fmt: skip


def report_meanwhile(rate: float, took: list[float], pages: dict[str, tuple[list[float], ...]]) -> None:
    """Sign-ins at half of saturation, and pages beside them."""
    milliseconds = [1000 * each for each in took]
    figures = [
        Figure("a whole sign-in, p50", median(milliseconds), "ms"),
        Figure("a whole sign-in, p95", percentile(milliseconds, 0.95), "ms", at_most=500),
    ]
    for name, (before, during) in pages.items():
        figures += [
            Figure(f"{name}, p{share}", percentile(during, share / 100), "ms", baseline=percentile(before, share / 100))
            for share in (50, 95)
        ]
    title = f"At half of saturation: {rate:.1f} sign-ins a second on one core, {len(took)} in all"
    show(title, figures, "baseline of the pages: nobody signs in")


def report_ends(ended: list[dict[str, float]]) -> None:
    """From the end of a session to the last refusal, and by part."""
    slowest = [max(each.values()) for each in ended]
    by_part = ", ".join(f"{part} {percentile([each[part] for each in ended], 0.99):.0f}" for part in ended[0])
    show(
        f"From the end of a session to its refusal by everybody, {len(ended)} times",
        [
            Figure("p50", percentile(slowest, 0.5), "ms"),
            Figure("p99", percentile(slowest, 0.99), "ms", at_most=1000),
            Figure("longest", max(slowest), "ms"),
        ],
        f"p99 by part, ms: {by_part} ({PART}: its pages)",
        "meanwhile: ten home pages and twenty refreshes a second",
    )


if __name__ == "__main__":
    run(main)
