"""The kit's tests run against a sample service with a schema of its own."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "sample"))


@pytest.fixture(scope="session")
def service_package() -> str:
    return "parvis_sample"
