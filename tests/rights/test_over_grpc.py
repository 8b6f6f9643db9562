"""What services and pages are told over gRPC: what the rules as written say, and lists that are all that they allow.

Delegations are moved to the present, so that some of them are in force now.
"""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
import reference
from facts import ACTIVE, Facts, kind_of, number_of, organisation_uuid, uuid_of
from generator import NOON, organisation, questions
from standing import wear
from writing import write

from parvis.tenancy.v1 import tenancy_pb2

ORGANISATIONS = 60 if os.environ.get("PARVIS_FULL") else 6
ASKED = 60
#: Rights whose lists are read whole, in each organisation.
LISTED = 3
PAGE = 3
FIRST = 700_000


def now() -> datetime:
    """The present, as exactly as a question can say."""
    return datetime.now(UTC)


def present(seed: int) -> Facts:
    """An organisation of today, administered by member 1: its noon was half an hour ago."""
    facts = organisation(seed, size=3 + seed % 8)
    since = now() - timedelta(minutes=30) - NOON
    delegations = tuple(replace(each, starts=each.starts + since, ends=each.ends + since) for each in facts.delegations)
    first = replace(facts.members[1], profile=1, state=ACTIVE, tier=None)
    return replace(facts, delegations=delegations, members={**facts.members, 1: first})


@pytest.fixture(scope="module")
async def firms(stage, database_urls):
    """Organisations, each with its administrator as somebody who calls."""
    drawn = {FIRST + seed: present(seed) for seed in range(ORGANISATIONS)}
    await write(database_urls.superuser, drawn)
    return [
        (number, facts, wear(stage, organisation_uuid(number), uuid_of(number, "member", 1)))
        for number, facts in drawn.items()
    ]


def asked_of(number: int, facts: Facts, *, past: bool) -> list:
    """Questions about rights that exist: about now, or about moments that have been."""
    drawn = islice(questions(facts, number), 20 * ASKED)
    fitting = [
        each
        for each in drawn
        if (each.target == "product" or reference.exists(facts, each.right))
        and (not past or timedelta() < now() - each.at < timedelta(days=2))
    ]
    return [each if past else replace(each, at=now()) for each in fitting][:ASKED]


def question(number: int, asked) -> tenancy_pb2.Question:
    resource = tenancy_pb2.ResourceRef(type=asked.target)
    if asked.target:
        resource.id = str(uuid_of(number, asked.target, asked.what))
    return tenancy_pb2.Question(
        membership_id=str(uuid_of(number, asked.kind, asked.who)), right=asked.right, resource=resource
    )


def decided(answer) -> list[tuple[bool, str]]:
    return [(each.allowed, each.reason) for each in answer.decisions]


def expected(facts: Facts, asked) -> list[tuple[bool, str]]:
    answers = [reference.decide(facts, each) for each in asked]
    return [(each.allowed, each.reason) for each in answers]


async def test_questions_about_now_are_answered_as_the_rules_say(firms):
    for number, facts, administrator in firms:
        asked = asked_of(number, facts, past=False)

        answer = await administrator.call("BatchCheck", questions=[question(number, each) for each in asked])

        assert decided(answer) == expected(facts, asked)


async def test_questions_about_a_moment_are_answered_as_it_was(firms):
    for number, facts, administrator in firms:
        for at in {each.at for each in asked_of(number, facts, past=True)}:
            asked = [each for each in asked_of(number, facts, past=True) if each.at == at]
            request = tenancy_pb2.BatchCheckRequest(questions=[question(number, each) for each in asked])
            request.at.FromDatetime(at)

            assert decided(await administrator.call("BatchCheck", request)) == expected(facts, asked)


async def pages(caller, method: str, rows: str, **fields):
    """All that a list has, page by page."""
    found, token = [], ""
    while True:
        page = await caller.call(method, page_size=PAGE, page_token=token, **fields)
        found += getattr(page, rows)
        token = page.next_page_token
        if not token:
            return found


def codes_of(number: int, facts: Facts) -> list[str]:
    """Rights over contacts that are asked about."""
    scoped = {each.right for each in asked_of(number, facts, past=False) if each.target == "contact"}
    return sorted(code for code in scoped if reference.limited_by(facts, code) == "contact")[:LISTED]


async def test_the_list_of_objects_is_all_that_check_allows_in_order(firms):
    for number, facts, administrator in firms:
        for code in codes_of(number, facts):
            for kind, who in reference.everybody(facts):
                membership = str(uuid_of(number, kind, who))

                listed = await pages(
                    administrator, "ListObjects", "ids", membership_id=membership, right=code, type="contact"
                )

                allowed = reference.objects(facts, kind, who, code, now())
                in_order = sorted(allowed, key=lambda each, of=facts: (of.contacts[each].key, each))
                assert [number_of(each) for each in listed] == in_order, (number, kind, who, code)


async def test_the_list_of_subjects_is_all_whom_check_allows(firms):
    for number, facts, administrator in firms:
        for code in codes_of(number, facts):
            for contact in list(facts.contacts)[:PAGE]:
                resource = tenancy_pb2.ResourceRef(type="contact", id=str(uuid_of(number, "contact", contact)))

                listed = await pages(administrator, "ListSubjects", "subjects", right=code, resource=resource)

                found = [(kind_of(each.membership_id), number_of(each.membership_id)) for each in listed]
                assert len(found) == len(set(found))
                assert set(found) == reference.subjects(facts, code, contact, now()), (number, code, contact)


async def test_rights_at_a_moment_are_those_that_a_member_held(firms):
    for number, facts, administrator in firms:
        for who in facts.members:
            answer = await administrator.call("GetRightsAt", membership_id=str(uuid_of(number, "member", who)))

            held = {each.code: each.scope for each in answer.rights}
            assert held == reference.own_rights(facts, who), (number, who)
