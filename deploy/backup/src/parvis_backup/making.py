"""Makes a backup: broker, mark, databases, objects, secrets; the manifest last; then retention."""

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

from parvis_backup import broker, databases, objects
from parvis_backup.copying import copy, write_wanted
from parvis_backup.place import DATABASES, Place
from parvis_backup.problems import DamagedError, in_words
from parvis_backup.progress import Quiet, Shows, counted
from parvis_backup.sealing import Sealed
from parvis_backup.vault import Manifest, Vault

DUMPS_AT_ONCE = 2
#: Of the objects that the folder has already each backup reads this part again.
SHARE = 28


@dataclass(frozen=True, slots=True)
class Made:
    """What came out: the backup and its manifest; backups and objects that retention removed."""

    folder: Path
    manifest: Manifest
    removed: int = 0
    removed_objects: int = 0
    #: Files of objects that were damaged and have been copied anew; why old objects could not be removed.
    renewed: int = 0
    not_removed: str = ""


async def make(place: Place, vault: Vault, *, keep: int = 0, shows: Shows | None = None, share: int = SHARE) -> Made:
    """One backup of the installation while it runs; nobody waits for it. `keep`: of how many days the newest
    is kept, beside the newest three; 0 for all.

    One of `share` objects that the folder has already is read again. Raises BackupError; what was written until then is
    no backup, and the next one goes on from it.
    """
    show = shows or Quiet()
    with in_words(vault.folder), vault.alone():
        replay_since = await broker.oldest_unhandled(place.nats_url)
        folder = vault.new(datetime.now(UTC))
        async with databases.common_mark(place.database_url) as mark:
            schemas = {name: await databases.revision(each) for name, each in mark.connections.items()}
            counts = {name: await databases.counts(each) for name, each in mark.connections.items()}
            size = await write_wanted(mark.connections["documents"], schemas["documents"], vault, folder)
            parts = await _dump(place, vault, folder, mark, show)
        store, step = objects.Objects(place.store), show.step("objects", size)
        tally = await asyncio.to_thread(copy, store, vault, folder, step, partial(_is_due, datetime.now(UTC), share))
        missing, deleted = await _sorted_out(place, tally.lacking)
        parts["objects.index"] = await asyncio.to_thread(vault.list_all, folder)
        small = {
            "secrets": [json.dumps({name: path.read_bytes().hex() for name, path in place.secrets.items()}).encode()],
            "counts": [json.dumps(counts).encode()],
        }
        parts |= {name: vault.key.seal(name, content, folder / name) for name, content in small.items()}
        manifest = Manifest(
            at=mark.at.isoformat(),
            exact=mark.exact,
            version=version("parvis-backup"),
            schemas=schemas,
            replay_since=replay_since.isoformat(),
            objects=tally.objects,
            object_bytes=tally.size,
            objects_new=tally.new,
            objects_missing=missing,
            objects_deleted=deleted,
            ordered=True,
            parts=parts,
        )
        vault.finish(folder, manifest)
        show.step("removing what is no longer kept")
        made = Made(folder, manifest, renewed=tally.renewed)
        try:
            removed, removed_objects = await asyncio.to_thread(vault.retain, keep, folder)
        except (DamagedError, OSError) as error:
            return replace(made, not_removed=str(error))
    return replace(made, removed=removed, removed_objects=removed_objects)


async def _dump(place: Place, vault: Vault, folder: Path, mark: databases.Mark, show: Shows) -> dict[str, Sealed]:
    step = show.step(f"databases at {mark.at:%H:%M:%S.%f} UTC")
    turns = asyncio.Semaphore(DUMPS_AT_ONCE)

    async def one(service: str) -> tuple[str, Sealed]:
        name, url = f"{service}.dump", place.database_url(f"parvis_{service}")
        content = counted(databases.dump(url, mark.snapshots[service], place.programs), step)
        async with turns:
            return name, await asyncio.to_thread(vault.key.seal, name, content, folder / name)

    return dict(await asyncio.gather(*(one(service) for service in DATABASES)))


async def _sorted_out(place: Place, lacking: list[str]) -> tuple[list[str], list[str]]:
    """Of the keys that could not be copied those that documents still refers to, and those deleted since the mark."""
    if not lacking:
        return [], []
    connection = await databases.connect(place.database_url("parvis_documents"))
    try:
        rows = await connection.fetch("SELECT object_key FROM versions WHERE object_key = ANY($1)", lacking)
    finally:
        await connection.close()
    missing = {row["object_key"] for row in rows}
    return sorted(missing), sorted(set(lacking) - missing)


def _is_due(now: datetime, share: int, name: str) -> bool:
    """Another part of all names each day."""
    return int(name[:8], 16) % share == now.toordinal() % share
