"""Lists of contacts under any reach: whichever way reads a page, it is the page that the rule as written gives."""

import random
from dataclasses import dataclass
from uuid import UUID

import pytest

from parvis_kit.caller import Caller
from parvis_kit.ids import uuid7
from parvis_kit.paging import Cursor
from parvis_tenancy.store import contact_lists
from parvis_tenancy.store.contact_reach import Reach

KINDS = (1, 2, 3)
NAMES = ("", "a", "ab", "abc 0000000002", "abc 0000000010", "b", "ca", "zz", "ß", "\U0001f600")
#: Limits that lead to each way: whole, merged, in order, in order given up, and all of them in turns.
WAYS = {
    "whole": {"_WHOLE": 100_000},
    "merged": {"_WHOLE": 1, "_FEW": 100_000},
    "in order": {"_WHOLE": 1, "_FEW": 0, "_PATIENCE": 100_000},
    "given up": {"_WHOLE": 1, "_FEW": 0, "_PATIENCE": 7},
    "each": {"_WHOLE": 12, "_FEW": 15, "_PATIENCE": 25},
}

_MEMBERS = """
INSERT INTO memberships (organisation_id, id, account_id, kind, state, given_name, family_name, mail, locale,
    account_version, function, profile_id, profile_name, profile_built_in, identifier, invited_at, sort_key, search_key,
    version, created_at)
SELECT $1, id, id, 1, 2, '', '', '', 'fr', 1, '', (SELECT id FROM profiles LIMIT 1), '', '', '', now(), '', '', 1, now()
FROM unnest($2::uuid[]) id"""
_CONTACT = """
INSERT INTO contacts (organisation_id, id, kind, code, name, mail_main, mail_quotes, mail_billing, mail_reminders,
    siren, vat_number, telephone, locale, address_lines, postal_code, city, country, sort_key, search_key, version,
    created_at)
VALUES ($1, $2, $3, $2::uuid::text, '', '', '', '', '', '', '', '', 'fr', '{}', '', '', '', $4, '', 1, now())"""
_ADVISER = "INSERT INTO contact_advisers (organisation_id, contact_id, membership_id, role) VALUES ($1, $2, $3, 2)"


@dataclass
class Firm:
    """A firm whose contacts are known here as well as in the tables: id → kind, key, advisers."""

    database: object
    organisation_id: UUID
    members: list
    contacts: dict

    def begin(self):
        return self.database.begin(Caller("tenancy"), organisation_id=self.organisation_id)

    def listed(self, kinds, reach):
        """The rule as written."""
        return sorted(
            (key, each)
            for each, (kind, key, own) in self.contacts.items()
            if kind in kinds
            and (reach.advisers is None or reach.advisers & own)
            and (reach.contacts is None or each in reach.contacts)
        )

    async def add(self, unit, chance):
        contact, kind, key = uuid7(), chance.choice(KINDS), chance.choice(NAMES)
        own = frozenset(chance.sample(self.members, chance.choice((0, 1, 1, 1, 2, 4))))
        await unit.fetch(_CONTACT, self.organisation_id, contact, kind, key)
        for each in own:
            await unit.fetch(_ADVISER, self.organisation_id, contact, each)
        self.contacts[contact] = (kind, key, own)

    async def disturb(self, unit, chance):
        """One contact is renamed, another has other advisers, and one arrives."""
        renamed, moved = chance.sample(sorted(self.contacts), 2)
        kind, _, own = self.contacts[renamed]
        key = chance.choice(NAMES)
        await unit.fetch("UPDATE contacts SET sort_key = $2 WHERE id = $1", renamed, key)
        self.contacts[renamed] = (kind, key, own)
        kind, key, _ = self.contacts[moved]
        own = frozenset(chance.sample(self.members, chance.choice((0, 1, 2))))
        await unit.fetch("DELETE FROM contact_advisers WHERE contact_id = $1", moved)
        for each in own:
            await unit.fetch(_ADVISER, self.organisation_id, moved, each)
        self.contacts[moved] = (kind, key, own)
        await self.add(unit, chance)


@pytest.fixture(scope="module")
async def firm(stage, provider):
    administrator = await stage.firm(provider)
    firm = Firm(stage.service.database, administrator.organisation_id, [uuid7() for _ in range(12)], {})
    chance = random.Random(4)
    async with firm.begin() as unit:
        await unit.fetch(_MEMBERS, firm.organisation_id, firm.members)
        for _ in range(150):
            await firm.add(unit, chance)
    return firm


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    for limit, number in WAYS[request.param].items():
        monkeypatch.setattr(contact_lists, limit, number)
    return request.param


async def pages(firm, size, reach, between=None):
    """All pages of a list, each in a transaction of its own."""
    after, found, total = None, [], None
    while True:
        async with firm.begin() as unit:
            total = await contact_lists.count(unit, *reach) if total is None else total
            page = await contact_lists.keys(unit, *reach, after=after, size=size, total=total)
        found.append([(row["key"], row["id"]) for row in page])
        if len(page) < size:
            return found, total
        after = Cursor(page[-1]["key"], page[-1]["id"], total)
        if between is not None:
            await between()


def reach_of(firm, chance):
    """Any reach: everything, some advisers (none, few, all, strangers), or contacts that are named."""
    kinds = chance.sample(KINDS, chance.choice((1, 2, 3)))
    some = frozenset(chance.sample([*firm.members, uuid7()], chance.randint(0, 13)))
    named = frozenset(chance.sample([*firm.contacts, uuid7()], chance.randint(0, 40)))
    return kinds, chance.choice((Reach(advisers=some), Reach(advisers=some), Reach(contacts=named), Reach()))


async def test_the_pages_of_a_list_are_together_what_the_rule_gives(firm, way):
    for seed in range(25):
        chance = random.Random(seed)
        reach = reach_of(firm, chance)
        found, total = await pages(firm, chance.randint(1, 60), reach)
        expected = firm.listed(*reach)
        assert [each for page in found for each in page] == expected, f"seed {seed}"
        assert total == len(expected), f"seed {seed}"


async def test_while_contacts_and_advisers_change_nothing_that_stayed_is_lost_or_doubled(firm, way):
    for seed in range(6):
        chance = random.Random(seed)
        reach = reach_of(firm, chance)
        stayed = set(firm.listed(*reach))
        ever = set(stayed)

        async def change(chance=chance, reach=reach, stayed=stayed, ever=ever):
            async with firm.begin() as unit:
                await firm.disturb(unit, chance)
            now = set(firm.listed(*reach))
            stayed &= now
            ever |= now

        found, _ = await pages(firm, chance.randint(5, 30), reach, between=change)
        seen = [each for page in found for each in page]
        assert seen == sorted(set(seen)), f"seed {seed}"
        assert stayed <= set(seen) <= ever, f"seed {seed}"


async def test_no_page_shows_who_is_no_longer_in_reach(firm, way):
    for seed in range(5):
        chance = random.Random(seed)
        reach = KINDS, Reach(advisers=frozenset(chance.sample(firm.members, 6)))
        allowed = [set(firm.listed(*reach))]

        async def change(chance=chance, reach=reach, allowed=allowed):
            async with firm.begin() as unit:
                await firm.disturb(unit, chance)
            allowed.append(set(firm.listed(*reach)))

        found, _ = await pages(firm, 9, reach, between=change)
        assert all(set(page) <= then for page, then in zip(found, allowed, strict=True)), f"seed {seed}"


async def test_contacts_are_counted_up_to_a_thousand_and_whoever_has_two_advisers_once(firm, monkeypatch):
    reaches = (Reach(advisers=frozenset(firm.members)), Reach(), Reach(advisers=frozenset(firm.members[:2])))
    for most in (1, 7, 60, 100_000):
        monkeypatch.setattr(contact_lists, "MOST_COUNTED", most)
        for reach in reaches:
            async with firm.begin() as unit:
                counted = await contact_lists.count(unit, KINDS, reach)
            assert counted == min(len(firm.listed(KINDS, reach)), most + 1)


async def test_a_total_that_somebody_made_up_changes_no_page(firm, way):
    reach = KINDS, Reach(advisers=frozenset(firm.members[:5]))
    for made_up in (None, 0, 1, 2**62):
        async with firm.begin() as unit:
            page = await contact_lists.keys(unit, *reach, after=None, size=20, total=made_up)
        assert [(row["key"], row["id"]) for row in page] == firm.listed(*reach)[:20]
