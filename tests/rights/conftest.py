"""Rights: the rules as written, an engine of others, and the product's evaluators are asked the same questions."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def service_package() -> str:
    return "parvis_tenancy"
