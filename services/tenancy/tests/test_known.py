"""What a process keeps about memberships answers as the tables do: after any change, at once, and after none undone."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.caller import Caller
from parvis_kit.ids import uuid7
from parvis_tenancy.domain.decisions import Question, decide
from parvis_tenancy.store import facts, known, rights
from parvis_tenancy.store.facts import Moment

ADVISER = tenancy_pb2.ADVISER_ROLE_MAIN

_CHANGED_NOW = """
SELECT DISTINCT c.act FROM {table} f
JOIN rights_changes c ON c.organisation_id = f.organisation_id AND c.revision = f.since WHERE c.act = ANY($1)"""
_CHANGED_BEFORE = """
SELECT DISTINCT c.act FROM fact_history f
JOIN rights_changes c ON c.organisation_id = f.organisation_id AND c.revision = f.until
WHERE c.act = ANY($1) AND f.relation = '{table}'"""


class Asker:
    """Asks what is kept and the tables, and counts how often all was read again."""

    def __init__(self, stage, organisation_id):
        self.stage = stage
        self.organisation_id = organisation_id
        self.known = known.Known()

    def begin(self):
        return self.stage.service.database.begin(Caller("tenancy"), organisation_id=self.organisation_id)

    async def ask(self, membership_id, right="contacts.read", contact_id=None):
        """The answer, the same from both; `read` of it says whether everything was read again."""
        membership, contact = UUID(membership_id), UUID(contact_id) if contact_id else None
        question = Question(membership, right, "contact" if contact else "", contact)
        async with self.begin() as unit:
            asked = await self.known.for_question(unit, membership, right, contact)
            read = await facts.for_question(unit, Moment(unit.now), membership, contact_id=contact)
            kept, fresh = (decide(each.facts, question, unit.now) for each in (asked.read, read))
        assert (kept, asked.read.revisions) == (fresh, read.revisions)
        return kept.reason

    async def is_kept(self, membership_id):
        """Whether the next question would be answered without reading the facts of the membership."""
        organisation, membership = self.organisation_id, UUID(membership_id)
        async with self.begin() as unit:
            before = self.known._read.get((organisation, membership))
            await self.known.for_question(unit, membership, "contacts.read")
            after = self.known._read.get((organisation, membership))
        return before is not None and after.facts is before.facts


@pytest.fixture
async def adviser(stage, admin):
    return await stage.colleague(admin, "adviser")


@pytest.fixture
def asker(stage, admin):
    return Asker(stage, admin.organisation_id)


async def test_what_is_kept_holds_while_contacts_arrive_and_change_advisers(stage, admin, adviser, asker):
    record = await stage.contact(admin)
    assert await asker.ask(adviser.membership_id, contact_id=record.contact.id) == "out_of_scope"
    await stage.contact(adviser)
    advisers = [tenancy_pb2.Adviser(membership_id=adviser.membership_id, role=ADVISER)]
    await admin.call("SetAdvisers", contact_id=record.contact.id, advisers=advisers)
    assert await asker.is_kept(adviser.membership_id)
    assert await asker.ask(adviser.membership_id, contact_id=record.contact.id) == ""


async def test_a_right_that_is_taken_away_counts_at_the_next_question(stage, admin, adviser, asker):
    record = await stage.contact(adviser)
    assert await asker.ask(adviser.membership_id, contact_id=record.contact.id) == ""
    await admin.call("CutMember", id=adviser.membership_id)
    assert await asker.ask(adviser.membership_id, contact_id=record.contact.id) == "membership_ended"


async def test_a_superior_reaches_what_a_new_attachment_brings(stage, admin, adviser, asker):
    chief = await stage.colleague(admin, "manager")
    record = await stage.contact(adviser)
    async with asker.begin() as unit:
        await rights.next_revision(unit, "member.changed")
        personal = "INSERT INTO personal_rights (organisation_id, membership_id, code, scope) VALUES ($1, $2, $3, 3)"
        await unit.fetch(personal, unit.organisation_id, UUID(chief.membership_id), "contacts.read")
    assert await asker.ask(chief.membership_id, contact_id=record.contact.id) == "out_of_scope"
    async with asker.begin() as unit:
        await rights.next_revision(unit, "member.changed")
        attach = "UPDATE memberships SET manager_id = $2 WHERE id = $1"
        await unit.fetch(attach, UUID(adviser.membership_id), UUID(chief.membership_id))
    assert await asker.ask(chief.membership_id, contact_id=record.contact.id) == ""


async def test_a_delegation_begins_and_ends_without_a_revision(stage, admin, adviser, asker):
    deputy = await stage.colleague(admin, "junior")
    record = await stage.contact(adviser)
    delegate = """INSERT INTO delegations
        (organisation_id, id, from_id, to_id, codes, starts_at, ends_at, reason, created_at)
        VALUES ($1, $2, $3, $4, '{contacts.read}', $5, $6, '', now())"""
    async with asker.begin() as unit:
        await rights.next_revision(unit, "delegation.given")
        starts, ends = unit.now + timedelta(seconds=0.4), unit.now + timedelta(seconds=0.8)
        pair = UUID(adviser.membership_id), UUID(deputy.membership_id)
        await unit.fetch(delegate, unit.organisation_id, uuid7(), *pair, starts, ends)
    heard = []
    while not heard or heard[-1] != "out_of_scope" or "" not in heard:
        heard.append(await asker.ask(deputy.membership_id, contact_id=record.contact.id))
        assert await asker.is_kept(deputy.membership_id)
        await asyncio.sleep(0.05)
    assert [each for before, each in zip(["-", *heard], heard, strict=False) if before != each] == [
        "out_of_scope", "", "out_of_scope",
    ]  # fmt: skip


async def _cut_and_undo(asker, membership):
    async with asker.begin() as unit:
        await rights.next_revision(unit, "member.changed")
        await unit.fetch("UPDATE memberships SET state = 3 WHERE id = $1", membership)
        asked = await asker.known.for_question(unit, membership, "contacts.edit")
        question = Question(membership, "contacts.edit")
        assert decide(asked.read.facts, question, unit.now).reason == "membership_ended"
        raise ZeroDivisionError


async def test_what_was_seen_in_a_transaction_that_is_undone_is_not_kept(stage, admin, adviser, asker):
    assert await asker.ask(adviser.membership_id, "contacts.edit") == ""
    with pytest.raises(ZeroDivisionError):
        await _cut_and_undo(asker, UUID(adviser.membership_id))
    async with asker.begin() as unit:
        await rights.next_revision(unit, "member.changed")  # the number of the revision that was undone
    assert await asker.ask(adviser.membership_id, "contacts.edit") == ""


async def test_many_revisions_later_everything_is_read_again(stage, admin, adviser, asker, monkeypatch):
    monkeypatch.setattr(known, "_FARTHEST", 3)
    await asker.ask(adviser.membership_id)
    for _ in range(3):
        await stage.contact(admin)
    assert await asker.is_kept(adviser.membership_id)
    for _ in range(4):
        await stage.contact(admin)
    assert not await asker.is_kept(adviser.membership_id)


async def test_acts_that_are_said_to_change_advisers_change_no_other_fact(stage, admin, adviser, asker):
    await stage.contact(adviser)
    record = await stage.contact(admin)
    advisers = [tenancy_pb2.Adviser(membership_id=adviser.membership_id, role=ADVISER)]
    await admin.call("SetAdvisers", contact_id=record.contact.id, advisers=advisers)
    tables = "SELECT table_name FROM information_schema.columns WHERE column_name = 'since' AND table_schema = 'public'"
    found = {row["table_name"] for row in await stage.rows(admin, tables)} - {"fact_history"}
    assert {"memberships", "contact_advisers"} <= found
    changed = set()
    for table in found:
        for query in (_CHANGED_NOW, _CHANGED_BEFORE):
            rows = await stage.rows(admin, query.format(table=table), known.ADVISER_ACTS)
            changed |= {(table, row["act"]) for row in rows}
    assert changed == {("contact_advisers", act) for act in known.ADVISER_ACTS}
