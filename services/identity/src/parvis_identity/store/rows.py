"""Rows written and read by hand: SQLAlchemy builds its statement anew each time, at ten times the price."""

import json
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Generic, TypeVar

import asyncpg
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm.attributes import manager_of_class
from sqlmodel import SQLModel

from parvis_kit.unit import UnitOfWork

Model = TypeVar("Model", bound=SQLModel)


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
        await unit.fetch(self._statement, *self._read(*rows))

    async def many(self, unit: UnitOfWork, rows: Sequence[object]) -> None:
        """Writes any number of rows, of the one model, in one round trip."""
        await unit.flush()
        await unit.driver.executemany(self._statement, [self._read(row) for row in rows])

    def _read(self, *rows: object) -> list[Any]:
        values: list[Any] = [each for read, row in zip(self._values, rows, strict=True) for each in read(row)]
        for number in self._json:
            if values[number] is not None:
                values[number] = json.dumps(values[number])
        return values


class Reading(Generic[Model]):
    """Rows of a model as a statement brings them that is written by hand. No session watches them: what is set on one
    is not saved.
    """

    def __init__(self, model: type[Model], alias: str) -> None:
        """`alias`: what the statement calls the table."""
        columns = model.metadata.tables[str(model.__tablename__)].columns
        self._model = model
        self._names = [column.name for column in columns]
        #: How many values are one row's.
        self.width = len(self._names)
        #: What the statement selects, or returns.
        self.columns = ", ".join(f"{alias}.{name}" for name in self._names)

    def __call__(self, row: asyncpg.Record, *, start: int = 0) -> Model:
        """The row of the model among the values of one, from its `start`."""
        # As SQLAlchemy makes what it loads: the model's own way in takes thirty times as long.
        made = manager_of_class(self._model).new_instance()
        made.__dict__.update(zip(self._names, row[start : start + self.width], strict=True))
        return made
