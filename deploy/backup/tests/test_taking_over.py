"""The last step of a restore: all six databases take their names, or none does."""

from types import SimpleNamespace

import asyncpg
import pytest

from parvis_backup import restoring
from parvis_backup.place import DATABASES
from parvis_backup.problems import BackupError


@pytest.fixture
def server(monkeypatch):
    """A server that knows names of databases, and what is in each; `refused`: the statement that fails."""
    server = SimpleNamespace(databases={}, refused="")
    for service in DATABASES:
        server.databases |= {f"parvis_{service}": "empty", f"parvis_{service}_restoring": "filled"}

    async def execute(statement):
        if server.refused and server.refused in statement:
            server.refused = ""
            raise asyncpg.ObjectInUseError("database is being accessed by other users")
        words = statement.split('"')
        if statement.startswith("ALTER DATABASE"):
            server.databases[words[3]] = server.databases.pop(words[1])
        if statement.startswith("DROP DATABASE"):
            server.databases.pop(words[1], None)

    async def fetch(_):
        return [{"datname": name} for name in server.databases]

    async def close():
        pass

    async def connect(_):
        return SimpleNamespace(execute=execute, fetch=fetch, close=close)

    monkeypatch.setattr(restoring.databases, "connect", connect)
    return server


PLACE = SimpleNamespace(database_url=lambda name: name)


async def test_the_filled_databases_take_the_names(server):
    await restoring.take_over(PLACE)
    assert server.databases == {f"parvis_{service}": "filled" for service in DATABASES}


@pytest.mark.parametrize(
    "refused",
    [
        'ALTER DATABASE "parvis_identity" ',
        'ALTER DATABASE "parvis_documents" ',
        'ALTER DATABASE "parvis_documents_restoring"',
        'ALTER DATABASE "parvis_web_restoring"',
        'GRANT CONNECT ON DATABASE "parvis_billing_restoring"',
    ],
)
async def test_a_step_that_fails_leaves_all_as_they_were(server, refused):
    before, server.refused = dict(server.databases), refused
    with pytest.raises(BackupError, match="accessed by other users"):
        await restoring.take_over(PLACE)
    assert server.databases == before
