"""The object store as docker-compose.yml starts it, and Traefik in front: TLS and nothing else, renewed under calls."""

import io
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings

import httpx
import pytest
import urllib3
import yaml
from minio import Minio

from parvis_backup.objects import Objects
from parvis_backup.place import Store
from parvis_local.authority import identity_of, renew_certificates
from parvis_local.layout import ROOT, VENV_BIN, Layout
from parvis_local.ports import HOST, Ports
from parvis_local.processes import Program, Spawned, send
from parvis_local.secret_files import IDENTITIES, Places, make_secrets
from parvis_local.servers import traefik

MAIN = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
START = MAIN["traefik"]["entrypoint"]
#: Seconds between the steps of a new authority, as `./parvis secrets` leaves them.
PAUSE = 10.0


class Gateway:
    """A store and Traefik, on ports of their own, with the secrets of an installation."""

    def __init__(self, folder, ports):
        self.layout, self.ports = Layout(folder), ports
        self.secrets = folder / "secrets"
        make_secrets(self.secrets, Places(hosts=("localhost",)))
        self.layout.logs.mkdir()
        (folder / "store").mkdir()
        self.keys = [(self.secrets / name).read_text().strip() for name in ("store_access_key", "store_secret_key")]
        self.address = f"localhost:{ports.store['s3']}"
        self.running = [Spawned(self._store()), Spawned(self._traefik())]

    def _store(self):
        """Its options as they stand there, but for folders, ports and the bucket."""
        inner = self.layout.data / ".seaweedfs" / "security.toml"
        inner.parent.mkdir()
        inner.write_text(self._here((self.secrets / "store_security.toml").read_text()))
        listeners = {
            f"{name.partition('.')[0]}.port{'.grpc' if name.endswith('.grpc') else ''}": port
            for name, port in self.ports.store.items()
        }
        ours = listeners | {"dir": self.layout.data / "store", "ip.bind": HOST, "bucket": "parvis"}
        command = [str(VENV_BIN / "weed"), f"-logdir={self.layout.logs}", "mini"]
        for option in MAIN["store"]["command"]:
            name = option.lstrip("-").partition("=")[0]
            if name in {"logdir", "mini", *ours}:
                continue
            command.append(self._here(option))
        command += [f"-{name}={value}" for name, value in ours.items()]
        told = {name: str(value) for name, value in MAIN["store"]["environment"].items()}
        environment = told | {"PATH": os.defpath, "HOME": str(self.layout.data)}
        return Program(command, self.layout.log("store"), environment)

    def _here(self, text):
        """With the files of secrets where they are here."""
        files = identity_of("store", self.secrets)
        put = {"tls_certificate": files.certificate, "tls_key": files.key, "tls_ca": files.authority}
        for name, path in put.items():
            text = text.replace(f"/run/secrets/{name}", str(path))
        return text.replace("/run/secrets/", f"{self.secrets}/")

    def _traefik(self):
        """By the command that stands there."""
        program = traefik.program(self.layout, self.ports)
        told = {
            "PARVIS_TLS_CA": str(self.secrets / "ca.pem"),
            "PARVIS_STORE_BACKEND_URL": f"https://{self.address}",
            "PATH": f"{VENV_BIN}:{os.defpath}",
        }
        command = [part.replace("$$", "$").replace("/run/secrets", str(self.secrets)) for part in START]
        return Program(command, program.log, {**program.environment, **told})

    def end(self):
        for each in self.running:
            send(each.pid, signal.SIGKILL)

    def objects(self):
        """The store as a backup sees it."""
        return Objects(Store(f"https://{self.address}", "parvis", "eu-west-3", *self.keys, self.secrets / "ca.pem"))

    def through(self):
        """A client that Traefik stands between."""
        place = f"{HOST}:{self.ports.store_origin}"
        pools = urllib3.PoolManager(retries=False, timeout=30)
        return Minio(place, *self.keys, secure=False, region="eu-west-3", http_client=pools)

    def said(self):
        return "".join(self.layout.log(name).read_text() for name in ("store", "traefik"))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, free_base):
    gateway = Gateway(tmp_path_factory.mktemp("store-tls"), Ports(free_base()))
    deadline = time.monotonic() + 60
    while not stored(gateway):
        assert time.monotonic() < deadline, gateway.said()
        time.sleep(0.2)
    yield gateway
    gateway.end()


def stored(gateway):
    try:
        return gateway.through().bucket_exists("parvis")
    except Exception:  # noqa: BLE001 - one of both is still starting
        return False


def test_the_store_speaks_tls_and_nothing_else(gateway):
    with socket.create_connection((HOST, gateway.ports.store["s3"]), 10) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: store\r\nConnection: close\r\n\r\n")
        said = plain.makefile("rb").read()
    assert said.startswith(b"HTTP/1.0 400 Bad Request")
    assert b"sent an HTTP request to an HTTPS server" in said
    trust = ssl.create_default_context(cafile=str(gateway.secrets / "ca.pem"))
    answer = httpx.get(f"https://{gateway.address}/healthz", verify=trust, trust_env=False)
    assert answer.status_code == 200


def test_an_old_tls_is_refused(gateway):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Python: it is meant to be old
        context.maximum_version = context.minimum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection((HOST, gateway.ports.store["s3"]), 10) as there,
        pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"),
    ):
        context.wrap_socket(there)


def test_it_is_healthy_as_compose_asks(gateway):
    _, program, *arguments, address = MAIN["store"]["healthcheck"]["test"]
    command = [sys.executable, str(ROOT / "tests" / "compose" / "standins" / program), *arguments]
    here = address.replace(":8333", f":{gateway.ports.store['s3']}")
    assert subprocess.run([*command, here], check=False).returncode == 0
    assert subprocess.run([*command, here.replace("https:", "http:")], check=False, capture_output=True).returncode == 1


@pytest.mark.parametrize("new_authority", [False, True], ids=["its certificate", "the authority"])
def test_it_is_renewed_under_calls_and_none_fails(gateway, new_authority):
    """Whoever connects anew all the time, whoever stays connected, and whoever comes through Traefik."""
    failed, made, over = [], {"new": 0, "stays": 0, "through": 0}, threading.Event()
    stays, through = gateway.objects(), gateway.through()

    def keep(name, act):
        while not over.is_set():
            try:
                act()
            except Exception as error:  # noqa: BLE001 - none is expected
                failed.append((name, repr(error)))
            made[name] += 1
            over.wait(0.05)

    def act(store):
        content = os.urandom(100_000)
        store.write("one", len(content), lambda: [content])
        assert b"".join(store.read("one")) == content

    def pass_through():
        content = os.urandom(100_000)
        through.put_object("parvis", "two", io.BytesIO(content), len(content))
        answer = through.get_object("parvis", "two")
        assert answer.read() == content
        answer.release_conn()

    acts = {"new": lambda: gateway.objects().sizes(), "stays": lambda: act(stays), "through": pass_through}
    threads = [threading.Thread(target=keep, args=each) for each in acts.items()]
    for each in threads:
        each.start()
    before = shown(gateway)
    renew_certificates(IDENTITIES, gateway.secrets, new_authority=new_authority, pause=PAUSE)
    deadline = time.monotonic() + 30
    wanted = ssl.PEM_cert_to_DER_cert(identity_of("store", gateway.secrets).certificate.read_text())
    while shown(gateway) != wanted and time.monotonic() < deadline:
        time.sleep(0.2)
    enough = {name: count + 5 for name, count in made.items()}
    while any(made[name] < count for name, count in enough.items()) and time.monotonic() < deadline:
        time.sleep(0.1)
    over.set()
    for each in threads:
        each.join()
    assert shown(gateway) == wanted != before
    assert failed == []
    assert all(made[name] >= count for name, count in enough.items())


def shown(gateway):
    """The store's certificate."""
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((HOST, gateway.ports.store["s3"]), timeout=10))


def test_traefik_speaks_to_no_store_of_another_authority(gateway):
    """Another installation's certificate under the same name: who comes through Traefik hears that nobody is there."""
    stranger = gateway.layout.data / "stranger"
    make_secrets(stranger, Places(hosts=("localhost",)))
    files = identity_of("store", gateway.secrets)
    before = {path: path.read_bytes() for path in (files.key, files.certificate)}
    other = identity_of("store", stranger)

    def write(pems):
        for path, content in pems.items():
            path.write_bytes(content)

    def status():
        return httpx.get(f"http://{HOST}:{gateway.ports.store_origin}/healthz", trust_env=False, timeout=30).status_code

    try:
        write({files.key: other.key.read_bytes(), files.certificate: other.certificate.read_bytes()})
        authority = (gateway.secrets / "ca.pem").read_bytes()
        (gateway.secrets / "ca.pem").write_bytes(authority + b"\n")  # new connections
        wait_for(lambda: status() == 500)
    finally:
        write(before)
    wait_for(lambda: status() == 200)


def wait_for(look):
    deadline = time.monotonic() + 30
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.1)
