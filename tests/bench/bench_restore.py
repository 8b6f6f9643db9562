"""Restoring objects against a plain copy of the same objects through the store: 1 GiB, or PARVIS_BENCH_RESTORE_GIB=10.

Plain copy: the bytes of files, written with one PUT each, as many at a time as a restore does. Restore: every file of
the backup proven (SHA-256), then opened (AES-256-GCM) and written the same way. In turns, into an empty store.
Half of the bytes are objects of 256 KiB, half of 16 MiB: an office's papers, and its scans.
"""

import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from machine import SHORT, median, sized, wait_for_quiet
from report import Figure, console, show

from parvis_backup.objects import Objects, in_threads
from parvis_backup.progress import Quiet
from parvis_backup.restoring import prove, upload
from parvis_backup.vault import Manifest, StoredObject, Vault
from parvis_local.backups import place_of
from parvis_local.ports import free_base
from parvis_local.suite import Suite

GIB = float(os.environ.get("PARVIS_BENCH_RESTORE_GIB") or (0.25 if SHORT else 1))
SIZES = (256 << 10, 16 << 20)
#: Of ten GiB one is long enough.
ROUNDS = sized(3, 1) if GIB < 5 else 1
LEAST = 0.7  # of a plain copy
MEBIBYTE = 1 << 20


def files_in(folder: Path) -> list[Path]:
    """Objects as files; their bytes cannot be compressed."""
    folder.mkdir()
    made = []
    for size in SIZES:
        for number in range(max(1, int(GIB * 2**30 / 2 / size))):
            file = folder / f"{size}-{number}"
            file.write_bytes(secrets.token_bytes(size))
            made.append(file)
    return made


def backup_of(files: list[Path], folder: Path) -> tuple[Vault, Path]:
    """A backup that holds these objects and nothing else."""
    now = datetime.now(UTC)
    vault = Vault.open_or_make(folder, "a passphrase for benches")
    backup = vault.new(now)
    stored = []
    for file in files:
        name = vault.key.name(file.name)
        vault.object_file(name).parent.mkdir(exist_ok=True)
        sealed = vault.key.seal(f"object {name}", [file.read_bytes()], vault.object_file(name))
        stored.append(StoredObject(file.name, sealed.content_size, name, sealed.sha256))
    lines = [f"{each.key}\t{each.size}\t{each.name}\t{each.sha256}\n".encode() for each in stored]
    manifest = Manifest(
        at=now.isoformat(),
        exact=True,
        version="0.1.0",
        schemas={},
        replay_since=now.isoformat(),
        objects=len(stored),
        object_bytes=sum(each.size for each in stored),
        objects_new=len(stored),
        parts={"objects.index": vault.key.seal("objects.index", lines, backup / "objects.index")},
    )
    vault.finish(backup, manifest)
    return vault, backup


def copy(store: Objects, files: list[Path]) -> None:
    """The plain copy."""

    def put(file: Path) -> None:
        store.write(file.name, file.stat().st_size, lambda: pieces(file))

    for _ in in_threads(put, files):
        pass


def pieces(file: Path) -> Iterator[bytes]:
    """A file, not all of it in memory."""
    with file.open("rb") as content:
        while piece := content.read(MEBIBYTE):
            yield piece


def restore(store: Objects, vault: Vault, backup: Path) -> None:
    """What a restore does with objects."""
    upload(store, vault, prove(vault, backup).objects, Quiet().step(""))


def seconds(store: Objects, work: Callable[[], None], files: list[Path]) -> float:
    """How long the work takes; the store is empty again afterwards."""
    began = time.perf_counter()
    work()
    took = time.perf_counter() - began
    if sum(store.sizes().values()) != sum(file.stat().st_size for file in files):
        raise RuntimeError("the store does not hold what was written")
    store.remove(file.name for file in files)
    return took


def main() -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory(prefix="parvis-bench-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        console.print(f"making {GIB:g} GiB of objects and a backup of them", style="dim")
        files = files_in(place / "plain")
        vault, backup = backup_of(files, place / "backup")
        plain, restored = list[float](), list[float]()
        with Suite(place / "suite", port=free_base(), only=["store"]) as suite:
            store = Objects(place_of(suite).store)
            wait_for_quiet()
            for _ in range(ROUNDS):
                plain.append(seconds(store, lambda: copy(store, files), files))
                restored.append(seconds(store, lambda: restore(store, vault, backup), files))
    size = GIB * 1024
    ratio = median([one / other for one, other in zip(plain, restored, strict=True)])
    figure = Figure(
        f"{len(files)} objects, {GIB:g} GiB",
        size / median(restored),
        "MiB/s",
        baseline=size / median(plain),
        ratio=ratio,
        least_ratio=LEAST,
    )
    show("Restoring objects", [figure], "baseline: the same objects, not encrypted, through the same store")


if __name__ == "__main__":
    main()
