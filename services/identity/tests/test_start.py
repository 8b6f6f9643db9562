"""What a start needs of the database: it waits while that is away, and for nothing else."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.exc import ProgrammingError

from parvis_identity.service import housekeeping
from parvis_kit.errors import unavailable
from parvis_kit.unit import Database


@dataclass
class Failing:
    """A database that fails so often before it answers."""

    database: Database
    error: Exception
    times: int = 2

    def begin(self, *arguments, **more):
        self.times -= 1
        if self.times >= 0:
            raise self.error
        return self.database.begin(*arguments, **more)


async def test_a_start_waits_while_the_database_is_away(stage):
    away = Failing(stage.database, unavailable("database_unavailable", service="identity"))

    await housekeeping.prepare(away, stage.ring, stage.settings)

    assert away.times < 0


async def test_a_start_does_not_wait_for_what_is_wrong(stage):
    wrong = Failing(stage.database, ProgrammingError("SELECT", {}, Exception("no such column")))

    with pytest.raises(ProgrammingError):
        await housekeeping.prepare(wrong, stage.ring, stage.settings)

    assert wrong.times == 1


def test_no_migration_makes_an_account_or_a_password():
    """Whoever is there first was let in by the token of the first start."""
    folder = Path(__file__).parents[1] / "migrations"
    said = {path.name: path.read_text() for path in folder.glob("*.py")}
    assert "0001_first.py" in said
    made = re.compile(r"INSERT\s+INTO\s+(accounts|credentials)\b|bulk_insert", re.IGNORECASE)
    assert [name for name, text in said.items() if made.search(text)] == []
