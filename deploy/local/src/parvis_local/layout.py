"""Where things are: the repository, and the folder in which one running suite keeps all that it has."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[4]
VENV_BIN = ROOT / ".venv" / "bin"
DEFAULT_DATA = ROOT / ".parvis"
DEFAULT_PORT = 8600
_OF_OTHERS = 0o077


def python_of(tree: Path) -> str:
    """The interpreter that runs the release of a working tree: this one, or that of its own `.venv`."""
    return sys.executable if tree == ROOT else str(tree / ".venv" / "bin" / "python")


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders and files below one data folder. Two suites never share one."""

    data: Path

    @property
    def secrets(self) -> Path:
        """Passwords, keys and certificates (mode 0700)."""
        return self.data / "secrets"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def run(self) -> Path:
        """What only matters while the suite runs: its state, its lock, generated configuration."""
        return self.data / "run"

    @property
    def state(self) -> Path:
        return self.run / "state.json"

    @property
    def lock(self) -> Path:
        return self.run / "lock"

    @property
    def installation(self) -> Path:
        """What was decided at the first start: base port, demonstration or not."""
        return self.data / "installation.json"

    @property
    def variables(self) -> Path:
        """What somebody wants services to be told otherwise: `{"*": {…}, "billing": {"PARVIS_DATABASE_URL": …}}`."""
        return self.data / "variables.json"

    @property
    def demo_done(self) -> Path:
        """Made by the supervisor once the demonstration is loaded."""
        return self.data / "demo.done"

    @property
    def demo_logins(self) -> Path:
        """Written by the demonstration: what to print after `up` (see parvis_local.demo)."""
        return self.data / "demo.json"

    @property
    def product_client(self) -> Path:
        """Written by the demonstration: the OpenID client of the product example."""
        return self.data / "product.json"

    @property
    def backed_up(self) -> Path:
        """Where the last backup went: the doctor looks there."""
        return self.data / "backup.json"

    @property
    def unfinished(self) -> Path:
        """There while a restore fills the folder: a suite is not started on half of it."""
        return self.data / "restore.unfinished"

    def log(self, part: str) -> Path:
        return self.logs / f"{part}.log"

    @staticmethod
    def kept(file: Path, holds: str) -> dict[str, Any]:
        """What a JSON file of the folder holds; nothing where there is none. Raises ValueError with what to do."""
        found: Any = None
        try:
            found = json.loads(file.read_text())
        except FileNotFoundError:
            return {}
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ValueError(f"{file} is damaged. {holds}: bring it back from a backup (./parvis restore).")  # noqa: TRY004 - for a person
        return found

    def make(self) -> None:
        """Makes the folders, and what is secret its owner's alone, also where a copy or somebody had opened it to all.

        The data folder can be traversed by others: PostgreSQL may run as another user.
        """
        for folder in (self.data, self.logs, self.run):
            folder.mkdir(parents=True, exist_ok=True)
        self.data.chmod(0o711)
        self.logs.chmod(0o700)
        self.run.chmod(0o700)
        self.secrets.mkdir(mode=0o700, exist_ok=True)
        self.secrets.chmod(0o700)
        for file in self.secrets.iterdir():
            if file.is_file() and file.stat().st_mode & _OF_OTHERS:
                file.chmod(file.stat().st_mode & ~_OF_OTHERS)
