"""A listener under TLS: plain is refused, who it is can be checked, and its certificate is renewed under requests."""

import asyncio
import datetime as dt
import ssl
from contextlib import asynccontextmanager
from types import SimpleNamespace

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from parvis_watch import papers
from parvis_watch.http import HttpServer
from parvis_watch.papers import Papers
from parvis_watch.tls import believing

HOST = "127.0.0.1"


@pytest.fixture(autouse=True)
def looks_often(monkeypatch):
    monkeypatch.setattr(papers, "PAUSE", 0.05)


class Installation:
    """The files of one service; of its authority as many as were made."""

    def __init__(self, folder):
        self.folder = folder
        self.authority()
        self.believed(self.current)
        self.certificate()

    def authority(self):
        """A new one, which nobody believes yet."""
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = f"authority {x509.random_serial_number()}"
        self.current = self._signed(name, name, self.key, self.key, ca=True)
        self.name = name

    def believed(self, *authorities):
        self._write("ca.pem", *authorities)

    def certificate(self):
        """Another one of the newest authority; its serial number."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._signed("identity", self.name, key, self.key, ca=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.folder / "own.key").write_bytes(private)
        self._write("own.pem", made)
        return made.serial_number

    def papers(self):
        return Papers(self.folder / "ca.pem", self.folder / "own.key", self.folder / "own.pem")

    def _write(self, name, *certificates):
        pem = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)
        (self.folder / name).write_bytes(pem)

    @staticmethod
    def _signed(name, issuer, key, signer, *, ca):
        now = dt.datetime.now(dt.UTC)
        subject, by = (x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in (name, issuer))
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(by)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("identity")]), critical=False)
            .sign(signer, hashes.SHA256())
        )


@pytest.fixture
def installation(tmp_path):
    return Installation(tmp_path)


@asynccontextmanager
async def listening(installation, *, http_tls=True):
    """The port of a listener."""
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("here"))])
    files = {"tls_ca": "ca.pem", "tls_key": "own.key", "tls_certificate": "own.pem"}
    told = SimpleNamespace(
        http_listen=f"{HOST}:0",
        http_tls=http_tls,
        trusted_proxies=HOST,
        **{name: installation.folder / file for name, file in files.items()},
    )
    server = HttpServer(app, told, grace=1)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def ask(port, believed, name="identity"):
    async with httpx.AsyncClient(verify=believed, trust_env=False, timeout=10) as http:
        answer = await http.get(f"https://{HOST}:{port}/", extensions={"sni_hostname": name})
    return answer.text


async def serial(port):
    """Of the certificate that is shown to whoever says no name and asks for none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection(HOST, port, ssl=context, server_hostname="")
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(shown).serial_number


@pytest.mark.parametrize(("listen", "host"), [("[::1]:8080", "::1"), (":::8080", "::"), ("10.0.0.7:8080", "10.0.0.7")])
def test_an_address_of_ipv6_is_read_with_brackets_and_without(listen, host):
    server = HttpServer(Starlette(), SimpleNamespace(http_listen=listen, http_tls=False, trusted_proxies=HOST), grace=1)
    assert (server.config.host, server.config.port) == (host, 8080)


@pytest.mark.parametrize("listen", ["[::1]", "", "localhost:http", "localhost:"])
def test_an_address_without_a_port_is_refused_by_name(listen):
    with pytest.raises(ValueError, match="PARVIS_HTTP_LISTEN is HOST:PORT"):
        HttpServer(Starlette(), SimpleNamespace(http_listen=listen, http_tls=False, trusted_proxies=HOST), grace=1)


async def test_a_plain_request_is_not_answered(installation):
    async with listening(installation) as port:
        assert await ask(port, believing(installation.papers())) == "here"
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            with pytest.raises(httpx.TransportError):
                await http.get(f"http://{HOST}:{port}/")


async def test_who_is_told_nothing_of_tls_speaks_plainly(installation):
    async with listening(installation, http_tls=False) as port, httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(f"http://{HOST}:{port}/")).text == "here"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
async def test_an_old_tls_is_refused(installation):
    async with listening(installation) as port:
        old = believing(installation.papers())
        old.set_ciphers("DEFAULT:@SECLEVEL=0")
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2
        assert await ask(port, old) == "here"
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with pytest.raises(httpx.ConnectError):
            await ask(port, old)


async def test_a_client_believes_its_own_authority_and_the_right_name(installation, tmp_path_factory):
    another = Installation(tmp_path_factory.mktemp("another"))
    async with listening(installation) as port:
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            await ask(port, believing(another.papers()))
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            await ask(port, believing(installation.papers()), "tenancy")


async def test_a_new_certificate_is_shown_without_a_restart(installation):
    async with listening(installation) as port:
        before = await serial(port)
        made = installation.certificate()
        async with asyncio.timeout(20):
            while await serial(port) == before:  # noqa: ASYNC110 - what is shown is told to whoever asks
                await asyncio.sleep(0.02)
        assert await serial(port) == made


async def test_the_authority_is_replaced_under_requests_and_none_fails(installation):
    asked, believed, over = [], installation.papers(), asyncio.Event()

    async def keep_asking(port):
        while not over.is_set():
            asked.append(await ask(port, believing(believed)))

    async def some_more(number=20):
        upto = len(asked) + number
        while len(asked) < upto:
            assert not working.done(), working.exception()
            await asyncio.sleep(0.01)

    async with listening(installation) as port, asyncio.timeout(60):
        working = asyncio.create_task(keep_asking(port))
        await some_more()
        before = installation.current
        installation.authority()
        installation.believed(installation.current, before)
        while believed.now()[0].count(b"BEGIN") != 2:  # noqa: ASYNC110 - as it is for a file
            await asyncio.sleep(0.01)
        made = installation.certificate()
        while await serial(port) != made:  # noqa: ASYNC110 - what is waited for is shown to whoever asks
            await asyncio.sleep(0.01)
        installation.believed(installation.current)
        await some_more()
        over.set()
        await working
    assert set(asked) == {"here"}


async def test_a_certificate_that_cannot_be_taken_leaves_the_one_before(installation, monkeypatch):
    async with listening(installation) as port:
        before, room = await serial(port), True

        def temporary(*_, **__):
            nonlocal room
            room = False
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("parvis_watch.tls.tempfile.NamedTemporaryFile", temporary)
        made = installation.certificate()
        async with asyncio.timeout(20):
            while room:
                assert await serial(port) == before
        assert await serial(port) == before
        monkeypatch.undo()
        monkeypatch.setattr(papers, "PAUSE", 0.05)
        assert await serial(port) == made
