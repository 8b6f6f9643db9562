"""Faults that end by themselves: each begins, lasts for a moment, and is over when its function returns.

What a machine cannot do (`Faults.missing` says which, and why) is left out.
"""

import asyncio
import contextlib
import shutil
import signal
from collections import Counter
from itertools import cycle

import clocks
import disks
import network
import psutil

SERVICES = ("identity", "tenancy", "documents", "notify", "billing")
#: What is killed, and what stands still.
KILLED = (*SERVICES, "web", "traefik", "store", "nats", "mail")
PAUSED = (*SERVICES, "postgres", "nats", "store")
#: Who is cut from whom: packets between them are dropped.
CUT = (
    *((each, "postgres") for each in (*SERVICES, "web")),
    *((each, "nats") for each in SERVICES),
    *((each, "tenancy") for each in ("web", "documents", "notify", "billing")),
    *(("web", each) for each in ("identity", "documents", "billing")),
    ("documents", "store"),
    ("billing", "documents"),
    ("notify", "mail"),
    ("traefik", "web"),
    ("traefik", "store"),
)
#: Seconds that something stands still, is cut, full or slow.
LASTING = (0.3, 3.0)
#: Seconds by which a clock is wrong.
WRONG = (-600, -90, -30, -3, 3, 30, 90, 600)
#: How often each kind, of all.
OFTEN = {
    "kill": 3,
    "pause": 2,
    "cut": 3,
    "disk full": 1,
    "disk slow": 1,
    "disk still": 1,
    "clock wrong": 1,
    "database restart": 1,
    "lost messages": 1,
}


class Faults:
    """Injects each kind in turn, and counts."""

    def __init__(self, suite, chance, folder):
        self._suite, self._chance = suite, chance
        self.injected = Counter()
        self._disks = {part: disks.Disk(suite.layout.data / part) for part in disks.PARTS}
        self._one = {kind: asyncio.Lock() for kind in (*disks.PARTS, "clock", "signals of nats")}
        self.missing = self._what_is_missing()
        self._clock = None if "clock wrong" in self.missing else clocks.Clock(folder)
        of_disks = {f"disk {each}": disks.PARTS for each in ("full", "slow", "still")}
        self._targets = {
            kind: cycle(chance.sample(targets, len(targets)))
            for kind, targets in {
                "kill": KILLED, "pause": PAUSED, "cut": CUT, "clock wrong": SERVICES, **of_disks,
                "database restart": ("postgres",), "lost messages": ("nats",),
            }.items()
        }  # fmt: skip
        self._turn = self._turns()

    async def aclose(self):
        """Ends what faults were made with."""
        if self._clock is not None:
            await self._clock.close()

    def _what_is_missing(self):
        why = {}
        if not all(disk.there for disk in self._disks.values()):
            why |= dict.fromkeys(("disk full", "disk slow", "disk still"), "no disks of their own")
        elif not disks.throttles_can_be_had():
            why["disk slow"] = "no throttling of devices"
        if not network.can_be_had():
            why["cut"] = "no right to drop packets"
        if not clocks.can_be_had() or not self._suite.ports.replicas:
            why["clock wrong"] = "no compiler, or no second replicas"
        return why

    @property
    def unseen(self):
        """Kinds that can be had here, and were not injected yet."""
        return OFTEN.keys() - self.missing.keys() - self.injected.keys()

    def _turns(self):
        """Kinds, each as often as OFTEN says."""
        kinds = [kind for kind, often in OFTEN.items() if kind not in self.missing for _ in range(often)]
        while True:
            yield from self._chance.sample(kinds, len(kinds))

    async def inject(self):
        """The next fault; returns when it is over (who was killed comes back by the supervisor). Its kind and its name,
        None when what it was for is on its way back from a fault before.
        """
        kind = next(self._turn)
        target = next(self._targets[kind])
        act = {
            "kill": self._kill,
            "pause": self._pause,
            "cut": self._cut,
            "clock wrong": self._set_clock,
            "database restart": self._restart,
            "lost messages": self._lose,
        }.get(kind, self._disk(kind))
        try:
            await act(target)
        except (LookupError, ProcessLookupError, psutil.NoSuchProcess):
            return None
        self.injected[kind] += 1
        return kind, f"{kind}: {target if isinstance(target, str) else ' from '.join(target)}"

    async def _lasts(self):
        await asyncio.sleep(self._chance.uniform(*LASTING))

    async def _kill(self, part):
        await asyncio.to_thread(self._suite.kill, part)

    async def _pause(self, part):
        async with self._one.get(f"signals of {part}", contextlib.nullcontext()):
            await self._stand_still(part)

    async def _stand_still(self, part):
        pid = await asyncio.to_thread(self._suite.kill, part, signal.SIGSTOP)
        try:
            await self._lasts()
        finally:
            with contextlib.suppress(LookupError, ProcessLookupError):  # it was killed meanwhile
                if pid == self._suite.pid(part):
                    await asyncio.to_thread(self._suite.kill, part, signal.SIGCONT)

    async def _cut(self, pair):
        one, other = pair
        ports = self._suite.ports
        port = {
            "postgres": ports.postgres, "nats": ports.nats, "store": ports.store["s3"], "mail": ports.smtp,
            "web": ports.http("web"), **{each: ports.grpc(each) for each in SERVICES},
        }[other]  # fmt: skip
        await self._while(network.cut(self._suite.pid(one), port))

    def _disk(self, kind):
        async def act(part):
            async with self._one[part]:
                await self._while(getattr(self._disks[part], kind.removeprefix("disk "))())
                if (kind, part) == ("disk full", "store"):  # docs/operations.md: its index writes no more
                    await self._kill(part)

        return act

    async def _while(self, trouble):
        """Entering and leaving may wait for a disk: never in the loop."""
        await asyncio.to_thread(trouble.__enter__)
        try:
            await self._lasts()
        finally:
            await asyncio.to_thread(trouble.__exit__, None, None, None)

    async def _set_clock(self, service):
        """A second replica joins with a right clock, which is then set; it goes on, is set right, and leaves."""
        async with self._one["clock"]:
            await asyncio.to_thread(self._suite.wait_healthy, "postgres", "nats")
            async with self._clock.beside(self._suite, service):
                self._clock.set(self._chance.choice(WRONG))
                await self._lasts()
                self._clock.set(0)
                await asyncio.sleep(0.5)

    async def _restart(self, part):
        """As an operator would: connections are cut at once, what was committed is on disk (PostgreSQL, fast)."""
        await asyncio.to_thread(self._suite.kill, part, signal.SIGINT)

    async def _lose(self, part):
        """The broker's disk is lost with all that it had acknowledged; the outboxes say it again by themselves."""
        await asyncio.to_thread(self._suite.wait_healthy, part, "postgres")
        async with self._one["nats"], self._one["signals of nats"]:
            pid = await asyncio.to_thread(self._suite.kill, part, signal.SIGSTOP)
            await asyncio.to_thread(shutil.rmtree, self._suite.layout.data / part / "jetstream", ignore_errors=True)
            await asyncio.to_thread(self._suite.kill, part)
        await asyncio.to_thread(self._suite.wait_healthy, part, after=pid)
