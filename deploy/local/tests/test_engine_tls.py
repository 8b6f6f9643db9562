"""NATS behind the program and with the configuration of docker-compose.yml: TLS or nothing, and certificates that are
renewed under those who come and go. PostgreSQL, which the wheel has without TLS: tests/compose/test_engines_tls.py.
"""

import asyncio
import re
import socket
import ssl
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import nats
import pytest
import yaml
from cryptography import x509
from nats.js.errors import APIError

from parvis_kit.broker import STREAM, Broker
from parvis_kit.testing import HOST, Server, eventually, free_port
from parvis_local import authority
from parvis_local.authority import identity_of, make_identities, renew_certificates
from parvis_local.broker_users import configuration
from parvis_local.credentials import DATABASES
from parvis_local.layout import ROOT
from parvis_watch.papers import Address

COMPOSE = ROOT / "deploy" / "compose"
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
IDENTITIES = ("postgres", "nats")


@dataclass
class Engine:
    """One that runs behind deploy/compose/certified; `folder` has the authority's files."""

    folder: Path
    server: Server

    @property
    def authority(self):
        return self.folder / "ca.pem"

    @property
    def port(self):
        return urlsplit(self.server.url).port

    def shown(self):
        """The certificate that whoever comes now is shown."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection((HOST, self.port), 5) as plain, context.wrap_socket(plain) as secured:
            return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True))

    def shows_its_own(self):
        return self.shown() == x509.load_pem_x509_certificate(identity_of("nats", self.folder).certificate.read_bytes())

    async def settled(self):
        async def settled():
            return await asyncio.to_thread(self.shows_its_own)

        await eventually(settled, 60)

    async def renew(self, *, new_authority):
        """As the command does, whose pauses are as long as this engine needs."""
        pause = time.sleep

        def rest(_seconds):
            give_up = time.monotonic() + 60
            while not self.shows_its_own():
                assert time.monotonic() < give_up, "the renewed certificate is not shown"
                pause(0.05)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(authority.time, "sleep", rest)
            await asyncio.to_thread(renew_certificates, IDENTITIES, self.folder, new_authority=new_authority)
        await self.settled()


@pytest.fixture
def broker(server_folder, request):
    """With the configuration of its container, elsewhere."""
    folder, port = server_folder / re.sub(r"\W+", "-", request.node.name), free_port()
    folder.mkdir()
    make_identities(IDENTITIES, folder)
    files, mounted = identity_of("nats", folder), folder / "mounted"
    mounted.mkdir()
    (mounted / "tls_certificate").symlink_to(files.certificate)
    (mounted / "tls_key").symlink_to(files.key)

    def url(user):
        return f"nats://{user}:password-of-{user}@{HOST}:{port}"

    (folder / "users.conf").write_text(configuration(url("parvis"), {name: url(name) for name in DATABASES}))
    said = (COMPOSE / "nats.conf").read_text().replace("/tmp/tls", f"{folder}/copies/tls")  # noqa: S108 - idem
    for inside, here in (
        ("0.0.0.0:4222", f"{HOST}:{port}"),
        ("http: 127.0.0.1:8222\n", ""),
        ("store_dir: /data", f"store_dir: {folder}/data"),
        ("../../run/secrets/nats_users.conf", "users.conf"),
    ):
        assert inside in said
        said = said.replace(inside, here)
    (folder / "nats.conf").write_text(said)
    begin = SERVICES["nats"]["entrypoint"]
    assert begin == ["sh", "/etc/parvis/certified", "nats-server", "nats-server"]
    program = str(Path(sys.executable).with_name("nats-server"))
    command = ["sh", str(COMPOSE / "certified"), begin[2], program, "--config", str(folder / "nats.conf")]
    environment = {"PARVIS_CERTIFIED_FROM": str(mounted), "PARVIS_CERTIFIED_TO": str(folder / "copies" / "tls")}
    made = Engine(folder, Server(url("parvis"), command, folder, environment=environment))
    made.server.start()
    yield made
    made.server.kill()


@pytest.fixture
def told(monkeypatch):
    """Says which authority is believed, as docker-compose.yml says it to containers."""
    assert "PARVIS_NATS_CA" in SERVICES["billing"]["environment"]
    return lambda file: monkeypatch.setenv("PARVIS_NATS_CA", str(file))


@pytest.fixture
def others(tmp_path):
    """The certificate of another authority."""
    make_identities(IDENTITIES, tmp_path)
    return tmp_path / "ca.pem"


async def connected(url):
    """A client as the services have it, which comes once."""
    address = Address(url)
    return await nats.connect(address.url, allow_reconnect=False, connect_timeout=10, **address.credentials())


async def test_nats_is_spoken_to_by_tls_and_answers_nobody_who_speaks_plainly(broker, told, others):
    told(broker.authority)
    client = await connected(broker.server.url)
    assert client.is_connected
    await client.close()
    with socket.create_connection((HOST, broker.port), 5) as plain:
        plain.settimeout(10)
        plain.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
        heard = b""
        while piece := plain.recv(1000):
            heard += piece
    assert b"INFO" not in heard
    assert b"PONG" not in heard
    told(others)
    with pytest.raises(ssl.SSLCertVerificationError):
        await connected(broker.server.url)
    assert (broker.folder / "copies" / "tls" / "key.pem").stat().st_mode & 0o777 == 0o600


async def test_half_a_renewal_is_passed_over(broker, told):
    told(broker.authority)
    before, files, log = broker.shown(), identity_of("nats", broker.folder), broker.folder / "log"
    whole = files.certificate.read_bytes()
    await asyncio.to_thread(renew_certificates, IDENTITIES, broker.folder)
    renewed = files.certificate.read_bytes()
    files.certificate.write_bytes(whole)  # with the key of the new one

    async def refused():
        return "Failed to reload server configuration" in log.read_text()

    await eventually(refused, 60)
    assert broker.shown() == before
    await (await connected(broker.server.url)).close()
    files.certificate.write_bytes(renewed)
    await broker.settled()


async def test_whoever_shall_speak_tls_to_nats_says_nothing_to_a_server_without(told, others):
    heard = asyncio.Queue()

    async def serve(reader, writer):
        writer.write(b'INFO {"server_id":"x","version":"2.15.1","max_payload":1048576,"tls_required":false}\r\n')
        heard.put_nowait(await reader.read(1000))
        writer.close()

    told(others)
    server = await asyncio.start_server(serve, HOST, 0)
    with pytest.raises((OSError, nats.errors.Error)):
        await connected(f"nats://billing:a-password@{HOST}:{server.sockets[0].getsockname()[1]}")
    async with asyncio.timeout(10):
        assert b"a-password" not in await heard.get()
    server.close()


@pytest.mark.parametrize("new_authority", [False, True], ids=["certificates", "authority"])
async def test_nats_certificate_is_renewed_while_events_go_on(broker, told, new_authority):
    told(broker.authority)
    stays = Broker(broker.server.url, name="parvis-identity")
    before, lost, came, over = broker.shown(), [], 0, asyncio.Event()

    async def keep_publishing():
        nonlocal came
        while not over.is_set() or not came:
            newcomer = Broker(broker.server.url, name="parvis-identity")
            await newcomer.publish("parvis.sample", b"an event", {})
            await newcomer.close()
            await stays.publish("parvis.sample", b"an event", {})
            came += 2

    async def stored():
        try:
            return (await (await stays.client()).jsm().stream_info(STREAM)).state.messages == came
        except (nats.errors.Error, APIError):
            return False

    try:
        await stays.client()
        stays.listeners.append(lambda: lost.append(stays))
        publishing = asyncio.create_task(keep_publishing())
        await broker.renew(new_authority=new_authority)
        over.set()
        await publishing
        assert lost == []
        assert broker.shown() != before
        broker.server.kill()  # whoever was there all the time comes back, and believes the authority of now
        broker.server.start()
        await eventually(stored, 60)
        assert lost == [stays]
    finally:
        await stays.close()
