"""Rows of models, written by hand: SQLAlchemy builds its statement anew each time, at ten times the price."""

import json
from operator import attrgetter
from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

from parvis_kit.unit import UnitOfWork


class Insertion:
    """The INSERT of a model: every column that it has, so that a new one is not forgotten."""

    def __init__(self, model: type[SQLModel]) -> None:
        table = model.metadata.tables[str(model.__tablename__)]
        names = [column.name for column in table.columns]
        places = ", ".join(f"${number}" for number in range(1, len(names) + 1))
        self._statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({places})"  # noqa: S608 - the model's names
        self._values = attrgetter(*names)
        self._json = [number for number, column in enumerate(table.columns) if isinstance(column.type, JSONB)]

    async def __call__(self, unit: UnitOfWork, row: SQLModel) -> None:
        """Writes a row, which is then no part of the unit's session."""
        values: list[Any] = list(self._values(row))
        for number in self._json:
            if values[number] is not None:
                values[number] = json.dumps(values[number])
        await unit.fetch(self._statement, *values)
