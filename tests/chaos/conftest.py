"""The driver of these tests stands beside them. Faults want disks of their own, which nobody else has."""

import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

for folder in ("bench", "chaos"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))
import clocks  # noqa: E402 - they stand beside this file
import disks  # noqa: E402


@pytest.fixture(scope="session")
def suite_data(suite_data):
    with disks.mounted(suite_data) if disks.can_be_had() else nullcontext():
        yield suite_data


@pytest.fixture(scope="session")
def suite_replicas():
    """Where the clock of one replica is wrong, another's is right."""
    return clocks.can_be_had()
