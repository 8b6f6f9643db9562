"""`./parvis backup` and `./parvis restore`: this suite as a place for parvis_backup."""

import asyncio
import json
import shutil
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from parvis_backup import keys, outcome, progress, report
from parvis_backup.making import SHARE, Made, make
from parvis_backup.place import Place, Store
from parvis_backup.problems import INCOMPLETE, BackupError
from parvis_backup.restoring import Report, prove, restore
from parvis_backup.vault import Vault, find, is_backup_folder
from parvis_backup.verifying import verify
from parvis_local import display
from parvis_local.credentials import write_private
from parvis_local.environment import BUCKET, REGION, superuser_url
from parvis_local.layout import Layout
from parvis_local.ports import HOST, free_base
from parvis_local.suite import Suite

SERVERS = ("postgres", "nats", "store")
#: Beside secrets/: what was decided once, and what the demonstration told.
_KEPT = ("installation.json", "demo.done", "demo.json", "product.json")


def place_of(suite: Suite) -> Place:
    """The suite as its backup sees it."""
    layout, credentials, ports = suite.layout, suite.credentials, suite.ports
    secrets = {f"secrets/{path.name}": path for path in sorted(layout.secrets.iterdir()) if path.is_file()}
    return Place(
        database_url=lambda name: superuser_url(ports, credentials, name),
        nats_url=suite.nats_url,
        store=Store(
            url=f"http://{HOST}:{ports.store['s3']}",
            bucket=BUCKET,
            region=REGION,
            access_key=credentials.store_access_key,
            secret_key=credentials.store_secret_key,
        ),
        secrets=secrets | {name: file for name in _KEPT if (file := layout.data / name).exists()},
    )


def back_up(
    suite: Suite, to: Path, *, keep: int, key_file: Path | None, reread: bool = False, period: float = 0.0
) -> int:
    """Backs up the suite, which may run; where it does not, its servers are started for it. Raises BackupError.

    `period`: seconds until the next one is to be there; 0: as was said before.
    """
    console = display.console()
    if not suite.layout.installation.exists():
        raise BackupError(f"{suite.layout.data} holds no suite: there is nothing to back up.")
    passphrase = keys.passphrase(key_file, new=not is_backup_folder(to))

    def one() -> Made:
        vault, share = Vault.open_or_make(to, passphrase), 1 if reread else SHARE
        write_private(suite.layout.backed_up, json.dumps({"to": str(to)}).encode())
        if suite.find():
            return _make(console, suite, vault, keep, share)
        with Suite(suite.layout.data, suite.ports.base, only=SERVERS) as servers:
            return _make(console, servers, vault, keep, share)

    made = outcome.kept(to, period, one)
    report.made(console, made)
    return INCOMPLETE if made.manifest.objects_missing else 0


def folder_of(suite: Suite) -> Path | None:
    """Where the last backup of this suite went; None when there was none."""
    try:
        return Path(json.loads(suite.layout.backed_up.read_text())["to"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _make(console: Console, suite: Suite, vault: Vault, keep: int, share: int) -> Made:
    with progress.shown(console) as shows:
        return asyncio.run(make(place_of(suite), vault, keep=keep, shows=shows, share=share))


def check(source: Path, *, key_file: Path | None) -> int:
    """Reads backups as a restore would. Raises BackupError."""
    console = display.console()
    folder, backup = find(source)
    vault = Vault.open(folder, keys.passphrase(key_file, new=False))
    with progress.shown(console) as shows:
        done = verify(vault, vault.complete() if source == folder else [backup], shows)
    report.verified(console, done)
    return INCOMPLETE if done.broken or done.damaged else 0


def restore_into(data: Path, source: Path, *, key_file: Path | None) -> int:
    """Restores a backup into an empty folder, ready for `./parvis up --data`; on failure the folder is as it was.

    Raises BackupError.
    """
    console = display.console()
    layout = Layout(data.resolve())
    folder, backup = find(source)
    if layout.data.exists() and any(layout.data.iterdir()):
        found = "a suite runs there" if Suite(layout.data).is_running() else "it is not empty"
        raise BackupError(f"{layout.data}: {found}, and a restore overwrites nothing. Name an empty folder.")
    vault = Vault.open(folder, keys.passphrase(key_file, new=False))
    if source == folder:
        report.left_out(console, folder)
    done = _restore(console, vault, backup, layout)
    report.restored(console, done)
    console.print(f"\n  ./parvis up --data {layout.data}", soft_wrap=True, highlight=False)
    return 0 if done.is_whole else INCOMPLETE


def _restore(console: Console, vault: Vault, backup: Path, layout: Layout) -> Report:
    existed = layout.data.exists()
    try:
        with progress.shown(console) as shows:
            proven = prove(vault, backup, shows)  # before a server is started
            layout.make()
            layout.unfinished.touch()
            for name, content in keys.secrets_of(vault, backup).items():
                write_private(layout.data / name, content)
            shows.step("starting PostgreSQL, NATS and the store")
            with Suite(layout.data, free_base(), only=SERVERS) as servers:
                done = asyncio.run(restore(place_of(servers), vault, proven, shows=shows))
        write_private(layout.data / "restored.json", json.dumps(asdict(done), indent=1).encode())
        layout.unfinished.unlink()
    except BaseException:
        _clear(layout, existed=existed)
        raise
    return done


def _clear(layout: Layout, *, existed: bool) -> None:
    """As if nothing had been tried; PostgreSQL's files may lie elsewhere."""
    cluster = layout.data / "postgres"
    if cluster.is_symlink():
        shutil.rmtree(cluster.resolve(), ignore_errors=True)
    shutil.rmtree(layout.data, ignore_errors=True)
    if existed:
        layout.data.mkdir(parents=True, exist_ok=True)
