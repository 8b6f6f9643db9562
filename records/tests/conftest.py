"""Which schema a test's database has; tests of every service's make their own."""

import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def service_package() -> str:
    return "parvis_notify"


sys.path.insert(0, str(Path(__file__).parent))
