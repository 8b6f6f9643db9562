"""The driver of these tests stands beside them. Five hundred faults want disks of their own, which nobody else has."""

import os
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

for folder in ("bench", "chaos"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))
import disks  # noqa: E402 - it stands beside this file

FULL = os.environ.get("PARVIS_FULL") == "1"


@pytest.fixture(scope="session")
def suite_data(suite_data):
    with disks.mounted(suite_data) if FULL and disks.can_be_had() else nullcontext():
        yield suite_data


@pytest.fixture(scope="session")
def suite_replicas():
    """Where the clock of one replica is wrong, another's is right."""
    return FULL
