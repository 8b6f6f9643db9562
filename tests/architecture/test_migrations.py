"""Migrations do not hold up the release that runs beside them."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MIGRATIONS = sorted([*ROOT.glob("services/*/migrations/*.py"), *ROOT.glob("gateway/*/migrations/*.py")])


def adds_checks(path: Path) -> list[bool]:
    """Of each check that a migration adds to a table: whether the rows that are there are left for later."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    added = [call for call in calls if getattr(call.func, "attr", "") == "create_check_constraint"]
    return [any(each.arg == "postgresql_not_valid" for each in call.keywords) for call in added]


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: f"{path.parent.parent.name} {path.stem}")
def test_a_check_reads_the_rows_that_are_there_in_a_transaction_of_its_own(path):
    """Whoever adds one holds a lock that lets nobody read; VALIDATE alone lets everybody read and write."""
    added = adds_checks(path)
    assert all(added)
    assert not (added and "VALIDATE CONSTRAINT" in path.read_text())
