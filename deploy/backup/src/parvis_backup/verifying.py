"""Reads all backups of a folder as a restore would, without restoring: each shared object once."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

from parvis_backup import objects
from parvis_backup.problems import BackupError
from parvis_backup.progress import Quiet, Shows
from parvis_backup.restoring import READERS, look_at, prove_parts
from parvis_backup.vault import StoredObject, Vault, until_damage


@dataclass(slots=True)
class Verified:
    """`broken`: backups that cannot be restored, by name, and why; `damaged`: objects that would not come back."""

    backups: int = 0
    objects: int = 0
    broken: dict[str, str] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)


def verify(vault: Vault, backups: list[Path], shows: Shows | None = None) -> Verified:
    """Raises BackupError for nothing but the folder itself."""
    show, done = shows or Quiet(), Verified(len(backups))
    ordered, others = list[Iterator[StoredObject]](), list[Iterator[StoredObject]]()
    for backup in backups:
        try:
            manifest = vault.manifest(backup)
            prove_parts(backup, manifest, show)
        except BackupError as error:
            done.broken[backup.name] = str(error)
            continue
        (ordered if manifest.ordered else others).append(until_damage(vault.objects_of(backup)))
    listed = chain(heapq.merge(*ordered, key=lambda each: each.key), *others)
    step = show.step("proving objects")
    for each, whole in objects.in_threads(partial(look_at, vault, step), _once(listed), READERS):
        done.objects += 1
        if not whole:
            done.damaged.append(each.key)
    done.damaged = sorted(set(done.damaged))
    return done


def _once(listed: Iterator[StoredObject]) -> Iterator[StoredObject]:
    """What several backups list is read once, where they list it one after the other."""
    before = ""
    for each in listed:
        if each.name != before:
            yield each
        before = each.name
