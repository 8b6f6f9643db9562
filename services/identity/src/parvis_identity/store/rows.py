"""Rows written by hand: SQLAlchemy builds its statement anew each time, at ten times the price."""

import json
from operator import attrgetter
from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

from parvis_kit.unit import UnitOfWork


class Insertion:
    """The INSERT of a row of a model, or of one of each of several, in one statement: every column that they have, so
    that a new one is not forgotten. What is inserted may be anything with these names.
    """

    def __init__(self, *models: type[SQLModel]) -> None:
        tables = [model.metadata.tables[str(model.__tablename__)] for model in models]
        columns = [[column.name for column in table.columns] for table in tables]
        self._values = [attrgetter(*names) for names in columns]
        self._json = [
            number
            for number, column in enumerate(column for table in tables for column in table.columns)
            if isinstance(column.type, JSONB)
        ]
        parts, number = [], 0
        for table, names in zip(tables, columns, strict=True):
            places = ", ".join(f"${number + place}" for place in range(1, len(names) + 1))
            parts.append(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({places})")  # noqa: S608 - the models'
            number += len(names)
        before = ", ".join(f"part_{place} AS ({part})" for place, part in enumerate(parts[:-1]))
        self._statement = f"WITH {before} {parts[-1]}" if before else parts[-1]

    async def __call__(self, unit: UnitOfWork, *rows: object) -> None:
        """Writes the rows, which are then no part of the unit's session."""
        values: list[Any] = [each for read, row in zip(self._values, rows, strict=True) for each in read(row)]
        for number in self._json:
            if values[number] is not None:
                values[number] = json.dumps(values[number])
        await unit.fetch(self._statement, *values)
