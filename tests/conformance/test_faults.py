"""The conditions are worth something: each of these faults is noticed by one of the runs that are expected to."""

from collections.abc import Iterator

import faults_of_logout
import faults_of_requests
import faults_of_tokens
import pytest
from alone import identity_alone
from receiver import Receiver
from runs import Run, carry_out
from seeding import Fault
from under_test import Provider

from parvis_kit.testing import Databases

FAULTS = [*faults_of_tokens.FAULTS, *faults_of_requests.FAULTS, *faults_of_logout.FAULTS]
pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def breakable(databases: Databases) -> Iterator[Provider]:
    """The provider in this process, whose parts can be replaced."""
    with identity_alone(databases) as provider:
        yield provider


@pytest.fixture(scope="module")
def whole(breakable: Provider, receiver: Receiver) -> dict[str, bool]:
    """Whether a run passes without any fault, as far as that was asked."""
    return {}


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("fault", FAULTS, ids=[each.name for each in FAULTS])
def test_a_seeded_fault_is_noticed(
    fault: Fault, breakable: Provider, receiver: Receiver, whole: dict[str, bool], request: pytest.FixtureRequest
) -> None:
    for name in fault.noticed_by:
        if name not in whole:
            whole[name] = not carry_out(Run(name, breakable, receiver)).broken
    sound = [name for name in fault.noticed_by if whole[name]]
    if not sound:
        pytest.fail(f"{fault.name}: none of its runs passes without the fault: {fault.noticed_by}", pytrace=False)

    noticed = {}
    with fault.seed():
        for name in sound:
            run = carry_out(Run(name, breakable, receiver))
            if run.broken:
                noticed[name] = str(run.broken[0])

    request.node.user_properties += [("fault", fault.name), ("noticed", noticed)]
    if not noticed:
        pytest.fail(f"{fault.name}: no condition notices it in {', '.join(sound)}", pytrace=False)
