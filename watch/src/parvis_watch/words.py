"""What an error says without what it is about: PostgreSQL quotes rows, SQLAlchemy parameters, Pydantic what was sent,
and logs and dead letters hold nobody's name.
"""

import asyncpg
from pydantic import ValidationError

#: Characters of an error's own first line.
_MOST = 300


def said(error: BaseException) -> str:
    """One line: the type; of PostgreSQL its code and the names in the schema, of Pydantic the fields, else what the
    error says in its first line.
    """
    inner = getattr(error, "orig", None)  # SQLAlchemy's, around the driver's
    if isinstance(inner, BaseException):
        return f"{type(error).__name__}: {said(inner.__cause__ or inner)}"
    if isinstance(error, ValidationError):
        told = "; ".join(
            f"{'.'.join(map(str, each['loc']))} {each['type']}" for each in error.errors(include_input=False)
        )
    elif isinstance(error, asyncpg.PostgresError):
        named = (error.sqlstate, error.schema_name, error.table_name, error.column_name, error.constraint_name)
        told = " ".join(filter(None, named))
    else:
        told = next(iter(str(error).splitlines()), "")[:_MOST]
    return f"{type(error).__name__}: {told}" if told else type(error).__name__
