"""Identity over a real database, against directories of firms that others wrote."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "services" / "identity" / "tests"))
sys.path.insert(0, str(Path(__file__).parent))

from identity_stage import Stage, make_stage


@pytest.fixture(scope="session")
def service_package() -> str:
    return "parvis_identity"


@pytest.fixture(scope="module")
async def stage(database) -> Stage:
    return await make_stage(database, private_networks="127.0.0.0/8, ::1")
