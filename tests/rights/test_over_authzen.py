"""What products are told over REST (AuthZEN): what the rules as written say, and lists that are all that they allow."""

from datetime import UTC, datetime

import pytest
import reference
from authzen_stage import Pep
from facts import Question, organisation_uuid, uuid_of
from test_over_grpc import present
from writing import write

ORGANISATIONS = 4
FIRST = 800_000
#: Questions of one request.
MOST = 200


@pytest.fixture(scope="module")
async def places(stage, database_urls):
    """Organisations with each product that they subscribe, as whoever asks for it."""
    drawn = {FIRST + seed: present(seed) for seed in range(ORGANISATIONS)}
    await write(database_urls.superuser, drawn)
    return [
        (number, facts, product, Pep(stage, f"client-{uuid_of(number, 'product', product)}"))
        for number, facts in drawn.items()
        for product, each in facts.products.items()
        if each.subscribed
    ]


def now():
    return datetime.now(UTC)


def context_of(number):
    return {"organisation": str(organisation_uuid(number))}


def codes_of(facts, product, *, scoped):
    """What a product may ask for: its own rights that are not withdrawn, and contacts.read."""
    own = [each.code for each in facts.product_rights if each.product == product and not each.withdrawn]
    known = ["contacts.read", *own]
    return [code for code in known if (reference.limited_by(facts, code) == "contact") is scoped]


def subject_of(number, kind, who):
    return {"type": "member", "id": str(uuid_of(number, kind, who))}


def contact_of(number, contact):
    return {"type": "contact", "id": str(uuid_of(number, "contact", contact))}


def every_question(number, facts, product, client_id):
    """All that the product can ask about single members: how it asks, and the question in plain values."""
    itself = {"type": "product", "id": client_id}
    for kind, who in reference.everybody(facts):
        subject = subject_of(number, kind, who)
        for code in codes_of(facts, product, scoped=True):
            for contact in facts.contacts:
                asked = {"subject": subject, "action": {"name": code}, "resource": contact_of(number, contact)}
                yield asked, Question(kind, who, code, "contact", contact, now())
        for code in (*codes_of(facts, product, scoped=True), *codes_of(facts, product, scoped=False)):
            asked = {"subject": subject, "action": {"name": code}, "resource": itself}
            yield asked, Question(kind, who, code, "", 0, now())
        asked = {"subject": subject, "action": {"name": "use"}, "resource": itself}
        yield asked, Question(kind, who, "", "product", product, now())


async def test_evaluations_are_what_the_rules_say(places):
    said = []
    for number, facts, product, pep in places:
        drawn = list(every_question(number, facts, product, pep.client_id))
        for first in range(0, len(drawn), MOST):
            part = drawn[first : first + MOST]
            answer = await pep.ask(
                "evaluations", {"context": context_of(number), "evaluations": [asked for asked, _ in part]}
            )
            decided = [each["decision"] for each in answer["evaluations"]]
            assert decided == [reference.decide(facts, each).allowed for _, each in part], number
            said += decided
    assert min(said.count(True), said.count(False)) > 50  # drawn organisations in which nothing is asked prove nothing


async def gone_through(pep, path, asked):
    """All results of a search, three a page."""
    found, token = [], ""
    while True:
        answer = await pep.ask(path, {**asked, "page": {"limit": 3, "token": token}})
        found += [each["id"] for each in answer["results"]]
        token = answer["page"]["next_token"]
        if not token:
            return found


async def test_searches_find_all_that_the_rules_allow_and_each_once(places):
    for number, facts, product, pep in places:
        for code in codes_of(facts, product, scoped=True):
            asked = {"action": {"name": code}, "context": context_of(number)}
            for kind, who in reference.everybody(facts):
                search = {**asked, "subject": subject_of(number, kind, who), "resource": {"type": "contact"}}
                allowed = reference.objects(facts, kind, who, code, now())
                in_order = sorted(allowed, key=lambda each, of=facts: (of.contacts[each].key, each))
                expected = [contact_of(number, each)["id"] for each in in_order]
                assert await gone_through(pep, "search/resource", search) == expected, (number, kind, who, code)
            for contact in list(facts.contacts)[:4]:
                search = {**asked, "subject": {"type": "member"}, "resource": contact_of(number, contact)}
                found = await gone_through(pep, "search/subject", search)
                allowed = reference.subjects(facts, code, contact, now())
                assert len(found) == len(set(found))
                assert set(found) == {subject_of(number, *each)["id"] for each in allowed}, (number, code, contact)


async def test_an_action_search_names_what_evaluations_allow(places):
    for number, facts, product, pep in places:
        for kind, who in reference.everybody(facts):
            for contact in list(facts.contacts)[:3]:
                asked = {"subject": subject_of(number, kind, who), "resource": contact_of(number, contact)}
                answer = await pep.ask("search/action", {**asked, "context": context_of(number)})
                allowed = {
                    code
                    for code in codes_of(facts, product, scoped=True)
                    if reference.decide(facts, Question(kind, who, code, "contact", contact, now())).allowed
                }
                assert {each["name"] for each in answer["results"]} == allowed
