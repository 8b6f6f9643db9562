"""How fresh rights are in a service: laws of its cache and of its index of advisers, on drawn courses of events; and
each fault that is seeded in them breaks one.
"""

import json
import random
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from seeding import Fault, seeded

import parvis_advisers
from parvis_advisers import AdviserIndex
from parvis_advisers.testing import PlayedTenancy, advisers_in
from parvis_kit import grants as kit
from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError
from parvis_kit.grants import LEASE, LEASE_UNHEARD, GrantCache, GrantSet
from parvis_kit.ids import uuid7

COURSES = 150
STEPS = 40
MEMBERS = [uuid7() for _ in range(3)]
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
CACHE, INDEX = "kit.grants:GrantCache", "advisers:AdviserIndex"

OF_THE_CACHE = [
    Fault("a revision that is carried is ignored by the cache", f"{CACHE}.get", "held[1].revision >= at_least and", ""),
    Fault("an answer older than what is carried is taken", f"{CACHE}.get",
          "max(at_least, self._reached.get(grants.organisation_id, 0))",
          "self._reached.get(grants.organisation_id, 0)"),
    Fault("an answer older than what was announced is taken", f"{CACHE}.get",
          "max(at_least, self._reached.get(grants.organisation_id, 0))", "at_least"),
    Fault("a set is used past its end", f"{CACHE}.get", "(until is None or datetime.now(UTC) < until)", "True"),
    Fault("a lease never ends", f"{CACHE}.get",
          "now < held[0] + (LEASE_UNHEARD if self._unheard() else LEASE)", "True"),
    Fault("silence shortens no lease", f"{CACHE}.get", "LEASE_UNHEARD if self._unheard() else LEASE", "LEASE"),
    Fault("a change of the whole organisation drops nothing", f"{CACHE}.drop",
          "grants.organisation_id == organisation_id", "False"),
    Fault("a change of one member drops nothing", f"{CACHE}.drop",
          "membership_id in membership_ids if membership_ids", "False if membership_ids"),
    Fault("a change drops only the set right before it", f"{CACHE}.drop",
          "grants.revision < revision", "grants.revision == revision - 1"),
    Fault("what was announced is forgotten", f"{CACHE}.drop",
          "max(revision, self._reached.get(organisation_id, 0))", "self._reached.get(organisation_id, 0)"),
]  # fmt: skip
OF_THE_INDEX = [
    Fault("an index says the newest change that it saw", "advisers:advance", "while reached in ahead:",
          "for reached in sorted(ahead, reverse=True)[:1]:"),
    Fault("an index forgets what lies beyond a gap", "advisers:advance", "if previous > reached", "if False"),
    Fault("an index is complete after one page", f"{INDEX}.catch_up", "if not asked.page_token:", "if True:"),
    Fault("what was asked for is not kept", f"{INDEX}.catch_up", "await self._keep(unit, contact)", "pass"),
    Fault("what was asked for moves the index back", f"{INDEX}.catch_up", "max(reached, page.revision)",
          "asked.after_revision"),
    Fault("news count that were not kept", f"{INDEX}.told",
          "reached, ahead = await _hold(unit)\n        await self._keep(unit, event.contact)",
          "reached, ahead = await _hold(unit)"),
    Fault("readers are let in whatever is missing", f"{INDEX}._has", ">= grants.advisers_revision", ">= 0"),
]  # fmt: skip


class World:
    """A tenancy, a service's cache, a clock; what was announced may be on its way."""

    def __init__(self, chance):
        self.chance = chance
        self.seconds, self.revision, self.organisation_id = 0.0, 1, uuid7()
        self.changed = [(0.0, 1)]  # when each revision began
        self.on_its_way: list[tuple[frozenset[UUID], int]] = []
        self.heard = dict.fromkeys(MEMBERS, 0)
        self.silent_since: float | None = None
        self.lags = 0
        self.ends: dict[UUID, float] = {}
        self.asked_at = dict.fromkeys(MEMBERS, 0.0)
        self.cache = GrantCache(self.fetch, unheard=lambda: self.silent_since is not None)

    async def fetch(self, caller):
        self.asked_at[caller.membership_id] = self.seconds
        self.lags -= 1
        revision = self.revision if self.lags < 0 else max(1, self.revision - 1)
        end = self.ends.get(caller.membership_id)
        until = None if end is None or end <= self.seconds else BEGAN + timedelta(seconds=end)
        return GrantSet(caller.membership_id, self.organisation_id, "staff", revision, {}, valid_until=until)

    def revision_at(self, seconds):
        return max(revision for began, revision in self.changed if began <= seconds)

    async def step(self):
        """Something happens; what it breaks, or nothing."""
        match self.chance.choice(("change", "change", "hear", "hear", "wait", "silence", "lag", "end", *["read"] * 6)):
            case "change":
                self.revision += 1
                self.changed.append((self.seconds, self.revision))
                named = frozenset(self.chance.sample(MEMBERS, self.chance.choice((0, 1, 2))))
                self.on_its_way.append((named, self.revision))
            case "hear" if self.on_its_way and self.silent_since is None:
                named, revision = self.on_its_way.pop(0)
                self.cache.drop(self.organisation_id, named, revision)
                for member in named or MEMBERS:
                    self.heard[member] = revision
            case "wait":
                self.seconds += self.chance.choice((1, 4, 20, 70))
            case "silence":
                self.silent_since = None if self.silent_since is not None else self.seconds
            case "lag":
                self.lags = 1
            case "end":
                self.ends[self.chance.choice(MEMBERS)] = self.seconds + self.chance.choice((2, 10))
            case "read":
                return await self.read(self.chance.choice(MEMBERS), self.chance.choice((0, 0, self.revision)))
        return ""

    async def read(self, member, known):
        caller = Caller("web", organisation_id=self.organisation_id, membership_id=member, kind="staff")
        found = await self.cache.get(caller, at_least=known)
        oldest = self.revision_at(self.seconds - LEASE) if self.seconds > LEASE else 1
        if found.revision < known:
            return f"{found.revision} for whoever carries {known}"
        if found.revision < self.heard[member]:
            return f"{found.revision} after {self.heard[member]} was heard of"
        if found.revision < oldest - 1:  # an answer that crossed a change is one behind
            return f"{found.revision}, older than the lease"
        if self.silent_since is not None and self.seconds >= self.asked_at[member] + LEASE_UNHEARD:
            return "a set of before the silence"
        if found.valid_until is not None and found.valid_until <= BEGAN + timedelta(seconds=self.seconds):
            return "a set that is over"
        return ""


class Memory:
    """A database of one index: what a transaction writes."""

    def __init__(self):
        self.service = "documents"
        self.reached, self.ahead = 0, "{}"
        self.contacts: dict[str, tuple[int, frozenset[str]]] = {}

    @asynccontextmanager
    async def begin(self, *_who, **_where):
        yield self

    organisation_id = UUID(int=1)

    async def fetch(self, query, *arguments):
        if query == parvis_advisers._SAVE:
            _, self.reached, self.ahead = arguments
        return [{"reached": self.reached, "ahead": self.ahead}]

    async def keep(self, _unit, contact):
        if self.contacts.get(contact.id, (0,))[0] < contact.version:
            self.contacts[contact.id] = (contact.version, advisers_in(contact))


async def broken_of_the_cache(patched) -> str:
    """The first law that a course of events breaks."""
    for seed in range(COURSES):
        world = World(random.Random(seed))
        patched.setattr(kit, "time", SimpleNamespace(monotonic=lambda world=world: 1000 + world.seconds))
        now = SimpleNamespace(now=lambda _zone, world=world: BEGAN + timedelta(seconds=world.seconds))
        patched.setattr(kit, "datetime", now)
        patched.setattr(kit, "_AGAIN", (0, 0, 0))
        for _ in range(STEPS):
            try:
                if wrong := await world.step():
                    return f"course {seed}: {wrong}"
            except ServiceError as error:
                return f"course {seed}: {error}"
    return ""


async def broken_of_the_index(patched) -> str:
    """The same of an index that hears news in drawn orders, some twice, some late."""
    patched.setattr(parvis_advisers, "PATIENCE", 0.0)
    for seed in range(COURSES):
        chance, tenancy, memory = random.Random(seed), PlayedTenancy(), Memory()
        index = AdviserIndex(memory, tenancy.changes, memory.keep)
        contacts = [str(uuid7()) for _ in range(4)]
        for _ in range(chance.randrange(1, 8)):
            tenancy.advise(chance.choice(contacts), chance.choice(MEMBERS), skipped=chance.randrange(2))
        news = chance.choices(tenancy.news, k=len(tenancy.news)) + tenancy.news
        chance.shuffle(news)
        asks = chance.randrange(2 * len(news))  # or nobody does
        for place, event in enumerate(news):
            await index.told(memory, event)
            if place == asks:
                known = GrantSet(
                    MEMBERS[0], tenancy.organisation_id, "staff", 1, {}, advisers_revision=tenancy.advisers_revision
                )
                try:
                    await index.ready(known)
                except ServiceError as error:
                    return f"course {seed}: {error}"
                if memory.reached < tenancy.advisers_revision:
                    return f"course {seed}: read before it was there"
            least = tenancy.advisers_at(memory.reached)
            if any(memory.contacts.get(each, (0,))[0] < version for each, (version, _) in least.items()):
                return f"course {seed}: it says {memory.reached} and does not hold it"
        if (memory.reached, json.loads(memory.ahead)) != (tenancy.advisers_revision, {}):
            return f"course {seed}: everything was heard, and it says {memory.reached}"
        if memory.contacts != tenancy.advisers_at(tenancy.advisers_revision):
            return f"course {seed}: it is not what tenancy has"
    return ""


async def test_no_course_of_events_breaks_a_law_of_the_cache(monkeypatch):
    assert not await broken_of_the_cache(monkeypatch)


async def test_no_order_of_news_breaks_a_law_of_the_index(monkeypatch):
    assert not await broken_of_the_index(monkeypatch)


@pytest.mark.parametrize("fault", OF_THE_CACHE, ids=lambda each: each.name)
async def test_a_fault_of_the_cache_is_noticed(fault, monkeypatch):
    with seeded(fault):
        assert await broken_of_the_cache(monkeypatch)


@pytest.mark.parametrize("fault", OF_THE_INDEX, ids=lambda each: each.name)
async def test_a_fault_of_the_index_is_noticed(fault, monkeypatch):
    with seeded(fault):
        assert await broken_of_the_index(monkeypatch)
