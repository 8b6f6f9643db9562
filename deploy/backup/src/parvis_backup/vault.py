"""A backup folder: one data key, the objects of all backups, and a folder for each backup.

parvis-backup.json             the data key, sealed under the passphrase
outcome.json                   what the last backup came to (`outcome`); no backup needs it
objects/ab/<name>              an object each, encrypted; backups share them, since objects never change
2026-11-22T19-30-00Z/          one backup: identity.dump, …, objects.index, secrets, counts; all encrypted
2026-11-22T19-30-00Z/manifest.json      written last: without it the backup is half written and counts for nothing
2026-11-22T19-30-00Z/objects.00000, …   what a half-written one has listed until then: the next one goes on from there
"""

import fcntl
import hashlib
import heapq
import json
import os
import shutil
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from parvis_backup.problems import BackupError, DamagedError, in_words
from parvis_backup.progress import Step
from parvis_backup.sealing import DataKey, Sealed, new_lock, unlock

FORMAT = 1
ALWAYS = 3  # backups that stay whatever their day: several on one day leave yesterday's, and each other
#: Clocks of two machines may differ so much. A backup that is dated later was made by a clock that was wrong.
AHEAD = timedelta(hours=1)
_LOCK = "parvis-backup.json"
#: Of the disk itself, where the folder is the top of one.
_DISKS_OWN = "lost+found"
_OURS = "give it to this account (chown), or name a folder below it."
_MANIFEST = "manifest.json"
WANTED = "wanted"  # in a half-written backup: what the databases refer to
_INDEX = "objects.index"
_PIECE = 1 << 20
_NAME = "%Y-%m-%dT%H-%M-%SZ"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself, readable without its key."""

    #: The mark: what was committed until then is in it. `exact`: the same mark for all databases.
    at: str
    exact: bool
    version: str
    #: Newest migration of each database.
    schemas: dict[str, str]
    #: Events from then on may have been on their way at the mark: a restore publishes them again.
    replay_since: str
    #: Objects that the databases refer to, their bytes, and how many of them were copied by this backup.
    objects: int
    object_bytes: int
    objects_new: int
    #: Objects that the databases refer to and the store did not have, could not read, or had with other bytes, by key.
    objects_missing: list[str] = field(default_factory=list)
    #: Objects that were deleted after the mark, before they could be copied: their rows are in the dump.
    objects_deleted: list[str] = field(default_factory=list)
    #: Whether objects.index is in the order of keys.
    ordered: bool = False
    parts: dict[str, Sealed] = field(default_factory=dict)
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A line of objects.index: key in the store, bytes, and the file below objects/ with its SHA-256."""

    key: str
    size: int
    name: str
    sha256: str


class Vault:
    """A backup folder that is open: its key is known."""

    def __init__(self, folder: Path, key: DataKey) -> None:
        self.folder, self.key = folder, key

    @classmethod
    def open(cls, folder: Path, passphrase: str) -> "Vault":
        """Raises BackupError where there is none, WrongKeyError for another passphrase."""
        lock = _lock_of(folder)
        if lock.get("format") != FORMAT:
            raise BackupError(f"{folder} was made by another release (format {lock.get('format')}): use that release.")
        return cls(folder, unlock(lock, passphrase))

    @classmethod
    def open_or_make(cls, folder: Path, passphrase: str) -> "Vault":
        """Makes the folder at its first backup. Raises BackupError for a weak passphrase or a folder in other use."""
        with in_words(folder):
            if (folder / _LOCK).exists():
                return cls.open(folder, passphrase)
            if folder.exists() and any(each.name != _DISKS_OWN for each in folder.iterdir()):
                raise BackupError(f"{folder} holds other things: choose an empty folder, or one that holds backups.")
            lock, key = new_lock(passphrase)
            try:
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(0o700)
            except PermissionError as error:
                raise BackupError(f"{folder} is not this account's ({error.strerror}): {_OURS}") from error
            (folder / "objects").mkdir(exist_ok=True)
            write_json(folder / _LOCK, {"format": FORMAT, **lock})
        return cls(folder, key)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While a backup is written or removed, nobody else does. Raises BackupError."""
        with (self.folder / ".writing").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupError(f"Another backup is being written to {self.folder}: wait until it ends.") from None
            yield

    def new(self, now: datetime) -> Path:
        """The folder of a new backup."""
        folder = self.folder / now.astimezone(UTC).strftime(_NAME)
        if folder.exists():
            raise BackupError(f"{folder} exists: one backup a second. Try again.")
        folder.mkdir()
        return folder

    def object_file(self, name: str) -> Path:
        return self.folder / "objects" / name[:2] / name

    def finish(self, backup: Path, manifest: Manifest) -> None:
        """Writes the manifest once everything else is on the disk: from here on the backup counts."""
        os.sync()
        content = asdict(manifest)
        write_json(backup / _MANIFEST, content | {"signature": self.key.signature(_canonical(content))})

    def manifest(self, backup: Path) -> Manifest:
        """Raises BackupError for a backup that was never finished, DamagedError for one that was changed."""
        try:
            content = json.loads((backup / _MANIFEST).read_text())
            signature = content.pop("signature")
            parts = {name: Sealed(**part) for name, part in content["parts"].items()}
            found = Manifest(**content | {"parts": parts})
        except FileNotFoundError:
            raise BackupError(
                f"{backup} is half written: the backup ended before its end. Restore an earlier one."
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DamagedError(f"{backup / _MANIFEST} is damaged. Restore another backup.") from None
        if signature != self.key.signature(_canonical(content)):
            raise DamagedError(f"{backup / _MANIFEST} was changed since it was written. Restore another backup.")
        return found

    def complete(self) -> list[Path]:
        """Backups that were finished, oldest first."""
        return complete(self.folder)

    def objects_of(self, backup: Path) -> Iterator[StoredObject]:
        """What objects.index lists."""
        return self._listed(_INDEX, backup)

    def _listed(self, part: str, backup: Path) -> Iterator[StoredObject]:
        for line in lines_of(self.key.open(part, backup / part)):
            key, size, name, sha256 = line.split("\t")
            yield StoredObject(key, int(size), name, sha256)

    def list_some(self, backup: Path, number: int, listed: Iterable[StoredObject]) -> None:
        """Part of a list, in the order of keys, while the backup is being made."""
        part = f"objects.{number:05}"
        self.key.seal(part, _lines(listed), backup / part)

    def list_all(self, backup: Path) -> Sealed:
        """Makes objects.index of the parts."""
        parts = _parts(backup)
        sealed = self.key.seal(
            _INDEX, (each for part in parts for each in self.key.open(part.name, part)), backup / _INDEX
        )
        for part in (*parts, backup / WANTED):
            part.unlink(missing_ok=True)
        return sealed

    def known(self, but: Path) -> Iterator[StoredObject]:
        """What the newest complete backup lists, and what the one listed that broke off; in the order of keys.

        A key may come twice, and files may have changed since. `but`: the backup that is being made.
        """
        sources = [self._unfinished(but)]
        for backup in sorted(self.complete(), key=lambda each: (each < but, each), reverse=True):
            try:
                if self.manifest(backup).ordered:
                    sources.append(self.objects_of(backup))
                    break
            except BackupError:
                continue
        return heapq.merge(*(until_damage(each) for each in sources), key=lambda each: each.key)

    def _unfinished(self, but: Path) -> Iterator[StoredObject]:
        """Of the half-written backups the one that came farthest; the others go, and dumps of all of them."""
        halves = [each for each in _backups(self.folder) if each != but and not (each / _MANIFEST).exists()]
        farthest = max(halves, key=lambda each: len(_parts(each)), default=None)
        for half in halves:
            parts = _parts(half) if half == farthest else []
            for file in half.iterdir():
                if file not in parts:
                    file.unlink()
            if not parts:
                half.rmdir()
        return (
            each for part in (_parts(farthest) if farthest else ()) for each in self._listed(part.name, part.parent)
        )

    def is_whole(self, stored: StoredObject, step: Step | None = None) -> bool:
        """Whether the file of an object is there as it was written, or as another backup has written it since."""
        file = self.object_file(stored.name)
        try:
            if sha256_of(file, step) == stored.sha256:
                return True
            return sum(len(chunk) for chunk in self.key.open(f"object {stored.name}", file)) == stored.size
        except (DamagedError, OSError):
            return False

    def retain(self, keep: int, made: Path) -> tuple[int, int]:
        """Removes backups (see `kept_of`; 0 for none), half-written ones, objects of none. Returns how many of both.

        `made`: the one that was just made. Raises DamagedError where a list of objects cannot be read: then no object
        is removed.
        """
        kept = kept_of(self.complete(), keep, made)
        gone = [folder for folder in _backups(self.folder) if folder not in kept]
        for folder in gone:
            (folder / _MANIFEST).unlink(missing_ok=True)  # first: from here on it is half written
            shutil.rmtree(folder)
        needed, removed = self._needed(kept), 0
        for folder in (self.folder / "objects").iterdir():
            here = set(needed.get(folder.name, ()))
            for file in folder.iterdir():
                if _short(file.name) not in here:
                    file.unlink()
                    removed += 1
        return len(gone), removed

    def _needed(self, kept: Iterable[Path]) -> dict[str, "array[int]"]:
        """By folder below objects/ the beginnings of the names that backups list: 8 bytes for each of millions."""
        needed = dict[str, "array[int]"]()
        for backup in kept:
            for each in self.objects_of(backup):
                needed.setdefault(each.name[:2], array("Q")).append(_short(each.name))
            for folder, names in needed.items():
                needed[folder] = array("Q", sorted(set(names)))
        return needed


def _lock_of(folder: Path) -> dict[str, Any]:
    """What opens the data key, as it stands there. Raises BackupError."""
    file = folder / _LOCK
    try:
        lock = json.loads(file.read_text())
    except FileNotFoundError:
        raise BackupError(f"{folder} is no backup folder: it has no {_LOCK}.") from None
    except OSError as error:
        raise BackupError(f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError):
        lock = None
    if not isinstance(lock, dict):
        raise DamagedError(f"{file} is damaged: bring it back from a copy.")
    return lock


def is_backup_folder(path: Path) -> bool:
    return (path / _LOCK).exists()


def complete(folder: Path) -> list[Path]:
    """The backups of a folder that were finished, oldest first."""
    return [each for each in _backups(folder) if (each / _MANIFEST).exists()]


def kept_of(backups: list[Path], days: int, made: Path) -> list[Path]:
    """The newest backup of each of the newest `days` days that have one, and the newest three; 0: all. Oldest first.

    `made`, the one that was just made, is the newest: what is dated later was made by a clock that was wrong, now or
    then. Nobody knows how old it is, so it stays and takes no other's place.
    """
    if days <= 0:
        return backups
    known = [each for each in backups if each <= made]
    newest = {made_at(each).date(): each for each in known}
    gone = {*known[:-ALWAYS]} - {newest[day] for day in sorted(newest)[-days:]}
    return [each for each in backups if each not in gone]


def made_at(backup: Path) -> datetime:
    """When a backup began, by its name."""
    return datetime.strptime(backup.name, _NAME).replace(tzinfo=UTC)


def told_apart(folder: Path, now: datetime) -> tuple[list[Path], list[Path]]:
    """The complete backups of a folder, and apart from them those that are dated in the future; oldest first."""
    found = complete(folder)
    ahead = [each for each in found if made_at(each) > now + AHEAD]
    return found[: len(found) - len(ahead)], ahead


def said_of(ahead: list[Path]) -> str:
    """For a person: what is wrong with backups that are dated in the future."""
    names = f"{ahead[0].name} to {ahead[-1].name}" if len(ahead) > 1 else ahead[0].name
    one = len(ahead) == 1
    return f"{len(ahead)} backup{'' if one else 's'} of the future ({names}): a clock is wrong, or was"


def find(path: Path, now: datetime | None = None) -> tuple[Path, Path]:
    """(backup folder, backup) for a path to either: of a backup folder the newest complete one up to now.

    Raises BackupError.
    """
    if (path / _LOCK).exists():
        found, ahead = told_apart(path, now or datetime.now(UTC))
        if not found and ahead:
            raise BackupError(f"{path} holds only {said_of(ahead)}. Set the clock, or name the one that you mean.")
        if not found:
            raise BackupError(f"{path} holds no complete backup.")
        return path, found[-1]
    if (path.parent / _LOCK).exists() and path.is_dir():
        return path.parent, path
    raise BackupError(f"{path} is neither a backup folder nor a backup in one.")


def _backups(folder: Path) -> list[Path]:
    found = []
    for each in sorted(folder.iterdir() if folder.is_dir() else ()):
        try:
            made_at(each)
        except ValueError:
            continue
        found.append(each)
    return found


def lines_of(content: Iterable[bytes]) -> Iterator[str]:
    """Lines of a text that comes in pieces."""
    held = b""
    for chunk in content:
        *lines, held = (held + chunk).split(b"\n")
        for line in lines:
            yield line.decode()


def sha256_of(file: Path, step: Step | None = None) -> str:
    """Hexadecimal. Raises OSError."""
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while piece := content.read(_PIECE):
            digest.update(piece)
            if step is not None:
                step(len(piece))
    return digest.hexdigest()


def _parts(backup: Path) -> list[Path]:
    return sorted(backup.glob("objects.[0-9][0-9][0-9][0-9][0-9]"))


def _lines(listed: Iterable[StoredObject]) -> Iterator[bytes]:
    for each in listed:
        yield f"{each.key}\t{each.size}\t{each.name}\t{each.sha256}\n".encode()


def until_damage(listed: Iterator[StoredObject]) -> Iterator[StoredObject]:
    """What a list says as far as it can be read: the rest is nothing that anybody knows."""
    try:
        yield from listed
    except (DamagedError, OSError):
        return


def _short(name: str) -> int:
    """The first 8 bytes of an object's name; two that share them are kept or go together."""
    try:
        return int(name[:16], 16) if len(name) == 40 else -1  # noqa: PLR2004
    except ValueError:
        return -1


def _canonical(content: dict[str, object]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def write_json(file: Path, content: dict[str, object]) -> None:
    """At once or not at all: nobody reads half of it."""
    partial = file.with_suffix(".new")
    with partial.open("w") as out:
        json.dump(content, out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    partial.replace(file)
