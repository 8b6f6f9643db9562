"""No sequence of acts lifts anybody above the ceiling, by any path: administrators of every kind act at random."""

import os

import pytest
from faults import OF_ACTS
from seeding import Fault, seeded
from walking import Broken, walk

FULL = bool(os.environ.get("PARVIS_FULL"))
WALKS = 60 if FULL else 6
STEPS = 200 if FULL else 50
#: Beyond the organisations of other tests; a fault is looked for in other walks.
FIRST, FIRST_OF_FAULTS = 900_000, 910_000
#: Walks until one shows a fault, and how long each is.
LOOKED_AT, STEPS_OF_FAULTS = 40, 60


@pytest.mark.parametrize("number", range(FIRST, FIRST + WALKS))
async def test_no_sequence_of_acts_lifts_anybody_above_the_ceiling(number, stage, database_urls):
    outcomes = await walk(stage, database_urls.superuser, number, STEPS)

    print(dict(outcomes))
    assert sum(count for outcome, count in outcomes.items() if outcome.endswith(" done")) > STEPS / 20


@pytest.mark.full
@pytest.mark.parametrize("fault", OF_ACTS, ids=lambda each: each.name)
async def test_a_fault_in_what_acts_may_do_is_noticed(fault: Fault, stage, database_urls, request):
    first = FIRST_OF_FAULTS + OF_ACTS.index(fault) * LOOKED_AT
    noticed = ""
    with seeded(fault):
        for number in range(first, first + LOOKED_AT):
            try:
                await walk(stage, database_urls.superuser, number, STEPS_OF_FAULTS)
            except Broken as broken:
                noticed = str(broken)
                break

    request.node.user_properties += [("fault", fault.name), ("noticed", noticed)]
    assert noticed, f"nobody notices: {fault.name}"
