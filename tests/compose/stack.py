"""One project of docker-compose.yml as tests see it: its settings, its containers, how to reach them."""

import asyncio
import hashlib
import json
import os
import re
import secrets
import signal
import socket
import ssl
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from engine import Engine, docker

from parvis_local.demonstration import Context
from parvis_local.layout import ROOT, VENV_BIN

Answer = TypeVar("Answer")

SERVICES = ("identity", "tenancy", "documents", "notify", "billing")
OURS = (*SERVICES, "web")
ENGINES = ("postgres", "nats", "store", "traefik")
PORTAL_HOST, STORE_HOST = "portail.parvis.test", "fichiers.parvis.test"
#: Seconds until a container that starts is healthy, migrations before it included.
PATIENCE = 120.0


class NotUp(Exception):
    """The project is not what it should be; the message ends with the words of the containers concerned."""


@dataclass
class Stack:
    """A project. Ports of this machine: `base` the portal, then the store, the mail sink, the product."""

    name: str
    folder: Path
    engine: Engine
    base: int
    further: Mapping[str, str] = field(default_factory=dict)  # variables of .env beside ours

    # Files

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    @property
    def env_file(self) -> Path:
        return self.folder / "env"

    @property
    def settings(self) -> dict[str, str]:
        """What an operator writes into .env."""
        return {
            "PARVIS_INSTANCE": self.name,
            "PARVIS_SECRETS": str(self.secrets),
            "PARVIS_ENV_FILE": str(self.env_file),
            "PARVIS_PORTAL_HOST": PORTAL_HOST,
            "PARVIS_PORTAL_PORT": str(self.base),
            "PARVIS_PUBLIC_URL": f"https://{PORTAL_HOST}:{self.base}",
            "PARVIS_STORE_HOST": STORE_HOST,
            "PARVIS_STORE_PORT": str(self.base + 1),
            "PARVIS_STORE_URL": f"https://{STORE_HOST}:{self.base + 1}",
            "PARVIS_MAIL_PORT": str(self.base + 2),
            "PARVIS_MAIL_DOMAIN": "parvis.example",
            "PARVIS_FRONT_NETWORK": f"10.{200 + self.base // 250 % 50}.{self.base % 250}.0/24",
            # All tests come from one address, as they do at the local suite.
            "PARVIS_EDGE_IDENTITY_AVERAGE": "100000",
            "PARVIS_EDGE_IDENTITY_BURST": "100000",
            "PARVIS_EDGE_IDENTITY_AT_ONCE": "10000",
            "PARVIS_EDGE_PAGES_AT_ONCE": "10000",
            **self.further,
        }

    def prepare(self, *, missing: bool = False) -> None:
        """Writes .env and makes the secrets (or those that are `missing`), with the command that operators use."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.env_file.write_text("".join(f"{name}={value}\n" for name, value in self.settings.items()))
        subprocess.run(
            [str(VENV_BIN / "python"), "-m", "parvis_local.command", "secrets", f"--out={self.secrets}",
             f"--hosts={PORTAL_HOST},{STORE_HOST}", *(["--missing"] if missing else [])],
            cwd=ROOT, check=True, capture_output=True, text=True,
        )  # fmt: skip

    # Commands

    @property
    def options(self) -> list[str]:
        """What `docker-compose` is told before the command: this project, its files."""
        own = ["-p", self.name, "--env-file", str(self.env_file), "-f", str(ROOT / "docker-compose.yml")]
        return [*own, "--project-directory", str(ROOT)]

    def compose(
        self, *arguments: str, check: bool = True, version: str = "", patience: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """`docker-compose … ARGUMENTS` on this project; `version` is another PARVIS_VERSION than the file's."""
        command = [*self.engine.compose, *self.options, *arguments]
        environment = _without_ours() | ({"PARVIS_VERSION": version} if version else {})
        ended = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=patience
        )
        if check and ended.returncode != 0:
            said = (ended.stderr + ended.stdout).strip()[-4000:]
            raise NotUp(f"`docker-compose {' '.join(arguments)}` ended with {ended.returncode}: {said}")
        return ended

    def replace(self, service: str, version: str) -> subprocess.CompletedProcess[str]:
        """Another release of a service beside and in place of the one that runs, by the operator's command."""
        command = [str(ROOT / "deploy" / "compose" / "replace"), service, version, *self.options]
        return subprocess.run(
            command, cwd=ROOT, env=_without_ours(), capture_output=True, text=True, check=False, timeout=600
        )

    def up(self, *services: str) -> None:
        """Starts the project (or services of it) with the mail sink, and waits until all is healthy."""
        self.compose("--profile", "mail", "up", "-d", "--no-build", *services)
        self.wait_healthy(*(services or (*ENGINES, *OURS, "mail")))

    def down(self) -> None:
        """Removes the project: containers, networks, volumes."""
        self.compose(
            "--profile", "mail", "--profile", "backup", "down", "--volumes", "--remove-orphans", "--timeout", "3"
        )

    # Containers

    def container(self, service: str) -> str:
        """The id of a service's container, running or not. NotUp when there is none."""
        found = self.containers(service)
        if not found:
            raise NotUp(f"{service} has no container")
        return found[0]

    def containers(self, service: str = "") -> list[str]:
        """Ids of containers, one-shots included, newest first."""
        labels = [f"--filter=label=com.docker.compose.project={self.name}"]
        labels += [f"--filter=label=com.docker.compose.service={service}"] if service else []
        return docker("ps", "-a", "-q", "--no-trunc", *labels).stdout.split()

    def inspect(self, service: str) -> dict[str, Any]:
        """What `docker inspect` says of a service's container."""
        found: list[dict[str, Any]] = json.loads(docker("inspect", self.container(service)).stdout)
        return found[0]

    def health(self, service: str) -> str:
        """`healthy`, `starting`, `unhealthy`, or the state of what does not run."""
        state = self.inspect(service)["State"]
        health: str = state["Health"]["Status"] if "Health" in state and state["Running"] else state["Status"]
        return health

    def answer(self, service: str) -> str:
        """What a container's health check said last."""
        log = self.inspect(service)["State"]["Health"]["Log"]
        return str(log[-1]["Output"]) if log else ""

    def wait_healthy(self, *services: str, patience: float = PATIENCE) -> float:
        """Waits until each is healthy; the seconds that it took."""
        began = time.monotonic()
        while True:
            late = {service: seen for service in services if (seen := self.health(service)) != "healthy"}
            if not late:
                return time.monotonic() - began
            if time.monotonic() - began > patience:
                words = "\n".join(f"--- {service}\n{self.logs(service)}" for service in late)
                raise NotUp(f"After {patience:g} s not healthy: {late}\n{words}")
            time.sleep(0.3)

    def logs(self, service: str, lines: int = 30) -> str:
        """The last lines that a service wrote."""
        said = docker("logs", f"--tail={lines}", self.container(service), check=False)
        return said.stdout + said.stderr

    def crash(self, service: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Kills a container's process as the kernel would; `docker kill` would count as the operator's wish."""
        os.kill(self.inspect(service)["State"]["Pid"], number)

    def die(self, service: str) -> None:
        """Kills a container's process, and waits until another one is there."""
        before = self.inspect(service)["RestartCount"]
        self.crash(service)
        until(lambda: self.inspect(service)["RestartCount"] > before, f"{service} starts again")

    def begin(self, service: str, seconds: float) -> tuple[int | None, str]:
        """Starts one further container of a service in front, for `seconds` at most: its exit status (None when it
        went on) and all that it said.
        """
        name = f"{self.name}-once-{secrets.token_hex(3)}"
        try:
            ended = self.compose(
                "run", "--rm", "--no-deps", "-T", "--name", name, service, check=False, patience=seconds
            )
        except subprocess.TimeoutExpired:
            said = docker("logs", name, check=False)
            return None, said.stdout + said.stderr
        finally:
            docker("rm", "-f", name, check=False)
        return ended.returncode, ended.stdout + ended.stderr

    def waits(self, service: str, *words: str) -> str:
        """Starts one further container of a service in the background: what its health check answers, once all of
        `words` are in it. NotUp when they never are.
        """
        name, said = f"{self.name}-waits-{secrets.token_hex(3)}", [""]

        def told() -> bool:
            log = docker("inspect", "--format={{json .State.Health.Log}}", name).stdout
            said[0] = (json.loads(log) or [{"Output": ""}])[-1]["Output"]
            return all(word in said[0].lower() for word in words)

        try:
            self.compose("run", "-d", "--no-deps", "--name", name, service)
            until(told, f"{service} waits and says so", PATIENCE)
        finally:
            docker("rm", "-f", name, check=False)
        return said[0]

    def python(self, service: str, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a Python program inside a service's container, as the account that the service has."""
        return docker("exec", self.container(service), "python3", "-c", program, *arguments, check=False)

    def sql(self, service: str, statement: str) -> list[list[str]]:
        """Rows of a service's database, as PostgreSQL's superuser sees them."""
        password = (self.secrets / "database_superuser").read_text().strip()
        command = [
            "psql",
            "--no-psqlrc",
            "-v",
            "ON_ERROR_STOP=1",
            "-At",
            "-F",
            "\t",
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
        ]
        command += ["-d", f"parvis_{service}", "-c", statement]
        asked = docker("exec", "-e", f"PGPASSWORD={password}", self.container("postgres"), *command)
        return [line.split("\t") for line in asked.stdout.splitlines() if line]

    def address(self, service: str, network: str) -> str:
        """A container's address on one of the project's networks: this machine reaches it there."""
        networks = self.inspect(service)["NetworkSettings"]["Networks"]
        return str(networks[f"{self.name}_{network}"]["IPAddress"])

    # People and programs of this machine

    @property
    def addresses(self) -> dict[str, str]:
        """As `Suite.addresses`: what the browser tests open."""
        return {
            "portal": self.settings["PARVIS_PUBLIC_URL"],
            "store": self.settings["PARVIS_STORE_URL"],
            "mail": f"http://127.0.0.1:{self.base + 2}",
            "product": f"http://127.0.0.1:{self.base + 3}",
        }

    @property
    def certificate(self) -> Path:
        """The public certificate, as Traefik shows it."""
        return self.secrets / "public.pem"

    @property
    def browser_arguments(self) -> tuple[str, ...]:
        """For Chromium: names that no DNS knows, and a certificate that no authority of the world has signed."""
        leaf = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        key = leaf.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        pin = b64encode(hashlib.sha256(key).digest()).decode()
        names = ",".join(f"MAP {host} 127.0.0.1" for host in (PORTAL_HOST, STORE_HOST))
        return (f"--host-resolver-rules={names}", f"--ignore-certificate-errors-spki-list={pin}")

    def trust(self) -> ssl.SSLContext:
        """Trusts what this project was given, and nothing else."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def client(self, *, trust: ssl.SSLContext | None = None, **options: Any) -> httpx.Client:
        """An HTTP client that finds the portal by its name and checks its certificate."""
        transport = _Here(verify=trust or self.trust())
        return httpx.Client(transport=transport, base_url=self.addresses["portal"], timeout=10, **options)

    def transport(self, limits: httpx.Limits) -> httpx.AsyncBaseTransport:
        """As `client`, for many requests at once."""
        return _HereAsync(verify=self.trust(), limits=limits)

    @property
    def context(self) -> Context:
        """For the demonstration, and for whoever goes on as its people."""
        setup_token = self.secrets / "setup_token"  # no container has it, so no backup does
        return Context(
            data=self.folder,
            addresses=self.addresses,
            environment=self.environment,
            setup_token=setup_token.read_text().strip() if setup_token.exists() else "",
            logins_file=self.folder / "demo.json",
            product_file=self.folder / "product.json",
            report=lambda _: None,
            transport=lambda: _HereAsync(verify=self.trust()),
        )

    def environment(self, service: str) -> dict[str, str]:
        """The variables with which a program of this machine speaks as one of the services."""
        inside = dict(each.split("=", 1) for each in self.inspect(service)["Config"]["Env"])
        variables = {name: value for name, value in inside.items() if name.startswith("PARVIS_")}
        for mount in self.inspect(service)["Mounts"]:
            target = Path(mount["Destination"])
            if target.parent == Path("/run/secrets"):
                name = target.name.upper()
                if name.startswith("PARVIS_"):
                    variables[name] = Path(mount["Source"]).read_text().strip()
                variables |= {each: mount["Source"] for each, value in variables.items() if value == str(target)}
        peers = {name: f"{self.address(name, 'calls')}:9090" for name in json.loads(variables["PARVIS_PEERS"])}
        variables["PARVIS_PEERS"] = json.dumps(peers)
        variables.setdefault("PARVIS_WEB_CLIENT_ID", "web")
        # Its listener is known by its name inside only; whoever is outside goes through the gateway.
        variables["PARVIS_IDENTITY_INTERNAL_URL"] = self.addresses["portal"]
        return variables

    @contextmanager
    def product(self) -> Iterator[None]:
        """The product example, on this machine, as a product is elsewhere than the portal."""
        address = self.addresses["product"]
        environment = os.environ | {
            "PARVIS_PRODUCT_HTTP": address.removeprefix("http://"),
            "PARVIS_PRODUCT_URL": address,
            "PARVIS_PRODUCT_CLIENT_FILE": str(self.folder / "product.json"),
            "PARVIS_PUBLIC_URL": self.addresses["portal"],
            "PARVIS_IDENTITY_INTERNAL_URL": self.addresses["portal"],
        }
        command = [str(VENV_BIN / "python"), "-c", _PRODUCT, str(Path(__file__).parent), str(self.certificate)]
        with (
            (self.folder / "product.log").open("wb") as log,
            subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
        ):
            try:
                until(lambda: _listens(self.base + 3), "the product example", patience=90)
                yield
            finally:
                process.terminate()


#: The product, where no DNS knows the portal and no authority of the world vouches for it.
_PRODUCT = """
import functools, ssl, sys
sys.path.insert(0, sys.argv[1])
import httpx
from stack import at_home
trust = ssl.create_default_context(cafile=sys.argv[2])
httpx.AsyncClient = functools.partial(httpx.AsyncClient, transport=at_home(trust))
from parvis_local.product.main import main
main()
"""


def at_home(trust: ssl.SSLContext) -> httpx.AsyncBaseTransport:
    """Finds the portal by its name, as `Stack.client` does."""
    return _HereAsync(verify=trust)


def _without_ours() -> dict[str, str]:
    """Variables of the shell win over the file: so none of ours is there."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PARVIS_")}


def until(look: Callable[[], bool], what: str, patience: float = 30.0) -> float:
    """Looks again and again; the seconds that it took. NotUp when it never comes."""
    began = time.monotonic()
    while not look():
        if time.monotonic() - began > patience:
            raise NotUp(f"{what}: not within {patience:g} s")
        time.sleep(0.1)
    return time.monotonic() - began


@contextmanager
def named(stack: Stack, service: str) -> Iterator[None]:
    """This machine finds a container under its name, which its certificate is for."""
    ask, address = socket.getaddrinfo, stack.address(service, service)

    def answer(host: Any, *more: Any, **options: Any) -> Any:
        return ask(address if host == service else host, *more, **options)

    socket.getaddrinfo = answer
    try:
        yield
    finally:
        socket.getaddrinfo = ask


def in_a_thread(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Runs a coroutine on a loop of its own: the browser's tests of the same run have the loop of this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _at_home(request: httpx.Request) -> httpx.Request:
    """The same request, to this machine: its name is in the Host header and in the certificate that is asked for."""
    if not re.search(r"\.parvis\.test$", request.url.host):
        return request
    told = {**request.extensions, "sni_hostname": request.url.host}
    url = request.url.copy_with(host="127.0.0.1")
    return httpx.Request(request.method, url, headers=request.headers, stream=request.stream, extensions=told)


class _Here(httpx.HTTPTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return super().handle_request(_at_home(request))


class _HereAsync(httpx.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await super().handle_async_request(_at_home(request))
