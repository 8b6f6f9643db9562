"""Objects into a backup folder, in the order of their keys, so that millions of them need no memory.

What is wanted goes from the database into a file of the new backup, at the mark. It is read along with what the newest
complete backup lists and what the last one that broke off had listed until then: what is in either is there already.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

import asyncpg

from parvis_backup import objects
from parvis_backup.problems import DamagedError
from parvis_backup.progress import Step, counted
from parvis_backup.sealing import Sealed, sealed_size
from parvis_backup.vault import WANTED, StoredObject, Vault, lines_of, sha256_of

_PIECE = 1 << 20
_BATCH = 5000  # objects that are listed at once: as many are read again after a backup that broke off
#: Bytes and digest of each object as its row has them; an upload that is being looked at has none yet.
_REFERRED = """
SELECT key, size, sha256 FROM (
    SELECT object_key AS key, size, sha256 FROM versions
    UNION ALL SELECT object_key, -1, '' FROM uploads WHERE state = 'verifying') AS referred
ORDER BY key COLLATE "C", size DESC"""
_SIZE = "SELECT coalesce(sum(size), 0)::bigint FROM versions"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object that the databases refer to."""

    key: str
    size: int  # -1: nobody knows
    sha256: str


@dataclass(frozen=True, slots=True)
class _Copied:
    """An object in the backup folder (None: the store does not have it, cannot read it, or has other bytes)."""

    wanted: Wanted
    stored: StoredObject | None
    new: bool = False
    renewed: bool = False  # its file had been damaged


@dataclass(slots=True)
class Tally:
    """What copying came to; `lacking` are keys."""

    objects: int = 0
    size: int = 0
    new: int = 0
    renewed: int = 0
    lacking: list[str] = field(default_factory=list)


async def write_wanted(connection: asyncpg.Connection, schema: str, vault: Vault, folder: Path) -> int:
    """Writes to the backup what the database refers to; returns how many bytes that is."""
    if not schema:
        vault.key.seal(WANTED, (), folder / WANTED)
        return 0
    read, write = os.pipe()
    source = os.fdopen(read, "rb")

    def seal() -> Sealed:
        with source:
            return vault.key.seal(WANTED, iter(partial(source.read, _PIECE), b""), folder / WANTED)

    sealing = asyncio.create_task(asyncio.to_thread(seal))
    try:
        with os.fdopen(write, "wb") as out:
            await connection.copy_from_query(_REFERRED, output=out)
    except BrokenPipeError:
        pass  # sealing says why
    finally:
        await sealing
    return int(await connection.fetchval(_SIZE))


def copy(store: objects.Objects, vault: Vault, folder: Path, step: Step, due: Callable[[str], bool]) -> Tally:
    """Brings the objects that the backup folder lacks and lists all of them in parts, as they come.

    Of files that are there already every byte is read where their name is `due`; damaged ones are brought anew.
    """
    carrier = _Carrier(store, vault, step, due)
    tally, number = Tally(), 0
    pairs = _paired(_wanted(vault, folder), vault.known(folder))
    copied = _counted(objects.in_order(carrier.bring, pairs), tally)
    synced = 0
    while batch := list(islice(copied, _BATCH)):
        if tally.new > synced:
            os.sync()  # what is listed is on the disk
            synced = tally.new
        vault.list_some(folder, number, batch)
        number += 1
    return tally


def _counted(copied: Iterable[_Copied], tally: Tally) -> Iterator[StoredObject]:
    for each in copied:
        if each.stored is None:
            if each.wanted.size >= 0:  # an upload that is still looked at may end
                tally.lacking.append(each.wanted.key)
            continue
        tally.objects += 1
        tally.size += each.stored.size
        tally.new += each.new
        tally.renewed += each.renewed
        yield each.stored


def _wanted(vault: Vault, folder: Path) -> Iterator[Wanted]:
    """Each key once: the row that knows its size comes first."""
    before = None
    for line in lines_of(vault.key.open(WANTED, folder / WANTED)):
        key, size, sha256 = line.split("\t")
        if key != before:
            yield Wanted(key, int(size), sha256)
        before = key


def _paired(wanted: Iterable[Wanted], known: Iterator[StoredObject]) -> Iterator[tuple[Wanted, StoredObject | None]]:
    """Both in the order of keys: each object that is wanted, with what is known of its file."""
    here = next(known, None)
    for each in wanted:
        while here is not None and here.key < each.key:
            here = next(known, None)
        yield each, here if here is not None and here.key == each.key else None


class _Carrier:
    """Brings one object; several threads at a time."""

    def __init__(self, store: objects.Objects, vault: Vault, step: Step, due: Callable[[str], bool]) -> None:
        self._store, self._vault, self._step, self._due = store, vault, step, due

    def bring(self, pair: tuple[Wanted, StoredObject | None]) -> _Copied:
        wanted, known = pair
        name = self._vault.key.name(wanted.key)
        file = self._vault.object_file(name)
        if known is not None and wanted.size in {known.size, -1}:
            stored = known if self._is_there(known, file) else None
        else:
            known, stored = None, self._left_behind(wanted, name, file)
        if stored is not None:
            self._step(stored.size)
            return _Copied(wanted, stored)
        return self._fetch(wanted, name, file, renewed=known is not None)

    def _is_there(self, known: StoredObject, file: Path) -> bool:
        """As long as it was; of some every byte is read."""
        try:
            if file.stat().st_size != sealed_size(known.size):
                return False
            return not self._due(known.name) or self._vault.is_whole(known)
        except OSError:
            return False

    def _left_behind(self, wanted: Wanted, name: str, file: Path) -> StoredObject | None:
        """What a backup brought that broke off before it had listed it, once it has proven to be what is wanted."""
        if not file.exists():
            return None
        size, content = 0, hashlib.sha256()
        try:
            for chunk in self._vault.key.open(f"object {name}", file):
                content.update(chunk)
                size += len(chunk)
        except (DamagedError, OSError):
            return None
        if wanted.size >= 0 and (size, content.hexdigest()) != (wanted.size, wanted.sha256):
            return None
        return StoredObject(wanted.key, size, name, sha256_of(file))

    def _fetch(self, wanted: Wanted, name: str, file: Path, *, renewed: bool) -> _Copied:
        file.parent.mkdir(exist_ok=True)
        try:
            sealed = self._store.read_into(
                wanted.key, lambda content: self._vault.key.seal(f"object {name}", counted(content, self._step), file)
            )
        except objects.UnreadableError:
            sealed = None
        if sealed is None:
            return _Copied(wanted, None)
        if wanted.size >= 0 and (sealed.content_size, sealed.content_sha256) != (wanted.size, wanted.sha256):
            file.unlink()
            return _Copied(wanted, None)
        stored = StoredObject(wanted.key, sealed.content_size, name, sealed.sha256)
        return _Copied(wanted, stored, new=True, renewed=renewed)
