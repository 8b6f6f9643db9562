"""Passphrases and secrets: where a passphrase comes from, and the files of secrets that a backup holds."""

import getpass
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from parvis_backup.problems import BackupError
from parvis_backup.vault import Vault

VARIABLE = "PARVIS_BACKUP_KEY"
MOUNTED = Path("/run/secrets/backup_key")


def passphrase(file: Path | None, *, new: bool, environment: Mapping[str, str] = os.environ) -> str:
    """From the key file, the variable, a container's secret, or a person at a terminal (twice where it is `new`)."""
    if file is None and VARIABLE in environment:
        return environment[VARIABLE].strip()
    if file is not None or MOUNTED.exists():
        chosen = file or MOUNTED
        try:
            return chosen.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BackupError(f"The key file {chosen} cannot be read: {error}") from error
    if not sys.stdin.isatty():
        raise BackupError(
            f"A backup is encrypted, and nobody said with what. Name a key file (--key-file), or set {VARIABLE}; "
            "keep it elsewhere than the backup, since nothing else opens it."
        )
    given = getpass.getpass("Passphrase of the backup: ")
    if new and getpass.getpass("The same again: ") != given:
        raise BackupError("The two passphrases differ: nothing was done.")
    return given


def secrets_of(vault: Vault, backup: Path) -> dict[str, bytes]:
    """The files with keys and secrets of a backup, by name. Raises DamagedError."""
    content = b"".join(vault.key.open("secrets", backup / "secrets"))
    return {name: bytes.fromhex(each) for name, each in json.loads(content).items()}


def write_secrets(secrets: Mapping[str, bytes], folder: Path, mode: int = 0o400) -> None:
    """Writes them to an empty folder, which is its owner's alone, as are they, whoever writes them (a container's
    account). Raises BackupError where it is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty: nothing was written. Secrets go to a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name, content in secrets.items():
        file = folder / name
        if not file.resolve().is_relative_to(folder.resolve()):
            raise BackupError(f"The backup names a secret {name!r}, which no release ever wrote.")
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=mode | 0o200)
        file.write_bytes(content)
        file.chmod(mode)
        if (owner := folder.stat()).st_uid != file.stat().st_uid:
            os.chown(file, owner.st_uid, owner.st_gid)
