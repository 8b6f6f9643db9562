"""The 131 runs. Every one is a fact to hold, positive or negative, shown by driving the provider over HTTP alone."""

import pytest
from plans import RUNS
from runs import Run


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("name", RUNS, ids=RUNS)
def test_module(verdict: Run, name: str) -> None:
    if verdict.broken:
        pytest.fail(f"{name}: {len(verdict.broken)} of {len(verdict.conditions)} conditions do not hold", pytrace=False)
