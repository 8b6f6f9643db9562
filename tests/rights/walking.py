"""A walk: one organisation, and whoever may act in it, acting at random over gRPC.

After each act the rules as written are asked who holds what: nobody was lifted above the ceiling, nobody outside a tier
was changed, a refused act left nothing behind, an administrator of everything remains, no right stands without what it
requires, and whoever asks is answered by the facts as they are. At the end the past is asked for.
"""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any, Literal
from uuid import UUID

import asyncpg
import reference
from acts import ACTS, Moment
from ceiling import administrators, broken, outside_tier, reaching_more, settled
from facts import ACTIVE, ALL, SCOPES, Answer, Facts, Member, Profile, Question, organisation_uuid
from generator import OVER_CONTACTS, organisation, with_required
from reading import Reader
from standing import wear
from writing import write

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError
from parvis_tenancy.store import rights

#: Who asks what they may do after each act, and moments of the past that are asked about after a walk.
CHECKS, LOOKS_BACK = 2, 8
DEPUTY, LEADER = 9, 10
OVER_PEOPLE = ("members.read", "members.invite", "members.manage", "profiles.manage", "organisation.manage")


class Broken(AssertionError):
    """A law was broken: which, and the acts that led there."""


def beginning(seed: int) -> Facts:
    """An organisation that somebody administers, member 1, active and over everything; others do so below a ceiling:
    deputies everywhere, leaders in the part that is their tier.
    """
    chance = Random(f"beginning {seed}")
    facts = organisation(seed, size=4 + seed % 6, depth=5)
    facts = replace(facts, structures=facts.structures or {1: None, 2: 1, 3: None})
    over_contacts = {code: chance.choice(SCOPES) for code in ("contacts.read", *chance.sample(OVER_CONTACTS, 3))}
    deputy, leader = (dict.fromkeys(codes, ALL) | over_contacts for codes in (OVER_PEOPLE, OVER_PEOPLE[:-2]))
    members = {who: _appointed(chance, facts, member) for who, member in facts.members.items()}
    members[1] = replace(members[1], profile=1, state=ACTIVE, tier=None)
    profiles = {
        **facts.profiles,
        DEPUTY: Profile(DEPUTY, rights=with_required(deputy)),
        LEADER: Profile(LEADER, rights=with_required(leader)),
    }
    return replace(facts, members=members, profiles=profiles, provider=False, delegations=())


def _appointed(chance: Random, facts: Facts, member: Member) -> Member:
    place = chance.choice([None, *facts.structures, *facts.structures])
    duty = chance.choice(("", "", "deputy", "leader", "leader"))
    if duty == "deputy":
        return replace(member, personal={}, structure=place, profile=DEPUTY, state=ACTIVE, tier=None)
    if duty == "leader":  # now and then an administrator, of a part
        tier, profile = chance.choice(list(facts.structures)), chance.choice((LEADER, LEADER, 1))
        return replace(member, personal={}, structure=place, profile=profile, state=ACTIVE, tier=tier)
    return replace(member, personal={}, structure=place)


class Walk:
    """One organisation, and what was done to it."""

    def __init__(self, stage: Any, reader: Reader, chance: Random) -> None:
        self.stage = stage
        self.reader = reader
        self.chance = chance
        self.trail: list[str] = []
        self.outcomes: Counter[str] = Counter()
        self.past: list[tuple[datetime, Facts]] = []

    async def step(self, before: Facts) -> Facts:
        """One act of one active member, and the facts after it; raises when it broke a law."""
        active = [who for who, member in before.members.items() if member.state == ACTIVE]
        able = [who for who in active if reference.own_rights(before, who).keys() & set(OVER_PEOPLE)] or active
        below = [who for who in able if not before.profiles[before.members[who].profile].administrator] or able
        actor = self.chance.choice(self.chance.choice((active, able, below, below, below)))
        act = self.chance.choices(list(ACTS), list(ACTS.values()))[0]
        asked = await act(Moment(self.chance, before, self.reader, actor, self.stage.identity.personal))
        if asked is None:
            return before
        method, request = asked
        preview = await self.preview(actor, request) if method == "MoveMember" else None
        try:
            await self.wear(actor).call(method, **request)
            outcome = "done"
        except ServiceError as error:
            outcome = error.reason
        after = await self.reader.read()
        self.outcomes[f"{method} {outcome}"] += 1
        self.trail.append(f"member {actor}: {method} {request}: {outcome}".replace("\n", " "))
        if outcome != "done" and after != before:
            raise Broken(self.tell("a refused act left something behind"))
        bare = sorted({*settled(after)} - {*settled(before)})
        if wrong := [*broken(before, after, actor), *outside_tier(before, after, actor), *bare]:
            raise Broken(self.tell("\n".join(wrong)))
        if preview is not None:
            self.compare(preview, before, after, outcome)
        if not administrators(after):
            raise Broken(self.tell("nobody is left who administers everything"))
        await self.check(after)
        self.past.append((await self.reader.connection.fetchval("SELECT clock_timestamp()"), after))
        return after

    async def remember(self) -> None:
        """What members held at moments of the walk, asked now, is what they held then."""
        own = Caller("tenancy")
        async with self.stage.service.database.begin(own, organisation_id=self.reader.organisation) as unit:
            for at, facts in self.chance.sample(self.past, min(len(self.past), LOOKS_BACK)):
                who = self.chance.choice(list(facts.members))
                found = await rights.holder(unit, UUID(self.reader.identifier("member", who)), at)
                told = (
                    None if found is None else (found.state, {code: int(scope) for code, scope in found.rights.items()})
                )
                expected = facts.members[who].state, reference.own_rights(facts, who)
                if told != expected:
                    raise Broken(self.tell(f"member {who} had {told} at {at}, by the rules {expected}"))

    async def preview(self, actor: int, request: dict[str, Any]) -> tenancy_pb2.MovePreview | None:
        """What a member is shown of a move before it is done; None where it is refused already."""
        named = {name: request[name] for name in ("member_id", "manager_id")}
        try:
            found: tenancy_pb2.MovePreview = await self.wear(actor).call("PreviewMove", **named)
        except ServiceError:
            return None
        return found

    def compare(self, preview: tenancy_pb2.MovePreview, before: Facts, after: Facts, outcome: str) -> None:
        """What was shown is what happened: who reaches more, and whether that was too much."""
        if (outcome == "above_ceiling") != bool(preview.beyond):
            raise Broken(self.tell(f"the preview said {list(preview.beyond)} is too much"))
        number = self.reader.number
        for shown, (one, other) in {"gained": (before, after), "lost": (after, before)}.items():
            told = {number("member", UUID(each.membership_id)): set(getattr(each, shown)) for each in preview.changes}
            expected = reaching_more(one, other, datetime.now(UTC))
            if outcome == "done" and {who: codes for who, codes in told.items() if codes} != expected:
                raise Broken(self.tell(f"the preview said {shown}: {told}, the rules say {expected}"))

    async def check(self, facts: Facts) -> None:
        """Some active members ask what they may do just after the act: nothing of before it counts any more."""
        active = [who for who, member in facts.members.items() if member.state == ACTIVE]
        for who in self.chance.sample(active, min(len(active), CHECKS)):
            right, contact = self.chance.choice(OVER_CONTACTS), self.chance.choice([0, *facts.contacts])
            target: Literal["contact", ""] = "contact" if contact else ""
            asked = Question("member", who, right, target, contact, datetime.now(UTC))
            told = await self.told(asked)
            if told.reason == "session_ended":  # cut and opened again within the second in which the token was made
                continue
            seen = not contact or reference.decide(facts, replace(asked, right="contacts.read")).allowed
            expected = reference.decide(facts, asked) if seen else Answer(allowed=False, reason="contact_not_found")
            if told != expected:
                raise Broken(self.tell(f"{asked} was answered {told}, the rules say {expected}"))

    async def told(self, asked: Question) -> Answer:
        """What a member is told of itself."""
        contact = self.reader.identifier("contact", asked.what) if asked.what else ""
        try:
            answer = await self.wear(asked.who).call("Check", right=asked.right, contact_id=contact)
        except ServiceError as error:
            return Answer(allowed=False, reason=error.reason)
        return Answer(answer.allowed, answer.reason)

    def wear(self, who: int) -> Any:
        """A member as somebody who calls."""
        return wear(self.stage, self.reader.organisation, UUID(self.reader.identifier("member", who)))

    def tell(self, what: str) -> str:
        """What went wrong, and the last acts."""
        return f"{what}\n" + "\n".join(self.trail[-3:])


async def walk(stage: Any, url: str, number: int, steps: int) -> Counter[str]:
    """Walks in a new organisation with this number, and counts what came of the acts. Raises Broken."""
    await write(url, {number: beginning(number)})
    connection = await asyncpg.connect(url)
    try:
        walker = Walk(stage, Reader(connection, organisation_uuid(number)), Random(number))
        facts = await walker.reader.read()
        for _ in range(steps):
            facts = await walker.step(facts)
        await walker.remember()
    finally:
        await connection.close()
    return walker.outcomes
