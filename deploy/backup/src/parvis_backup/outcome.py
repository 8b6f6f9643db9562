"""What the last backup came to, in a file beside the backups: the doctor and whoever watches read it, without the key.

When a backup was made its own folder says. Where this file is missing or damaged, that is all that is known.
"""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_type_hints

from parvis_backup.making import Made
from parvis_backup.problems import BackupError
from parvis_backup.vault import is_backup_folder, made_at, told_apart, write_json

DAILY = 86400.0
#: Seconds by which a backup may be later than its schedule, beside twice what the last one took: it counts once it is
#: complete, and after a failure it is tried again.
MARGIN = 7200.0
_FILE = "outcome.json"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Moments in seconds since 1970, sizes in bytes."""

    tried_at: float = 0.0
    #: Seconds from one backup to the next, as somebody has planned them.
    period: float = DAILY
    #: Why the last try made none; empty when it made one.
    failed: str = ""
    #: Of the last one that was complete: how long it took, its databases and all its objects, how many these are, how
    #: many were copied by it, how many were damaged in the folder and are whole again.
    seconds: float = 0.0
    size: int = 0
    objects: int = 0
    copied: int = 0
    healed: int = 0
    #: Objects that the store had lost or could not read, and one more where old backups could not be removed.
    problems: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """What a backup folder says: `made_at` is when its newest complete backup began; 0 where there is none."""

    made_at: float
    last: Outcome
    #: Complete backups that are dated in the future: nobody knows when they were made, and they count for nothing.
    ahead: tuple[Path, ...] = ()

    def is_late(self, now: float) -> bool:
        return now - self.made_at > self.last.period + MARGIN + 2 * self.last.seconds


def find(folder: Path, now: float | None = None) -> Found:
    """Of any folder. Raises OSError where it cannot be read."""
    found, ahead = told_apart(folder, datetime.fromtimestamp(time.time() if now is None else now, UTC))
    return Found(made_at(found[-1]).timestamp() if found else 0.0, _read(folder), tuple(ahead))


def kept(folder: Path, period: float, make: Callable[[], Made]) -> Made:
    """What `make` makes in a backup folder; how that went, stands there afterwards, also when it raised.

    `period`: 0 where nobody says it now: what was said before stays.
    """
    began, before = time.time(), _read(folder)
    before = replace(before, tried_at=began, period=period or before.period)
    try:
        made = make()
    except Exception as error:
        # Words of ours only: what a database says of an error quotes rows.
        _write(folder, replace(before, failed=str(error) if isinstance(error, BackupError) else type(error).__name__))
        raise
    manifest = made.manifest
    told = Outcome(
        tried_at=began,
        period=before.period,
        seconds=time.time() - began,
        size=sum(part.size for part in manifest.parts.values()) + manifest.object_bytes,
        objects=manifest.objects,
        copied=manifest.objects_new,
        healed=made.renewed,
        problems=len(manifest.objects_missing) + bool(made.not_removed),
    )
    _write(folder, told)
    return made


def _read(folder: Path) -> Outcome:
    try:
        found = Outcome(**json.loads((folder / _FILE).read_text()))
        return replace(found, **{name: kind(getattr(found, name)) for name, kind in get_type_hints(Outcome).items()})
    except (OSError, ValueError, TypeError):
        return Outcome()


def _write(folder: Path, told: Outcome) -> None:
    """The backup counts whatever becomes of this file."""
    if is_backup_folder(folder):
        with suppress(OSError):
            write_json(folder / _FILE, asdict(told))
