"""No sequence of acts lifts anybody above the ceiling: administrators of every kind act over gRPC, and after each act
the rules as written are asked who holds what.
"""

import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from uuid import UUID

import asyncpg
import pytest
import reference
from acts import ACTS, Moment
from ceiling import administrators, broken, outside_tier, settled
from facts import ACTIVE, ALL, SCOPES, Answer, Facts, Profile, Question, organisation_uuid
from generator import OVER_CONTACTS, organisation, with_required
from reading import Reader
from standing import wear
from writing import write

from parvis_kit.errors import ServiceError

FULL = bool(os.environ.get("PARVIS_FULL"))
WALKS = 60 if FULL else 6
STEPS = 200 if FULL else 50
CHECKS = 2
#: Beyond the organisations of other tests.
FIRST = 900_000
DEPUTY = 9
OVER_PEOPLE = ("members.read", "members.invite", "members.manage", "profiles.manage", "organisation.manage")


def beginning(seed: int) -> Facts:
    """An organisation that somebody administers, member 1, active and over everything; others do so below a ceiling."""
    chance = Random(f"beginning {seed}")
    facts = organisation(seed, size=4 + seed % 6, depth=5)
    over_contacts = chance.sample(OVER_CONTACTS, 3)
    deputy = dict.fromkeys(OVER_PEOPLE, ALL) | {
        code: chance.choice(SCOPES) for code in ("contacts.read", *over_contacts)
    }
    members = {
        who: replace(member, personal={}, **({"profile": DEPUTY, "state": ACTIVE} if chance.random() < 0.5 else {}))
        for who, member in facts.members.items()
    }
    members[1] = replace(members[1], profile=1, state=ACTIVE, tier=None)
    profiles = {**facts.profiles, DEPUTY: Profile(DEPUTY, rights=with_required(deputy))}
    return replace(facts, members=members, profiles=profiles, provider=False)


class Walk:
    """One organisation, and what was done to it."""

    def __init__(self, stage, reader: Reader, chance: Random) -> None:
        self.stage = stage
        self.reader = reader
        self.chance = chance
        self.trail: list[str] = []
        self.outcomes: Counter[str] = Counter()

    async def step(self, before: Facts) -> Facts:
        """One act of one active member, and the facts after it; raises when it broke a law."""
        active = [who for who, member in before.members.items() if member.state == ACTIVE]
        able = [who for who in active if reference.own_rights(before, who).keys() & set(OVER_PEOPLE)] or active
        below = [who for who in able if not before.profiles[before.members[who].profile].administrator] or able
        actor = self.chance.choice(self.chance.choice((active, able, below, below, below)))
        act = self.chance.choices(list(ACTS), list(ACTS.values()))[0]
        asked = await act(Moment(self.chance, before, self.reader, actor))
        if asked is None:
            return before
        method, request = asked
        try:
            await self.wear(actor).call(method, **request)
            outcome = "done"
        except ServiceError as error:
            outcome = error.reason
        after = await self.reader.read()
        self.outcomes[f"{method} {outcome}"] += 1
        self.trail.append(f"member {actor}: {method} {request}: {outcome}".replace("\n", " "))
        if outcome != "done":
            assert after == before, self.tell("a refused act left something behind")
        bare = sorted({*settled(after)} - {*settled(before)})
        if wrong := [*broken(before, after, actor), *outside_tier(before, after, actor), *bare]:
            pytest.fail(self.tell("\n".join(wrong)), pytrace=False)
        assert administrators(after), self.tell("nobody is left who administers everything")
        await self.check(after)
        return after

    async def check(self, facts: Facts) -> None:
        """Some active members ask what they may do just after the act: nothing of before it counts any more."""
        active = [who for who, member in facts.members.items() if member.state == ACTIVE]
        for who in self.chance.sample(active, min(len(active), CHECKS)):
            right, contact = self.chance.choice(OVER_CONTACTS), self.chance.choice([0, *facts.contacts])
            target = "contact" if contact else ""
            asked = Question("member", who, right, target, contact, datetime.now(UTC))
            told = await self.told(asked)
            seen = not contact or reference.decide(facts, replace(asked, right="contacts.read")).allowed
            expected = reference.decide(facts, asked) if seen else Answer(allowed=False, reason="contact_not_found")
            assert told == expected, self.tell(f"{asked} was answered {told}, the rules say {expected}")

    async def told(self, asked: Question) -> Answer:
        """What a member is told of itself."""
        contact = self.reader.identifier("contact", asked.what) if asked.what else ""
        try:
            answer = await self.wear(asked.who).call("Check", right=asked.right, contact_id=contact)
        except ServiceError as error:
            return Answer(allowed=False, reason=error.reason)
        return Answer(answer.allowed, answer.reason)

    def wear(self, who: int):
        """A member as somebody who calls."""
        return wear(self.stage, self.reader.organisation, UUID(self.reader.identifier("member", who)))

    def tell(self, what: str) -> str:
        """What went wrong, and the last acts."""
        return f"{what}\n" + "\n".join(self.trail[-3:])


@pytest.mark.parametrize("seed", range(WALKS))
async def test_no_sequence_of_acts_lifts_anybody_above_the_ceiling(seed, stage, database_urls):
    await write(database_urls.superuser, {FIRST + seed: beginning(seed)})
    connection = await asyncpg.connect(database_urls.superuser)
    try:
        walk = Walk(stage, Reader(connection, organisation_uuid(FIRST + seed)), Random(seed))
        facts = await walk.reader.read()
        for _ in range(STEPS):
            facts = await walk.step(facts)
    finally:
        await connection.close()

    print(dict(walk.outcomes))
    assert sum(count for outcome, count in walk.outcomes.items() if outcome.endswith(" done")) > STEPS / 20
