"""What a backup or a restore came to, for a person."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from parvis_backup.making import Made
from parvis_backup.restoring import Report
from parvis_backup.vault import said_of, told_apart
from parvis_backup.verifying import Verified

_SHOWN = 20  # of the keys that are missing
_DAMAGED = "objects are damaged or missing in the backup folder, and all backups that share these files lack them"


def made(console: Console, done: Made) -> None:
    """Where the backup is, of what moment, how large, what it lacks."""
    manifest = done.manifest
    size = sum(part.size for part in manifest.parts.values())
    marks = "one mark for all databases" if manifest.exact else "databases a few milliseconds apart"
    lines = [
        f"{datetime.fromisoformat(manifest.at):%d/%m/%Y %H:%M:%S} UTC, {marks}, {size / 1e6:.1f} MB",
        f"{manifest.objects} objects ({manifest.object_bytes / 1e6:.1f} MB), {manifest.objects_new} of them new",
    ]
    if done.removed:
        lines.append(f"removed {done.removed} older backups and {done.removed_objects} objects of theirs")
    if done.renewed:
        lines.append(f"[yellow]![/yellow] {done.renewed} objects were damaged in this folder and have been copied anew")
    if done.not_removed:
        lines.append(f"[red]✗[/red] objects of older backups could not be removed: {escape(done.not_removed)}")
    _say(console, str(done.folder), lines)
    _name(console, "objects are missing: the store lost or cannot read them", manifest.objects_missing)
    _name(console, "objects were deleted while this backup was made", manifest.objects_deleted, grave=False)


def left_out(console: Console, folder: Path) -> None:
    """Of a folder whose newest backup was asked for: those that nobody knows to be older or newer."""
    if ahead := told_apart(folder, datetime.now(UTC))[1]:
        _say(console, f"left out: {said_of(ahead)}. Name one to restore it.", [], mark="[yellow]![/yellow]")


def restored(console: Console, done: Report) -> None:
    """What came back, what is published again, what is missing or broken."""
    replayed = ", ".join(f"{name} {count}" for name, count in done.replayed.items() if count) or "none"
    lines = [
        f"{sum(done.rows.values())} rows in {len(done.rows)} databases, as many in each table as at the mark",
        f"{done.objects} objects ({done.object_bytes / 1e6:.1f} MB)",
        f"{sum(done.replayed.values())} events are published again once services run ({replayed}); none counts twice",
        f"{done.sessions_ended} sessions ended: everybody signs in once more. Passwords, memberships, factors: as then",
        "invoices closed after that are lost, and their numbers are given again: docs/operations.md, After a restore",
        f"{done.chains} audit chains hold",
        *(f"[red]✗[/red] audit chain of {problem}" for problem in done.broken),
    ]
    at = datetime.fromisoformat(done.at)
    _say(console, f"restored as it was on {at:%d/%m/%Y at %H:%M:%S} UTC", lines)
    _name(console, "objects are missing: the store had lost them or could not read them", done.objects_missing)
    _name(
        console,
        f"{_DAMAGED}; a copy of the folder may have them whole",
        done.objects_damaged,
    )
    _name(console, "objects were deleted while this backup was made", done.objects_deleted, grave=False)


def verified(console: Console, done: Verified) -> None:
    """Which backups can be restored, and what would be missing then."""
    for name, problem in done.broken.items():
        console.print(f"[red]✗[/red] {name}: {escape(problem)}", soft_wrap=True, highlight=False)
    _say(console, f"{done.backups - len(done.broken)} of {done.backups} backups can be restored", [])
    _name(console, f"{_DAMAGED}; backup --reread copies anew what the store still has", done.damaged)


def _say(console: Console, title: str, lines: Sequence[str], mark: str = "[green]✓[/green]") -> None:
    console.print(f"{mark} {title}", soft_wrap=True, highlight=False)
    for line in lines:
        console.print(f"  {line}", soft_wrap=True, highlight=False)


def _name(console: Console, what: str, keys: Sequence[str], *, grave: bool = True) -> None:
    """Objects that a restore does not bring back, by key."""
    if not keys:
        return
    mark = "[red]✗[/red]" if grave else "[yellow]![/yellow]"
    console.print(f"{mark} {len(keys)} {what}. Once restored, their documents cannot be opened:", soft_wrap=True)
    for key in keys[:_SHOWN]:
        console.print(f"    {key}", soft_wrap=True, highlight=False, markup=False)
    if len(keys) > _SHOWN:
        console.print(f"    … and {len(keys) - _SHOWN} more", soft_wrap=True, highlight=False)
