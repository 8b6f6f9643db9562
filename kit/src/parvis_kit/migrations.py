"""What a service's migrations are made of, and how they run: no env.py, no alembic.ini.

A migration is a file in `services/X/migrations/` with `revision`, `down_revision`, `upgrade()`. Each one is its own
transaction and waits five seconds at most for a lock, so that a migration never stalls the release that still runs.

A table belongs to one of three kinds, which stands in its comment (a test reads them all):
`parvis:tenant`, `parvis:two-party`, `parvis:global: <why>`.
"""

import asyncio
import importlib.util
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import structlog

from parvis_kit import tables
from parvis_watch.standing import refuse

if TYPE_CHECKING:
    from alembic.operations import Operations
    from sqlalchemy.engine import Connection

ORGANISATION = "(SELECT nullif(current_setting('parvis.organisation', true), '')::uuid)"
ACCOUNT = "(SELECT nullif(current_setting('parvis.account', true), '')::uuid)"
NOBODY = "'00000000-0000-0000-0000-000000000000'::uuid"
EVERYTHING = "SELECT, INSERT, UPDATE, DELETE"

_LOCK = 0x7061727669730001  # "parvis", 1: one advisory lock per database for whoever migrates it
_LOCK_ATTEMPTS = 6
_log = structlog.get_logger(__name__)


def kit_tables(op: "Operations") -> None:
    """Makes the kit's tables; called once, by each service's first migration.

    A later change to these tables comes as another function here, never as a change of this one's result.
    """
    for statement in re.split(r";\n(?=CREATE)", tables.DEFINITION):
        op.execute(statement)
    global_table(op, "outbox", "the relay sends the events of all organisations")
    global_table(op, "inbox", "message ids only", "SELECT, INSERT, DELETE")
    global_table(op, "dead_letters", "an operator's command replays them, whatever the organisation")
    global_table(op, "audit_queue", "tells the sealer which organisations have rows to seal")
    global_table(op, "audit_heads", "the sealer and the daily anchor read all heads", "SELECT, INSERT, UPDATE")
    own = f"organisation_id = coalesce({ORGANISATION}, {NOBODY})"
    sealed = "seq, previous, content_digest, digest, details, salt"
    _protect(op, "audit", {"tenant": ("ALL", own)}, f"SELECT, INSERT, UPDATE ({sealed})")
    op.create_table_comment("audit", "parvis:tenant")


def tenant_table(
    op: "Operations", table: str, column: str = "organisation_id", *, account: str = "", privileges: str = EVERYTHING
) -> None:
    """Rows of one organisation: seen and written only in a transaction that is set to it. Not set: no row at all.

    `account`: the column of the account that may read its own rows from anywhere (its memberships).
    """
    rules = {"tenant": ("ALL", f"{_name(op, column)} = {ORGANISATION}")}
    if account:
        rules["account"] = ("SELECT", f"{_name(op, account)} = {ACCOUNT}")
    _protect(op, table, rules, privileges)
    op.create_table_comment(table, "parvis:tenant")


def two_party_table(op: "Operations", table: str, a: str, b: str, privileges: str = EVERYTHING) -> None:
    """Rows that two organisations share, such as provider and customer: columns `a` and `b`."""
    rule = f"({_name(op, a)} = {ORGANISATION} OR {_name(op, b)} = {ORGANISATION})"
    _protect(op, table, {"two_party": ("ALL", rule)}, privileges)
    op.create_table_comment(table, "parvis:two-party")


def global_table(op: "Operations", table: str, reason: str, privileges: str = EVERYTHING) -> None:
    """A table outside all organisations; `reason` is kept in its comment and read by the isolation test."""
    _grant(op, table, privileges)
    op.create_table_comment(table, f"parvis:global: {reason}")


@contextmanager
def unforced(op: "Operations", *names: str) -> Iterator[None]:
    """Lets the owner change rows of protected tables: under FORCE, a data migration would silently change none."""
    for table in names:
        op.execute(f"ALTER TABLE {_name(op, table)} NO FORCE ROW LEVEL SECURITY")
    yield
    for table in names:
        op.execute(f"ALTER TABLE {_name(op, table)} FORCE ROW LEVEL SECURITY")


def _protect(op: "Operations", table: str, rules: dict[str, tuple[str, str]], privileges: str) -> None:
    name = _name(op, table)
    op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
    for policy, (command, rule) in rules.items():
        check = f" WITH CHECK ({rule})" if command == "ALL" else ""
        op.execute(f"CREATE POLICY parvis_{policy} ON {name} FOR {command} USING ({rule}){check}")
    _grant(op, table, privileges)


def _grant(op: "Operations", table: str, privileges: str) -> None:
    name, role = _name(op, table), _name(op, op.get_context().opts["service_role"])
    op.execute(f"REVOKE ALL ON {name} FROM PUBLIC, {role}")  # whatever the database grants by default
    op.execute(f"GRANT {privileges} ON {name} TO {role}")


def _name(op: "Operations", name: str) -> str:
    return op.get_bind().dialect.identifier_preparer.quote(name)


async def upgrade_schema(package: str, url: str, *, service_role: str | None = None) -> list[str]:
    """Runs the pending migrations of `package` (`parvis_X`) on the database at `url`, as its owner.

    `service_role` is granted what the tables say; by default the owner's name without `_owner`. Several replicas may
    call this at once: one migrates, the others wait. Returns the revision that it reached; nothing when it was there,
    or the next release was, whose schema this one runs on. Raises TooNewError when a later one was.
    """
    owner = urlsplit(url).username or ""
    role = service_role or owner.removesuffix("_owner")
    if not role or role == owner:
        raise ValueError("The tables' owner and the service's role must differ: the owner passes by every policy.")
    folder = migrations_folder(package)
    connection = await asyncpg.connect(url)
    try:
        known, newest = revisions(package)
        if (current := await _current(connection)) == newest or current - known:
            refuse(current, await connection.fetchval("SELECT obj_description('alembic_version'::regclass)"), known)
            return []
        await connection.execute(f"SELECT pg_advisory_lock({_LOCK})")
        for attempt in range(1, _LOCK_ATTEMPTS + 1):
            if await _current(connection) == newest:
                return []  # another replica was faster
            try:
                await _upgrade(folder, url, role)
            except Exception as error:
                held = getattr(getattr(error, "orig", None), "sqlstate", "") == "55P03"
                if not held or attempt == _LOCK_ATTEMPTS:
                    raise
                _log.warning("migration_waits", package=package, attempt=attempt, reason="a table was locked for 5 s")
                await asyncio.sleep(1)
            else:
                break
        return sorted(newest)
    finally:
        await connection.close()


def migrations_folder(package: str) -> Path:
    """`parvis_X/migrations` of an installed wheel, else `services/X/migrations` of a checkout."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ValueError(f"The package {package} is not installed.")
    inside = Path(spec.origin).parent
    for folder in (inside / "migrations", inside.parents[1] / "migrations"):
        if folder.is_dir():
            return folder
    raise ValueError(f"{package} has no migrations folder, neither in the package nor beside its src.")


_REVISION = re.compile(r"^(revision|down_revision)\b[^=\n]*=(.*)$", re.MULTILINE)


def revisions(package: str) -> tuple[set[str], set[str]]:
    """All revisions that a package knows, and the newest."""
    found = _read(migrations_folder(package))
    return found["revision"], found["revision"] - found["down_revision"]


def _read(folder: Path) -> dict[str, set[str]]:
    """From the files' text: importing Alembic takes longer than the rest of a start that has nothing to do."""
    found: dict[str, set[str]] = {"revision": set(), "down_revision": set()}
    for path in folder.glob("*.py"):
        for name, value in _REVISION.findall(path.read_text(encoding="utf-8")):
            found[name].update(re.findall(r"[\"']([^\"']+)[\"']", value))
    return found


async def _current(connection: asyncpg.Connection) -> set[str]:
    try:
        return {row["version_num"] for row in await connection.fetch("SELECT version_num FROM alembic_version")}
    except asyncpg.UndefinedTableError:
        return set()


async def _upgrade(folder: Path, url: str, role: str) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - not needed when nothing is pending
    from sqlalchemy.pool import NullPool  # noqa: PLC0415 - idem

    settings = {"lock_timeout": "5s", "application_name": "parvis-migrate"}
    # Asyncpg reads the address itself: it may name several servers.
    opened = partial(asyncpg.connect, url, server_settings=settings)
    engine = create_async_engine("postgresql+asyncpg://", poolclass=NullPool, connect_args={"async_creator_fn": opened})
    async with engine.connect() as connection:
        await connection.run_sync(_run, folder, role)


def _run(connection: "Connection", folder: Path, role: str) -> None:
    from alembic.config import Config  # noqa: PLC0415 - not needed when nothing is pending
    from alembic.operations import Operations  # noqa: PLC0415 - idem
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415 - idem
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - idem

    script = ScriptDirectory(str(folder), version_locations=[str(folder)])

    def steps(revision: Sequence[str], _context: object) -> list[object]:
        return list(script._upgrade_revs("head", revision))  # type: ignore[arg-type]  # noqa: SLF001 - as env.py does

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection, transaction_per_migration=True, service_role=role)
        with environment.begin_transaction():
            environment.run_migrations()
        with connection.begin(), Operations.context(environment.get_context()) as op:
            global_table(op, "alembic_version", f"which migrations ran, for releases since {_oldest(folder)}", "SELECT")


def _oldest(folder: Path) -> str:
    """The newest revision of the release before this one, from `released`: a release and its revision a line."""
    lines = [line.split() for line in (folder / "released").read_text().splitlines()]
    return next(revision for release, revision in reversed(lines) if release != version("parvis-kit"))
