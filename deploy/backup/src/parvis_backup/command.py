"""`backup`, `restore`, `verify`, `backups` and `restore-secrets` of parvis/tools: an installation of settings.

Its engines: PARVIS_DATABASE_SERVER (host:port; PARVIS_DATABASE_SERVERS, such as {"parvis_billing": "host:port"}, for
those elsewhere), PARVIS_DATABASE_SUPERUSER, PARVIS_STORE_INTERNAL_URL, PARVIS_STORE_BUCKET, PARVIS_STORE_REGION,
PARVIS_STORE_CA (who vouches for the store, where that is not the installation's own authority). Its secrets: files
below /run/secrets, named as `./parvis secrets` names them.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from rich.console import Console

from parvis_backup import keys, outcome, progress, report
from parvis_backup.arguments import add_next, how_long, how_many
from parvis_backup.making import SHARE, Made, make
from parvis_backup.place import Place, Store
from parvis_backup.problems import INCOMPLETE, BackupError
from parvis_backup.restoring import prove, restore
from parvis_backup.vault import Vault, complete, find, is_backup_folder, said_of
from parvis_backup.verifying import verify
from parvis_watch.vouching import authority_of

SECRETS = Path("/run/secrets")
FOLDER = Path("/volumes/backup")
_AGAIN = 600.0  # s after a backup that failed
_READABLE = 0o644  # as compose mounts them into containers of another account


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the five."""
    backup = commands.add_parser("backup", help="back everything up, encrypted, while the suite runs")
    backup.add_argument("--to", type=Path, default=FOLDER, help=f"backup folder (default {FOLDER})")
    backup.add_argument("--keep", type=how_many, default=0, help="days of which the newest stays (default all)")
    backup.add_argument("--every", type=how_long, default=0.0, help="again and again: 30m, 24h")
    add_next(backup)
    backup.set_defaults(act=_told(_backup))
    backup.add_argument(
        "--reread", action="store_true", help="read all objects of the folder again, not a 28th of them"
    )
    back = commands.add_parser("restore", help="restore a backup into an empty installation whose engines run")
    back.add_argument("source", type=Path, nargs="?", default=FOLDER, metavar="FROM", help="a backup, or their folder")
    back.set_defaults(act=_told(_restore))
    checked = commands.add_parser("verify", help="read all backups of a folder as a restore would")
    checked.add_argument(
        "source", type=Path, nargs="?", default=FOLDER, metavar="FROM", help="a backup, or their folder"
    )
    checked.set_defaults(act=_told(_verify))
    listed = commands.add_parser("backups", help="list the backups of a folder")
    listed.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    listed.add_argument("--not-older", type=how_long, default=0.0, help="fail where the newest is older: 36h")
    listed.set_defaults(act=_told(_list))
    secrets = commands.add_parser("restore-secrets", help="write the secrets of a backup to an empty folder")
    secrets.add_argument(
        "source", type=Path, nargs="?", default=FOLDER, metavar="FROM", help="a backup, or their folder"
    )
    secrets.add_argument("--out", type=Path, required=True, help="empty folder")
    secrets.set_defaults(act=_told(_restore_secrets))
    for each in (backup, back, checked, secrets):
        each.add_argument(
            "--key-file", type=Path, help=f"file with the passphrase (else {keys.VARIABLE}, a secret, asked)"
        )


def place_of_settings(secrets: Path = SECRETS) -> Place:
    """The installation that variables and files of secrets describe. Raises BackupError for what is missing."""
    servers = json.loads(os.environ.get("PARVIS_DATABASE_SERVERS") or "{}")
    server = os.environ.get("PARVIS_DATABASE_SERVER", "postgres:5432")
    account = os.environ.get("PARVIS_DATABASE_SUPERUSER", "postgres")
    password = quote(_secret(secrets, "database_superuser"), safe="")

    store = os.environ.get("PARVIS_STORE_INTERNAL_URL", "https://store:8333")

    def database_url(name: str) -> str:
        return f"postgresql://{account}:{password}@{servers.get(name, server)}/{name}"

    return Place(
        database_url=database_url,
        nats_url=_secret(secrets, "nats_url"),
        store=Store(
            url=store,
            bucket=os.environ.get("PARVIS_STORE_BUCKET", "parvis"),
            region=os.environ.get("PARVIS_STORE_REGION", "eu-west-3"),
            access_key=_secret(secrets, "store_access_key"),
            secret_key=_secret(secrets, "store_secret_key"),
            authority=authority_of(store, os.environ.get("PARVIS_STORE_CA", ""), secrets / "ca.pem"),
        ),
        secrets={path.name: path for path in sorted(secrets.iterdir()) if path.is_file() and path != keys.MOUNTED},
    )


def _secret(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text().strip()
    except OSError as error:
        raise BackupError(f"The secret {name} is missing ({error.strerror}). Make it: ./parvis secrets") from error


def _told(act: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    def tell(options: argparse.Namespace) -> int:
        try:
            return act(options)
        except BackupError as error:
            print(error, file=sys.stderr)
            return 1

    return tell


def _backup(options: argparse.Namespace) -> int:
    passphrase = keys.passphrase(options.key_file, new=not is_backup_folder(options.to))
    place = place_of_settings()
    if options.every:
        _wait_for_its_turn(options.to, options.every)
    while True:
        began, status = time.time(), 0
        try:
            status = _back_up_once(place, passphrase, options)
            wait = _until_next(began, options.every)
        except Exception as error:  # a container that ends here starts again, with a whole dump each time
            if not options.every:
                raise
            wait = min(_AGAIN, options.every)
            why = error if isinstance(error, BackupError) else f"{type(error).__name__}, a fault of Parvis: report it."
            print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} no backup: {why} Again in {wait:g} s.", file=sys.stderr)
        if not options.every:
            return status
        time.sleep(wait)


def _until_next(began: float, every: float) -> float:
    """Seconds until the backup after the one that began then; a clock that was set back makes it no longer."""
    return max(0.0, min(began + every - time.time(), every))


def _wait_for_its_turn(folder: Path, every: float) -> None:
    """A container that starts again makes no backup more than it should."""
    wait = _until_next(outcome.find(folder, time.time()).made_at, every)
    if wait:
        print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} the newest backup is young: the next one in {wait:.0f} s.")
        time.sleep(wait)


def _back_up_once(place: Place, passphrase: str, options: argparse.Namespace) -> int:
    console = Console()

    def one() -> Made:
        vault, share = Vault.open_or_make(options.to, passphrase), 1 if options.reread else SHARE
        with progress.shown(console) as shows:
            return asyncio.run(make(place, vault, keep=options.keep, shows=shows, share=share))

    made = outcome.kept(options.to, options.every or options.period, one)
    report.made(console, made)
    return INCOMPLETE if made.manifest.objects_missing else 0


def _restore(options: argparse.Namespace) -> int:
    folder, backup = find(options.source)
    vault = Vault.open(folder, keys.passphrase(options.key_file, new=False))
    place, console = place_of_settings(), Console()
    if options.source == folder:
        report.left_out(console, folder)
    with progress.shown(console) as shows:
        done = asyncio.run(restore(place, vault, prove(vault, backup, shows), shows=shows))
    report.restored(console, done)
    print(json.dumps(asdict(done)))
    return 0 if done.is_whole else INCOMPLETE


def _verify(options: argparse.Namespace) -> int:
    console = Console()
    folder, backup = find(options.source)
    vault = Vault.open(folder, keys.passphrase(options.key_file, new=False))
    with progress.shown(console) as shows:
        done = verify(vault, vault.complete() if options.source == folder else [backup], shows)
    report.verified(console, done)
    return INCOMPLETE if done.broken or done.damaged else 0


def _list(options: argparse.Namespace) -> int:
    for each in complete(options.folder):
        print(each.name)
    found = outcome.find(options.folder)
    if found.ahead:
        print(f"{said_of(list(found.ahead))}. They count for nothing.", file=sys.stderr)
    if options.not_older and time.time() - found.made_at - found.last.seconds > options.not_older:
        raise BackupError(f"{options.folder} holds no backup that is young enough.")
    return 0


def _restore_secrets(options: argparse.Namespace) -> int:
    folder, backup = find(options.source)
    vault = Vault.open(folder, keys.passphrase(options.key_file, new=False))
    vault.manifest(backup)
    secrets = keys.secrets_of(vault, backup)
    keys.write_secrets(secrets, options.out, _READABLE)
    print(f"{len(secrets)} secrets written to {options.out}. `secrets --missing` makes those that no container reads.")
    return 0
