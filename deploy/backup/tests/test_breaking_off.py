"""A backup whose disk fills or whose PostgreSQL goes says so in a sentence: in its log, and to the doctor."""

import asyncio
import errno
import socket
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import pytest

from parvis_backup import making, outcome
from parvis_backup.place import Place, Store
from parvis_backup.problems import BackupError
from parvis_backup.vault import Vault

GONE = asyncpg.ConnectionDoesNotExistError("connection was closed: DETAIL (claire@orsel.example)")


@pytest.fixture
def place():
    store = Store("http://127.0.0.1:1", "parvis", "eu-west-3", "key", "secret")
    return Place(database_url=lambda name: name, nats_url="nats://", store=store, secrets={})


@pytest.fixture
def vault(tmp_path, monkeypatch):
    async def oldest(_):
        await asyncio.sleep(0)
        return datetime.now(UTC)

    monkeypatch.setattr(making.broker, "oldest_unhandled", oldest)
    return Vault.open_or_make(tmp_path / "backups", "a passphrase for tests")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (GONE, "PostgreSQL ended its work for the backup (ConnectionDoesNotExistError): its log says why"),
        (asyncpg.InterfaceError("connection is closed"), "PostgreSQL ended its work for the backup (InterfaceError)"),
        (OSError(errno.ENOSPC, "No space left on device"), "There is no room on the disk of"),
        (OSError(errno.EIO, "Input/output error", "/mnt/b/identity.dump"), "/mnt/b/identity.dump: Input/output error."),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "pg_dump"),
            "pg_dump: No such file or directory.",
        ),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "A connection broke (ConnectionResetError)"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "broke (Name or service not known)"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "A connection broke (No route to host)"),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed"), "A connection broke (OSError)"),
        (OSError(errno.EROFS, "Read-only file system"), "backups: Read-only file system. Look at that disk"),
        (ssl.SSLError(1, "[SSL] certificate has expired"), "A connection broke (SSLError)"),
        (TimeoutError(), "A connection broke (TimeoutError)"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_goes_wrong_outside_is_said_in_words_of_ours(place, vault, monkeypatch, error, says):
    @asynccontextmanager
    async def broken(_):
        raise error
        yield

    monkeypatch.setattr(making.databases, "common_mark", broken)
    with pytest.raises(BackupError) as raised:
        outcome.kept(vault.folder, 0, lambda: asyncio.run(making.make(place, vault)))
    assert says in str(raised.value)
    assert "orsel.example" not in str(raised.value)
    assert outcome.find(vault.folder).last.failed == str(raised.value)


async def test_a_fault_of_ours_stays_one(place, vault, monkeypatch):
    @asynccontextmanager
    async def faulty(_):
        raise RuntimeError("a fault")
        yield

    monkeypatch.setattr(making.databases, "common_mark", faulty)
    with pytest.raises(RuntimeError, match="a fault"):
        await making.make(place, vault)
