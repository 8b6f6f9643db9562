"""That four evaluators agree is worth something: each of these faults in the product is noticed."""

import os

import pytest
from asking import asked
from evaluators import Place, Verdict, compare
from facts import organisation_uuid
from faults import FAULTS, OF_ACTS
from generator import organisation
from seeding import Fault, seeded
from writing import write

from parvis_kit.caller import Caller

#: Organisations that are looked at, one after the other, until one shows the fault. Without a fault none does:
#: test_evaluators.py looks at the same ones.
ORGANISATIONS = 200
#: Every so many is seeded where time is short.
FEW = 12


@pytest.fixture(scope="module")
async def organisations(database_urls):
    drawn = {seed: organisation(seed) for seed in range(ORGANISATIONS)}
    await write(database_urls.superuser, drawn)
    return drawn


async def noticed(database, organisations) -> str:
    """The first thing that is wrong; empty when nothing is."""
    for seed, facts in organisations.items():
        verdict = Verdict()
        async with database.begin(Caller("tenancy"), organisation_id=organisation_uuid(seed)) as unit:
            await compare(unit, Place(seed, facts), asked(facts, seed), verdict)
        if verdict.wrong:
            return f"organisation {seed}, {verdict.wrong[0]}"
    return ""


@pytest.mark.parametrize(
    "fault", FAULTS if os.environ.get("PARVIS_FULL") else FAULTS[::FEW], ids=lambda each: each.name
)
async def test_a_seeded_fault_is_noticed(fault: Fault, database, organisations, request):
    with seeded(fault):
        found = await noticed(database, organisations)

    request.node.user_properties += [("fault", fault.name), ("noticed", found)]
    assert found, f"nobody notices: {fault.name}"


@pytest.mark.parametrize("fault", [*FAULTS, *OF_ACTS], ids=lambda each: each.name)
def test_every_fault_still_changes_something(fault: Fault):
    """Raises NotThere where the product says something else by now."""
    with seeded(fault):
        pass


def test_there_are_at_least_thirty_faults_and_each_is_another():
    assert len({(each.where, each.old, each.new) for each in FAULTS}) == len(FAULTS) >= 30
