"""What a start needs of the database: it waits while that is away, and for nothing else."""

from dataclasses import dataclass

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
