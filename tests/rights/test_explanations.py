"""Every explanation replays: its chain alone gives the yes, its remedies give one once they are made."""

import os
from itertools import islice

import pytest
import reference
from evaluators import Place, everything_at
from facts import PORTAL_RIGHTS, Question, organisation_uuid
from generator import organisation, questions
from replaying import alone, enough
from writing import write

from parvis_kit.caller import Caller
from parvis_tenancy.domain import decisions, explanations

ORGANISATIONS = 600 if os.environ.get("PARVIS_FULL") else 30
ASKED = 30


@pytest.fixture(scope="module")
async def explained(database, database_urls):
    """Facts, a question, the chain of its yes or the remedies of its no: of many organisations."""
    drawn = {seed: organisation(seed) for seed in range(ORGANISATIONS)}
    await write(database_urls.superuser, drawn)
    found = []
    for seed, facts in drawn.items():
        place = Place(seed, facts)
        async with database.begin(Caller("tenancy"), organisation_id=organisation_uuid(seed)) as unit:
            for asked in islice(questions(facts, seed), ASKED):
                if reference.decide(facts, asked).reason == "right_unknown":
                    continue
                read = await everything_at(unit, place, asked.at)
                if asked.right and asked.right not in read.catalogue:
                    continue
                question = place.asked(asked)
                answer = decisions.decide(read, question, asked.at)
                chain = explanations.chain(read, question, answer) if answer.allowed else ()
                remedies = () if answer.allowed else explanations.remedies(read, question, asked.at)
                found.append((facts, asked, chain, remedies))
    return found


def test_a_chain_alone_gives_the_yes_that_it_explains(explained):
    replayed = [(facts, asked, chain) for facts, asked, chain, _ in explained if chain]

    wrong = [
        (asked, chain)
        for facts, asked, chain in replayed
        if not reference.decide(alone(facts, asked, chain), asked).allowed
    ]

    assert wrong == []
    assert len(replayed) > 5 * ORGANISATIONS


def test_every_yes_has_a_chain(explained):
    unexplained = [
        asked for facts, asked, chain, _ in explained if reference.decide(facts, asked).allowed and not chain
    ]

    assert unexplained == []


def test_without_one_of_its_links_a_chain_gives_no_yes(explained):
    """Nothing in it is there in vain."""
    idle = [
        (asked, link)
        for facts, asked, chain, _ in explained
        for link in chain
        if reference.decide(alone(facts, asked, [each for each in chain if each != link]), asked).allowed
    ]

    assert idle == []


def test_a_remedy_that_is_made_gives_a_yes(explained):
    proposed = [(facts, asked, remedy) for facts, asked, _, remedies in explained for remedy in remedies]

    assert [(asked, remedy) for facts, asked, remedy in proposed if not enough(facts, asked, remedy)] == []
    assert len(proposed) > 5 * ORGANISATIONS


def test_no_part_of_a_remedy_is_enough(explained):
    idle = [
        (asked, remedy)
        for facts, asked, _, remedies in explained
        for remedy in remedies
        for change in remedy
        if enough(facts, asked, [each for each in remedy if each != change])
    ]

    assert idle == []


def test_every_no_that_somebody_could_change_has_a_remedy(explained):
    hopeless = [
        asked
        for facts, asked, _, remedies in explained
        if not remedies and not reference.decide(facts, asked).allowed and not _is_beyond_a_portal(asked)
    ]

    assert hopeless == []


def _is_beyond_a_portal(question: Question) -> bool:
    return question.kind == "portal" and question.right not in PORTAL_RIGHTS
