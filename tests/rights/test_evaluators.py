"""Four evaluators agree: the rules as written, single decisions, grant sets and SQL, on drawn organisations."""

import os
from collections.abc import Iterator

import pytest
from asking import asked
from evaluators import Place, Verdict, compare
from facts import CATALOGUE, OF_EVERYBODY, PORTAL_RIGHTS, organisation_uuid
from generator import organisation
from writing import write

from parvis_kit.caller import Caller
from parvis_tenancy.domain import catalogue

FULL = bool(os.environ.get("PARVIS_FULL"))
#: A part is a test of its own: none stands as long as would end the run. All parts together are a million questions.
PARTS = 50 if FULL else 1
ORGANISATIONS = 130
AT_ONCE = 50


def batches(part: int) -> Iterator[range]:
    """The seeds of as many organisations as are written at once."""
    begin, end = part * ORGANISATIONS, (part + 1) * ORGANISATIONS
    return (range(first, min(first + AT_ONCE, end)) for first in range(begin, end, AT_ONCE))


@pytest.mark.parametrize("part", range(PARTS))
async def test_all_evaluators_agree(part, database, database_urls):
    verdict = Verdict()
    for seeds in batches(part):
        drawn = {seed: organisation(seed) for seed in seeds}
        await write(database_urls.superuser, drawn)
        for seed, facts in drawn.items():
            place = Place(seed, facts)
            async with database.begin(Caller("tenancy"), organisation_id=organisation_uuid(seed)) as unit:
                await compare(unit, place, asked(facts, seed), verdict)
        assert verdict.wrong[:10] == [], f"{len(verdict.wrong)} of {verdict.questions}"

    print(f"{verdict.questions} questions about {ORGANISATIONS} organisations, all the same")


def test_the_catalogue_is_the_one_written_down():
    """Codes, limits, what is required and what is whole: a right that changes changes here too."""
    assert [(each.code, each.limited_by, each.requires, each.provider_only) for each in CATALOGUE] == [
        (each.code, each.limited_by, each.requires, each.provider_only) for each in catalogue.CATALOGUE
    ]
    assert {each.code for each in catalogue.CATALOGUE if each.whole} == OF_EVERYBODY
    assert catalogue.PORTAL_RIGHTS == PORTAL_RIGHTS
