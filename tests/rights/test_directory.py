"""A firm's directory speaks between the acts of its administrators: nobody is lifted above whoever set it up.

Who set it up may lose rights, be limited to a part, be cut; the mapping changes hands. Whatever the directory says, and
whichever way it is settled, a member gains nothing that its owner does not hold and reach at that moment.
"""

import asyncio
import os
from dataclasses import replace
from random import Random
from uuid import UUID

import asyncpg
import pytest
from ceiling import administrators, broken, settled
from facts import ACTIVE, ALL, organisation_uuid
from reading import Reader
from walking import DEPUTY, Broken, Walk, beginning
from writing import write

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError
from parvis_kit.ids import uuid7
from parvis_tenancy.domain import ceiling as of_the_product
from parvis_tenancy.service.settling import Giver

WALKS, STEPS = (30, 150) if os.environ.get("PARVIS_FULL") else (4, 40)
FIRST, FIRST_OF_FAULTS = 930_000, 940_000
GROUPS = ("Conseil", "Paie", "Direction")

_OWNER = "SELECT owner_id FROM directory_mappings WHERE organisation_id = $1"
_WAITING = """
SELECT 1 FROM outbox o LEFT JOIN inbox i ON i.message_id = o.id
WHERE o.organisation_id = $1 AND o.subject LIKE '%DirectoryMappingSaved' AND i.message_id IS NULL LIMIT 1"""


class DirectoryWalk(Walk):
    """A walk in which a directory speaks."""

    people: list[str]
    version = 0

    async def between(self, before):
        """Something that the directory, or whoever sets it up, does; the facts after it."""
        deed = self.chance.choice((self.save, self.settle, self.settle, self.settle, self.hand))
        owner = await self.reader.connection.fetchval(_OWNER, self.reader.organisation)
        try:
            told = await deed(before)
            outcome = "done"
        except ServiceError as error:
            told, outcome = deed.__name__, error.reason
        if deed == self.save and outcome == "done":
            await self.followed()
            owner = await self.reader.connection.fetchval(_OWNER, self.reader.organisation)
        after = await self.reader.read()
        self.outcomes[f"{deed.__name__} {outcome}"] += 1
        self.trail.append(f"directory, set up by {owner}: {told}: {outcome}".replace("\n", " "))
        if outcome != "done" and after != before:
            raise Broken(self.tell("what was refused left something behind"))
        giver = -1 if owner is None else self.reader.number("member", owner)
        bare = sorted({*settled(after)} - {*settled(before)})
        if wrong := [*broken(before, after, giver), *bare]:
            raise Broken(self.tell("\n".join(wrong)))
        if not administrators(after):
            raise Broken(self.tell("nobody is left who administers everything"))
        return after

    async def save(self, facts):
        """Somebody sets up what groups give: themself, as far as they may."""
        active = [who for who, member in facts.members.items() if member.state == ACTIVE]
        able = [who for who in active if facts.members[who].profile == DEPUTY]
        actor = self.chance.choice(self.chance.choice((active, able or active, able or active)))
        found = self.chance.sample(GROUPS, self.chance.randint(0, len(GROUPS)))
        rules = [tenancy_pb2.DirectoryRule(value=group, **self.given(facts)) for group in found]
        query = "SELECT version FROM directory_mappings WHERE organisation_id = $1"
        version = await self.reader.connection.fetchval(query, self.reader.organisation) or 0
        mapping = tenancy_pb2.DirectoryMapping(rules=rules, version=version)
        await self.wear(actor).call("SaveDirectoryMapping", mapping=mapping)
        return f"member {actor} saved {mapping}"

    def given(self, facts):
        profile = self.reader.identifier("profile", self.chance.choice(list(facts.profiles)))
        place = self.chance.choice([None, None, *facts.structures])
        return {
            "profile_id": profile,
            "structure_id": "" if place is None else self.reader.identifier("structure", place),
        }

    async def settle(self, facts):
        """The directory says something of somebody: new, known, or invited by hand."""
        invited = [self.reader.identifier("member", who) for who in facts.members]  # accounts are numbered as members
        known = self.chance.choice(([str(uuid7())], self.people or [str(uuid7())], self.people or invited, invited))
        account = self.chance.choice(known)
        self.people.append(account)
        self.version += 1
        person = identity_pb2.DirectoryPerson(
            account_id=account, version=self.version, family_name="Le Bris", groups_said=True,
            groups=self.chance.sample(GROUPS, self.chance.randint(0, 2)), active=self.chance.random() < 0.8,
            source=self.chance.choice((1, 1, 2)),
        )  # fmt: skip
        where = str(self.reader.organisation)
        await self.stage.as_service("identity").call("SettlePerson", organisation_id=where, person=person)
        return str(person)

    async def hand(self, facts):
        """Somebody takes a member out of the directory's hand, or gives them back."""
        actor = self.chance.choice([who for who, member in facts.members.items() if member.state == ACTIVE])
        identifier = self.reader.identifier("member", self.chance.choice(list(facts.members)))
        query = "SELECT version FROM memberships WHERE organisation_id = $1 AND id = $2"
        version = await self.reader.connection.fetchval(query, self.reader.organisation, UUID(identifier))
        followed = self.chance.random() < 0.7
        await self.wear(actor).call("SetDirectoryHand", member_id=identifier, followed=followed, version=version)
        return f"member {actor} gave {identifier} {followed}"

    async def followed(self):
        """Waits until everybody has followed what was saved."""
        async with asyncio.timeout(30):
            while await self.reader.connection.fetchval(_WAITING, self.reader.organisation):  # noqa: ASYNC110 - elsewhere
                await asyncio.sleep(0.02)


async def walk(stage, url, number, steps):
    """Walks in a new organisation with this number, and counts what came of the acts. Raises Broken."""
    facts = beginning(number)
    deputy = replace(facts.profiles[DEPUTY], rights={**facts.profiles[DEPUTY].rights, "sign_in.manage": ALL})
    await write(url, {number: replace(facts, profiles={**facts.profiles, DEPUTY: deputy})})
    connection = await asyncpg.connect(url)
    try:
        walker = DirectoryWalk(stage, Reader(connection, organisation_uuid(number)), Random(number))
        walker.people = []
        facts = await walker.reader.read()
        for _ in range(steps):
            facts = await walker.step(facts)
            facts = await walker.between(facts)
        await walker.remember()
    finally:
        await connection.close()
    return walker.outcomes


@pytest.mark.parametrize("number", range(FIRST, FIRST + WALKS))
async def test_no_directory_lifts_anybody_above_whoever_set_it_up(number, stage, database_urls):
    outcomes = await walk(stage, database_urls.superuser, number, STEPS)

    print(dict(outcomes))
    assert outcomes["settle done"] > STEPS / 4


def _nothing_above(*_):
    return ()


#: What could be forgotten: that saving is measured, that settling is, or the measure of who moves.
FAULTS = {
    "whoever saves may give anything": (Giver, "above", _nothing_above),
    "nothing is measured": (of_the_product, "beyond", _nothing_above),
    "whoever set it up counts as they were": (Giver, "_everything", True),
}


@pytest.mark.full
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_in_what_a_directory_may_give_is_noticed(fault, stage, database_urls, monkeypatch):
    monkeypatch.setattr(*FAULTS[fault])
    first = FIRST_OF_FAULTS + list(FAULTS).index(fault) * 40
    noticed = ""
    for number in range(first, first + 40):
        try:
            await walk(stage, database_urls.superuser, number, 40)
        except Broken as broken_law:
            noticed = str(broken_law)
            break
    assert noticed
