"""A firm's SAML provider that others wrote: SimpleSAMLphp, as Debian packages it, served by PHP's own server. Nothing
needs to be root: packages are unpacked into a folder of the tests.
"""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from certificates import self_signed
from cryptography.hazmat.primitives import serialization
from directories import HERE, answering, free_port

INSTALLED = HERE / ".installed" / "saml"
CONFIGURATION = HERE / "saml" / "config"
#: PHP without Apache: its own server is enough for one person at a time.
PACKAGES = (
    *("simplesamlphp", "php8.2-cli", "php8.2-common", "php8.2-xml", "php8.2-mbstring"),
    # What PHP is linked with, where a machine has little else.
    *("libxml2", "libicu72", "libargon2-1", "libsodium23", "libedit2", "libbsd0", "libmd0", "libonig5", "libxslt1.1"),
)
EXTENSIONS = ("ctype", "dom", "mbstring", "posix", "simplexml", "tokenizer", "xml", "xmlreader", "xmlwriter")
#: It was written for an older PHP: what that one only warned of is not written into its pages.
QUIET = ("-d", "display_errors=0", "-d", "error_reporting=24575")


@dataclass(frozen=True, slots=True)
class SamlDirectory:
    """A running one. Everybody's password is "password"."""

    url: str
    folder: Path

    @property
    def metadata(self) -> str:
        """Where it publishes itself."""
        return f"{self.url}/saml2/idp/metadata.php"

    def knows(self, people: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """Whom it knows from now on, by the name that is typed there, and what it says of them."""
        (self.folder / "people.json").write_text(json.dumps(people))

    def declare(self, metadata: str | bytes) -> None:
        """The portal becomes one of its applications, by what it publishes."""
        text = metadata if isinstance(metadata, bytes) else httpx.get(metadata, trust_env=False).content
        (self.folder / "applications" / "portal.xml").write_bytes(text)

    def set(self, settings: Mapping[str, object] | None = None) -> None:
        """Its settings, by their names in its manual; what is not among them is as it was installed."""
        (self.folder / "settings.json").write_text(json.dumps(settings or {}))

    def new_key(self, *, beside: bool = False) -> None:
        """It signs with a new key from now on. `beside`: the one before is still published."""
        key, certificate = self_signed("Annuaire")
        pem = serialization.Encoding.PEM
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        prefix = "new_" if beside else ""
        (self.folder / f"{prefix}key.pem").write_bytes(private)
        (self.folder / f"{prefix}key.crt").write_bytes(certificate.public_bytes(pem))


@contextmanager
def saml_directory() -> Iterator[SamlDirectory]:
    """Started and stopped; it knows nobody and no application yet. Raises RuntimeError."""
    php, root = install()
    with tempfile.TemporaryDirectory(prefix="parvis-directory-") as kept:
        folder = Path(kept)
        for name in ("applications", "tmp"):
            (folder / name).mkdir()
        port = free_port()
        directory = SamlDirectory(f"http://127.0.0.1:{port}", folder)
        directory.knows({})
        directory.set()
        directory.new_key()
        home = root / "usr" / "share" / "simplesamlphp"
        environment = os.environ | {
            "DIRECTORY": str(folder),
            "DIRECTORY_URL": directory.url,
            "SIMPLESAMLPHP_CONFIG_DIR": str(CONFIGURATION),
            "SIMPLESAMLPHP_ATTRIBUTES": f"{root / 'etc' / 'simplesamlphp' / 'attributemap'}/",
            "PHP_CLI_SERVER_WORKERS": "4",
            "LD_LIBRARY_PATH": ":".join(map(str, (root / "usr" / "lib").glob("*-linux-gnu*"))),
        }
        with (folder / "php.log").open("wb") as log:
            process = subprocess.Popen(
                [*php, "-S", f"127.0.0.1:{port}", "-t", str(home / "www")],
                cwd=home / "www", env=environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
            try:
                answering(directory.metadata, process)
                yield directory
            finally:
                os.killpg(process.pid, 15)  # its workers too
                process.wait()


def install() -> tuple[list[str], Path]:
    """How PHP is called, and where SimpleSAMLphp is. Raises RuntimeError."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with (INSTALLED / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark = INSTALLED / ".stamp"
        if not mark.exists() or mark.read_text() != " ".join(PACKAGES):
            _unpack()
            mark.write_text(" ".join(PACKAGES))
    root = INSTALLED / "root"
    modules = next((root / "usr" / "lib" / "php").glob("20*"))
    loaded = [part for name in EXTENSIONS if (modules / f"{name}.so").exists() for part in ("-d", f"extension={name}")]
    return [str(root / "usr" / "bin" / "php8.2"), "-n", *QUIET, "-d", f"extension_dir={modules}", *loaded], root


def _unpack() -> None:
    """apt downloads, dpkg unpacks: anybody may do both."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise RuntimeError("SimpleSAMLphp is taken from Debian's packages, and this is no Debian.")
    root, packages, lists, cache = (INSTALLED / name for name in ("root", "packages", "lists", "cache"))
    for folder in (root, packages, lists, cache):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (root, packages, lists / "partial", cache / "archives" / "partial"):
        folder.mkdir(parents=True)
    places = ("-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={cache}", "-o", "Debug::NoLocking=1")
    _run("apt-get", "-q", *places, "update")
    _run("apt-get", "-q", *places, "-o", "APT::Sandbox::User=root", "download", *PACKAGES, where=packages)
    for package in sorted(packages.glob("*.deb")):
        _run("dpkg-deb", "-x", str(package), str(root))
    for folder in (packages, lists, cache):
        shutil.rmtree(folder)


def _run(*command: str, where: Path = HERE) -> None:
    done = subprocess.run(
        command, cwd=where, env=os.environ | {"LC_ALL": "C"}, check=False, capture_output=True, text=True
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-800:]
        raise RuntimeError(f"`{' '.join(command[:6])} …` failed: {said}")
