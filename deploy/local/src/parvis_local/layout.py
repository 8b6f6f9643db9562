"""Where things are: the repository, and the folder in which one running suite keeps all that it has."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
VENV_BIN = ROOT / ".venv" / "bin"
DEFAULT_DATA = ROOT / ".parvis"
DEFAULT_PORT = 8600


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

    def log(self, part: str) -> Path:
        return self.logs / f"{part}.log"

    def make(self) -> None:
        """Makes the folders. The data folder can be traversed by others: PostgreSQL may run as another user."""
        for folder in (self.data, self.logs, self.run):
            folder.mkdir(parents=True, exist_ok=True)
        self.data.chmod(0o711)
        self.logs.chmod(0o700)
        self.run.chmod(0o700)
        self.secrets.mkdir(mode=0o700, exist_ok=True)
