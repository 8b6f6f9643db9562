"""People of a firm who sign in with its own provider, whatever that speaks: rounds of it, and their table.

Everybody comes twice: for the first time, when accounts and memberships are made, and then again and again, which is
what the figures are of.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import argon2
import httpcore
from browsers import Browser
from cores import one_core
from machine import Watch, median, percentile, quietest
from population import PASSWORD
from report import Figure, show
from spent import Spent, hasher_of
from stage import Seat, administrator, running_suite, used

from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_identity.domain.passwords import prepare
from parvis_local.suite import Suite

PEOPLE, ROUNDS, BROWSERS = 400, 3, 8
SECONDS, HASHING = 6.0, 2.0


@dataclass(frozen=True, slots=True)
class Round:
    """One turn."""

    hashes: float  # a second of CPU
    again: Spent
    tenancy: float
    took: list[float]


@dataclass(slots=True)
class Firm(ABC):
    """The people of a firm at its provider. `base`: where identity is asked; `origin`: the portal's."""

    suite: Suite
    pool: httpcore.AsyncConnectionPool
    base: str
    origin: str
    provider_id: str
    count: int = 0

    @abstractmethod
    async def sign_in(self, browser: Browser, subject: str) -> tuple[str, float]:
        """One sign-in in a new browser: where it leads, and the seconds of it that were not the suite's."""

    async def arrive(self, subject: str) -> float:
        """One sign-in; the seconds that the suite took. Raises RuntimeError where nobody is signed in."""
        browser, began = Browser(self.pool, self.base, self.origin), time.perf_counter()
        back, aside = await self.sign_in(browser, subject)
        if not back.startswith("/o/") or not any(name.endswith("-identity") for name in browser.cookies):
            raise RuntimeError(f"{subject} was not signed in, but sent to {back}.")
        return time.perf_counter() - began - aside

    async def at_once(self, seconds: float) -> list[float]:
        """Browsers that sign in one after another; how long each time took."""
        until, took = time.perf_counter() + seconds, []

        async def again_and_again() -> None:
            while time.perf_counter() < until:
                self.count += 1
                took.append(await self.arrive(f"person-{self.count % PEOPLE}"))

        await asyncio.gather(*(again_and_again() for _ in range(BROWSERS)))
        return took

    async def arriving(self) -> Spent:
        """Everybody for the first time: accounts and memberships are made."""
        before, began = used(self.suite), time.perf_counter()
        for start in range(0, PEOPLE, BROWSERS):
            await asyncio.gather(*(self.arrive(f"person-{start + place}") for place in range(BROWSERS)))
        return Spent.since(self.suite, before, PEOPLE, time.perf_counter() - began)

    async def round_of(self, hasher: argon2.PasswordHasher) -> Round:
        """One turn: people who were there before sign in again."""
        hashes = await asyncio.to_thread(hashing, hasher)
        before, began = used(self.suite), time.perf_counter()
        took = await self.at_once(SECONDS)
        spent = Spent.since(self.suite, before, len(took), time.perf_counter() - began)
        return Round(hashes, spent, len(took) / (used(self.suite)["tenancy"] - before["tenancy"]), took)


#: The firm, with a provider in use. The pool is for its browsers.
Founding = Callable[[Suite, Seat, httpcore.AsyncConnectionPool], AbstractAsyncContextManager[Firm]]


async def measure(founding: Founding, what: str, note: str) -> None:
    """Measures and prints. `what` the people sign in with; `note`: how its answers are signed."""
    with running_suite() as suite:
        hasher = hasher_of(suite)
        async with (
            administrator(suite) as seat,
            httpcore.AsyncConnectionPool(max_connections=64, keepalive_expiry=2.0) as pool,
        ):
            await everybody_advises(seat)
            async with founding(suite, seat, pool) as firm:
                with one_core(suite):
                    arrivals = await firm.arriving()

                    async def turn(_: int) -> tuple[Watch, Round]:
                        with Watch(lambda: sum(used(suite).values())) as watch:
                            result = await firm.round_of(hasher)
                        return watch, result

                    rounds, quiet = await quietest(turn, ROUNDS)
    report(what, arrivals, rounds, hasher, quiet, note)


async def everybody_advises(seat: Seat) -> None:
    """Whoever the directory knows is given a profile."""
    channel = seat.portal.peers.channel("tenancy")
    async with seat.acting():
        profiles = await tenancy_pb2_grpc.MemberServiceStub(channel).ListProfiles(tenancy_pb2.ListProfilesRequest())
        adviser = next(each for each in profiles.profiles if each.built_in == "adviser")
        directory = tenancy_pb2_grpc.DirectoryServiceStub(channel)
        there = await directory.GetDirectoryMapping(tenancy_pb2.GetDirectoryMappingRequest())  # another bench's, maybe
        mapping = tenancy_pb2.DirectoryMapping(default_profile_id=adviser.id, version=there.version)
        await directory.SaveDirectoryMapping(tenancy_pb2.SaveDirectoryMappingRequest(mapping=mapping))


def hashing(hasher: argon2.PasswordHasher) -> float:
    """Bare hashes for a second of CPU."""
    encoded, password, count = hasher.hash(PASSWORD), prepare(PASSWORD), 0
    cpu, until = time.thread_time(), time.perf_counter() + HASHING
    while time.perf_counter() < until:
        hasher.verify(encoded, password)
        count += 1
    return count / (time.thread_time() - cpu)


def report(what: str, arrivals: Spent, rounds: list[Round], hasher: argon2.PasswordHasher, *notes: str) -> None:
    """The table: medians."""

    def of(value: Callable[[Round], float]) -> float:
        return median(map(value, rounds))

    hashes = of(lambda each: each.hashes)
    rate = of(lambda each: each.again.per_core)
    figures = [
        Figure(
            "for each second of CPU of identity and PostgreSQL", rate, "/s", baseline=hashes, ratio=rate / hashes,
            at_least=100,
        ),
        Figure("for each second of CPU of identity alone", of(lambda each: each.again.alone), "/s", baseline=hashes),
        Figure("… of all parts of the suite", of(lambda each: each.again.of_all), "/s"),
        Figure("… of tenancy, which brings names and groups up to date", of(lambda each: each.tenancy), "/s"),
        Figure("by the clock, identity and PostgreSQL on one core", of(lambda each: each.again.rate), "/s"),
        Figure("one sign-in, p95", of(lambda each: 1000 * percentile(each.took, 0.95)), "ms"),
        Figure("first arrivals, by the clock", arrivals.rate, "/s"),
    ]  # fmt: skip
    show(
        f"Sign-ins with {what}, {BROWSERS} browsers, {ROUNDS} rounds of {SECONDS:.0f} s",
        figures,
        f"baseline: nothing but the hash of a password (Argon2id, {hasher.memory_cost} KiB), a second of CPU",
        f"{PEOPLE} people",
        *notes,
    )
