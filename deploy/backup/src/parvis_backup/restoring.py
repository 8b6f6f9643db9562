"""Restores a backup into an empty installation whose engines run and whose services do not.

Everything is proven before anything is written. Databases are filled under other names and take their own in the last
step; what was made until then is removed when something fails. Then the services reconcile by themselves: events of the
last 30 days, and older ones that were on their way at the mark, are unsent again in the outboxes, so relays feed the
new broker when services start, and inboxes absorb what was handled. Sessions and tokens end: one of them may have
been ended since the mark.
"""

import asyncio
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

import asyncpg

from parvis_backup import broker, databases, objects
from parvis_backup.ending import end_sessions
from parvis_backup.place import DATABASES, Place
from parvis_backup.problems import BackupError, DamagedError
from parvis_backup.progress import Quiet, Shows, Step, counted
from parvis_backup.vault import Manifest, StoredObject, Vault, sha256_of
from parvis_kit import audit
from parvis_kit.migrations import revisions
from parvis_watch import refill

READERS = 4


@dataclass(frozen=True, slots=True)
class Report:
    """What a restore did. `replayed`: events to be published again, by service; `chains` that hold, and `broken` ones
    in words. Objects that did not come back, by key: missing in the store at the mark, deleted while the backup was
    made, damaged or missing in the backup folder.
    """

    at: str
    exact: bool
    rows: dict[str, int]
    objects: int
    object_bytes: int
    objects_missing: list[str]
    objects_deleted: list[str]
    objects_damaged: list[str]
    replayed: dict[str, int]
    sessions_ended: int = 0
    chains: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether all that the backup should hold came back."""
        return not (self.objects_missing or self.objects_damaged or self.broken)


def check_release(manifest: Manifest) -> None:
    """Raises BackupError where a schema of the backup is newer than the code that would run on it."""
    ahead = []
    for service, revision in manifest.schemas.items():
        try:
            known, _ = revisions(f"parvis_{service}")
        except ValueError:  # the image of the tools has no service inside: each service's own migration says it then
            continue
        if revision and revision not in known:
            ahead.append(f"{service} {revision}")
    if ahead:
        raise BackupError(
            f"This backup was made by another release ({manifest.version}): this one does not know {', '.join(ahead)}. "
            "Restore it with the release that made it, or a newer one."
        )


class Listed:
    """The objects of a backup whose files are whole; read from its list each time, since there may be millions."""

    def __init__(self, vault: Vault, backup: Path, damaged: Collection[str]) -> None:
        self._vault, self._backup, self._damaged = vault, backup, damaged

    def __iter__(self) -> Iterator[StoredObject]:
        return (each for each in self._vault.objects_of(self._backup) if each.key not in self._damaged)


@dataclass(frozen=True, slots=True)
class Proven:
    """A backup of which every part is there and unchanged. `count` objects of `size` bytes are, too; `damaged` (keys)
    are not.
    """

    folder: Path
    manifest: Manifest
    objects: Listed
    count: int
    size: int
    damaged: list[str]


def prove(vault: Vault, backup: Path, shows: Shows | None = None) -> Proven:
    """Reads every file of a backup. Raises DamagedError for a part, BackupError for what this release cannot restore.

    Objects that are damaged are named: without them everything else can be restored.
    """
    show = shows or Quiet()
    manifest = vault.manifest(backup)
    check_release(manifest)
    prove_parts(backup, manifest, show)
    step = show.step(f"proving {manifest.objects} objects", manifest.object_bytes)
    count, size, damaged = 0, 0, list[str]()
    for each, whole in objects.in_threads(partial(look_at, vault, step), vault.objects_of(backup), READERS):
        if whole:
            count += 1
            size += each.size
        else:
            damaged.append(each.key)
    return Proven(backup, manifest, Listed(vault, backup, frozenset(damaged)), count, size, sorted(damaged))


def prove_parts(backup: Path, manifest: Manifest, show: Shows) -> None:
    """Reads dumps, secrets and lists. Raises DamagedError: a backup is restored with all of them or not at all."""
    step = show.step("proving the parts", sum(sealed.size for sealed in manifest.parts.values()))
    files = {backup / name: sealed.sha256 for name, sealed in manifest.parts.items()}
    for _ in objects.in_threads(partial(_prove, step), files.items(), READERS):
        pass


def look_at(vault: Vault, step: Step, stored: StoredObject) -> tuple[StoredObject, bool]:
    """An object with whether its file is whole."""
    return stored, vault.is_whole(stored, step)


def _prove(step: Step, what: tuple[Path, str]) -> None:
    file, expected = what
    try:
        found = sha256_of(file, step)
    except FileNotFoundError:
        raise DamagedError(f"{file} is missing: this backup is incomplete. Restore another one.") from None
    except OSError as error:
        raise DamagedError(
            f"{file} cannot be read ({error.strerror}). Nothing was restored: use another backup."
        ) from error
    if found != expected:
        raise DamagedError(
            f"{file} was changed or cut off since it was written. Nothing was restored: use another backup, or bring "
            "this file back from a copy."
        )


async def restore(place: Place, vault: Vault, proven: Proven, *, shows: Shows | None = None) -> Report:
    """Restores everything but the secrets, which had to be there for the engines to start. Raises BackupError."""
    show = shows or Quiet()
    manifest, listed = proven.manifest, proven.objects
    store = objects.Objects(place.store)
    await _refuse_unless_empty(place, store, listed)
    try:
        step = show.step(f"{proven.count} objects", proven.size)
        await asyncio.to_thread(upload, store, vault, listed, step)
        step = show.step("databases", sum(manifest.parts[f"{name}.dump"].content_size for name in DATABASES))
        filled = [await _fill(place, vault, proven, service, step) for service in DATABASES]
        show.step("taking over")
        await take_over(place)
    except BaseException:
        await asyncio.shield(_undo(place, store, listed))
        raise
    return Report(
        at=manifest.at,
        exact=manifest.exact,
        rows={service: each.rows for service, each in zip(DATABASES, filled, strict=True)},
        objects=proven.count,
        object_bytes=proven.size,
        objects_missing=manifest.objects_missing,
        objects_deleted=manifest.objects_deleted,
        objects_damaged=proven.damaged,
        replayed={service: each.replayed for service, each in zip(DATABASES, filled, strict=True)},
        sessions_ended=sum(each.ended for each in filled),
        chains=sum(each.chains for each in filled),
        broken=[problem for each in filled for problem in each.broken],
    )


async def _refuse_unless_empty(place: Place, store: objects.Objects, listed: Iterable[StoredObject]) -> None:
    """Nobody works here, and nothing is here; objects of this very backup may be, from a restore that was cut off."""
    await broker.refuse_unless_empty(place.nats_url)
    for service in DATABASES:
        connection = await databases.connect(place.database_url(f"parvis_{service}"))
        try:
            if at_work := await connection.fetchval(_AT_WORK, f"parvis_{service}"):
                raise BackupError(
                    f"{at_work} connections of parvis_{service} are open: this suite is running. Stop its services, or "
                    "restore into another place."
                )
            if tables := await databases.counts(connection):
                raise BackupError(
                    f"The database parvis_{service} has {len(tables)} tables: this place is not empty, and a restore "
                    "overwrites nothing. Restore into a new data folder or new volumes."
                )
        finally:
            await connection.close()
    await asyncio.to_thread(store.make_bucket)
    if not (foreign := set(await asyncio.to_thread(store.sizes))):
        return
    foreign.difference_update(each.key for each in listed)
    if foreign:
        raise BackupError(
            f"The store holds {len(foreign)} objects that are not of this backup: this place is not empty. Restore "
            "into an empty bucket."
        )


_AT_WORK = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"


def upload(store: objects.Objects, vault: Vault, listed: Iterable[StoredObject], step: Step) -> None:
    """Opens the objects of a backup and writes them to the store. Raises BackupError."""

    def put(each: StoredObject) -> None:
        file = vault.object_file(each.name)
        store.write(each.key, each.size, lambda: vault.key.open(f"object {each.name}", file))
        step(each.size)

    for _ in objects.in_threads(put, listed):
        pass


@dataclass(frozen=True, slots=True)
class _Filled:
    rows: int
    replayed: int
    ended: int
    chains: int
    broken: list[str]


async def _fill(place: Place, vault: Vault, proven: Proven, service: str, step: Step) -> _Filled:
    """Fills the database of a service under another name, compares it, and unsends what may have been on its way."""
    name = _waiting(service)
    await _in_server(place, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await _in_server(place, f'CREATE DATABASE "{name}" TEMPLATE template0 OWNER "parvis_{service}_owner"')
    content = counted(vault.key.open(f"{service}.dump", proven.folder / f"{service}.dump"), step)
    await asyncio.to_thread(databases.load, place.database_url(name), content, place.programs)
    connection = await databases.connect(place.database_url(name))
    try:
        expected = json.loads(b"".join(vault.key.open("counts", proven.folder / "counts")))[service]
        if (found := await databases.counts(connection)) != expected:
            differ = sorted(table for table in found.keys() | expected if found.get(table) != expected.get(table))
            raise BackupError(f"{service} was not restored as it was: rows differ in {', '.join(differ)}.")
        ended = await end_sessions(connection, service, set(found))
        replayed = await refill.replay(connection, published_again_since(proven.manifest)) if "outbox" in found else 0
        await connection.execute("ANALYZE")
        chains = await _chains(connection) if "audit_heads" in found else []
    finally:
        await connection.close()
    broken = [f"{service} {each.organisation_id}: at {each.seq}, {each.problem}" for each in chains if each.problem]
    return _Filled(sum(found.values()), replayed, ended, len(chains) - len(broken), broken)


def published_again_since(manifest: Manifest) -> datetime:
    """As far back as relays would feed a new broker anyway, or as the broker of the backup had not handled: who had
    never consumed, or waited long to publish, is not to be known from its consumers alone.
    """
    return min(datetime.fromisoformat(manifest.replay_since), refill.told(None))


async def _chains(connection: asyncpg.Connection) -> list[audit.Chain]:
    heads = await connection.fetch("SELECT organisation_id FROM audit_heads ORDER BY organisation_id")
    return [await audit.verify(connection, head["organisation_id"]) for head in heads]


async def take_over(place: Place) -> None:
    """The filled databases take the names of the empty ones: all of them or none. Raises BackupError."""
    taken = list[str]()
    try:
        for service in DATABASES:
            name = f"parvis_{service}"
            await _in_server(place, f'GRANT CONNECT ON DATABASE "{_waiting(service)}" TO "{name}"')
            await _in_server(place, f'REVOKE ALL ON DATABASE "{_waiting(service)}" FROM PUBLIC')
            await _rename(place, name, _aside(service))
            taken.append(service)
            await _rename(place, _waiting(service), name)
    except BaseException:
        await asyncio.shield(_give_back(place, taken))
        raise
    for service in DATABASES:  # what is left of them is empty
        await _in_server(place, f'DROP DATABASE IF EXISTS "{_aside(service)}" WITH (FORCE)')


async def _give_back(place: Place, taken: Sequence[str]) -> None:
    """The empty databases have their names again, the filled ones wait: as before `take_over`."""
    there = set(await _names(place))
    for service in taken:
        name = f"parvis_{service}"
        if name in there:
            await _rename(place, name, _waiting(service))
        await _rename(place, _aside(service), name)


async def _rename(place: Place, name: str, other: str) -> None:
    """Whoever is connected (an agent that watches, a person who looks) is sent away: PostgreSQL refuses otherwise."""
    await _in_server(place, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608 - a name of ours
    await _in_server(place, f'ALTER DATABASE "{name}" RENAME TO "{other}"')


async def _names(place: Place) -> list[str]:
    connection = await databases.connect(place.database_url("postgres"))
    try:
        return [row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")]
    finally:
        await connection.close()


async def _undo(place: Place, store: objects.Objects, listed: Iterable[StoredObject]) -> None:
    """As if nothing had been tried."""
    await asyncio.to_thread(store.remove, (each.key for each in listed))
    for service in DATABASES:
        await _in_server(place, f'DROP DATABASE IF EXISTS "{_waiting(service)}" WITH (FORCE)')


def _waiting(service: str) -> str:
    return f"parvis_{service}_restoring"


def _aside(service: str) -> str:
    return f"parvis_{service}_empty"


async def _in_server(place: Place, statement: str) -> None:
    connection = await databases.connect(place.database_url("postgres"))
    try:
        await connection.execute(statement)
    except asyncpg.PostgresError as error:
        raise BackupError(f"PostgreSQL refused: {error}") from error
    finally:
        await connection.close()
