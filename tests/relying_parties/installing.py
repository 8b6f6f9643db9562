"""What the relying parties need, in a folder of its own: nothing of it is in our lock, and nothing needs to be root.

Python's packages by uv and Node's by npm, both from locks; Apache and its module as Debian packages that are unpacked
into the folder, unless this machine has them. Whatever cannot be had stops the tests with a sentence that says so.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from parvis_local.layout import VENV_BIN

HERE = Path(__file__).parent
FOLDER = HERE / ".installed"
MODULE = "libapache2-mod-auth-openidc"


class NotInstalled(Exception):
    """A relying party that cannot be had here. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Installed:
    """Where everything is."""

    python: Path
    node: Path
    node_modules: Path
    httpd: Path
    #: Apache's modules, and libraries that the system lacks.
    modules: Path
    libraries: Path


def install() -> Installed:
    """Installs what is missing, once. Raises NotInstalled."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _once("python", HERE / "python" / "requirements.lock", _python)
        _once("javascript", HERE / "javascript" / "package-lock.json", _javascript)
        httpd, modules, libraries = _apache()
    node = VENV_BIN / "node"
    return Installed(
        python=FOLDER / "python" / "bin" / "python",
        node=node if node.exists() else Path(shutil.which("node") or "node"),
        node_modules=FOLDER / "javascript" / "node_modules",
        httpd=httpd,
        modules=modules,
        libraries=libraries,
    )


def _once(name: str, lock: Path, make: Callable[[Path], None]) -> None:
    """Makes a folder anew when its lock has changed."""
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    mark = FOLDER / name / ".stamp"
    if mark.exists() and mark.read_text() == wanted:
        return
    shutil.rmtree(FOLDER / name, ignore_errors=True)
    make(FOLDER / name)
    mark.write_text(wanted)


def _python(folder: Path) -> None:
    uv = str(VENV_BIN / "uv")
    _run(uv, "venv", "-q", "--python", str(VENV_BIN / "python"), str(folder))
    lock = str(HERE / "python" / "requirements.lock")
    _run(uv, "pip", "install", "-q", "--require-hashes", "--python", str(folder / "bin" / "python"), "-r", lock)


def _javascript(folder: Path) -> None:
    folder.mkdir()
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(HERE / "javascript" / name, folder / name)
    npm = VENV_BIN / "npm"
    _run(str(npm) if npm.exists() else "npm", "ci", "--prefer-offline", where=folder)


def _apache() -> tuple[Path, Path, Path]:
    """The server, its modules, and further libraries: this machine's own, else Debian's, unpacked."""
    own = shutil.which("apache2", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    modules = Path("/usr/lib/apache2/modules")
    if own and (modules / "mod_auth_openidc.so").exists():
        return Path(own), modules, modules
    root = FOLDER / "apache"
    if not (root / ".stamp").exists():
        shutil.rmtree(root, ignore_errors=True)
        _unpack(root)
        (root / ".stamp").touch()
    libraries = next(root.glob("usr/lib/*-linux-gnu"), root / "usr/lib")
    return root / "usr/sbin/apache2", root / "usr/lib/apache2/modules", libraries


def _unpack(root: Path) -> None:
    """Downloads the packages that are not installed yet and unpacks them: apt and dpkg do both for anybody."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise NotInstalled(
            "Apache with mod_auth_openidc is missing, and this is no Debian or Ubuntu from which it could be taken:"
            " install both (the module in /usr/lib/apache2/modules), then run the tests again."
        )
    packages, lists, cache = root / "packages", root / "lists", root / "cache"
    for folder in (packages, lists / "partial", cache / "archives" / "partial"):
        folder.mkdir(parents=True)
    places = ("-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={cache}", "-o", "Debug::NoLocking=1")
    _run("apt-get", "-q", *places, "update")
    wanted = ("-y", "--no-install-recommends", "--print-uris", "install", MODULE)
    planned = _run("apt-get", "-qq", *places, *wanted).splitlines()
    names = [line.split()[1].split("_")[0] for line in planned if line.startswith("'")]
    _run("apt-get", "-q", *places, "-o", "APT::Sandbox::User=root", "download", *names, where=packages)
    for package in sorted(packages.glob("*.deb")):
        _run("dpkg-deb", "-x", str(package), str(root))
    for folder in (packages, lists, cache):
        shutil.rmtree(folder)


def _run(*command: str, where: Path = HERE) -> str:
    environment = os.environ | {"PATH": f"{VENV_BIN}:{os.environ.get('PATH', '')}", "LC_ALL": "C"}
    try:
        finished = subprocess.run(command, cwd=where, env=environment, check=False, capture_output=True, text=True)
    except OSError as error:
        raise NotInstalled(f"`{command[0]}` does not start: {error}") from error
    if finished.returncode:
        said = (finished.stderr or finished.stdout).strip()[-800:]
        raise NotInstalled(f"`{' '.join(command[:6])} …` failed: {said}")
    return finished.stdout
