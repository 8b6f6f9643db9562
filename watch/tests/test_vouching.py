"""Who vouches for the object store, and that nobody else is believed, while files change too."""

import asyncio
import datetime as dt
import ipaddress
import re
import socketserver
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from parvis_watch import believed
from parvis_watch.believed import Believed, Believing
from parvis_watch.vouching import Pools, authority_of

OWN = Path("/run/secrets/tls_ca")
GATEWAY = Path(__file__).parents[2] / "gateway/traefik/dynamic/store.yml"


class Store:
    """Answers over TLS with a certificate that `vouch` may replace while it runs."""

    def __init__(self, folder):
        self.folder, self.authority = folder, folder / "ca.pem"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server = Server(("127.0.0.1", 0), Answer)
        self.server.socket = self.context.wrap_socket(
            self.server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://localhost:{self.server.server_port}"

    def vouch(self, *names, write=True):
        """A new authority signs a new certificate for `names`; its own certificate."""
        key, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        name = f"authority {x509.random_serial_number()}"  # each has its own, as those of an installation
        authority = certificate(name, key, key.public_key(), authority=True)
        shown = certificate(name, key, own.public_key(), names=names)
        both = self.folder / "both.pem"
        both.write_bytes(
            own.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + shown
        )
        self.context.load_cert_chain(both)
        if write:
            self.authority.write_bytes(authority)
        return authority


class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # handshakes that fail are what is tested


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def certificate(issuer, key, public_key, names=(), *, authority=False):
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer if authority else "store")]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        hosts = [x509.DNSName(each) for each in names if not each[0].isdigit()]
        hosts += [x509.IPAddress(ipaddress.ip_address(each)) for each in names if each[0].isdigit()]
        builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(believed, "PAUSE", 0.0)
    store = Store(tmp_path)
    store.vouch("localhost", "127.0.0.1")
    thread = Thread(target=store.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield store
    store.server.shutdown()
    store.server.server_close()
    thread.join()


@pytest.fixture
def pools(store):
    with Pools(Believed(store.authority), retries=False, timeout=10) as pools:
        yield pools


def test_who_is_vouched_for_is_spoken_to(store, pools):
    assert pools.request("GET", store.url).status == 200


@pytest.mark.parametrize("names", [("files.firm.example",), ("127.0.0.1",)])
def test_another_name_hears_nothing(store, pools, names):
    store.vouch(*names)
    with pytest.raises(urllib3.exceptions.SSLError, match="Hostname mismatch"):
        pools.request("GET", store.url)


def test_a_store_of_another_authority_hears_nothing(store, pools):
    store.vouch("localhost", write=False)
    with pytest.raises(urllib3.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        pools.request("GET", store.url)


def test_a_store_that_only_its_authority_knows_is_no_one_that_everybody_believes(store):
    with (
        Pools(Believed(None), retries=False, timeout=10) as pools,
        pytest.raises(urllib3.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        pools.request("GET", store.url)


def test_a_store_that_speaks_plainly_hears_nothing(pools):
    heard = []

    class Plain(socketserver.BaseRequestHandler):
        def handle(self):
            heard.append(self.request.recv(4096))
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Plain) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        with pytest.raises(urllib3.exceptions.SSLError):
            pools.request("GET", f"https://localhost:{server.server_address[1]}/secret")
        thread.join()
    assert heard
    assert b"secret" not in heard[0]


def test_the_authority_is_replaced_in_three_steps_and_no_call_fails(store, pools):
    assert pools.request("GET", store.url).status == 200
    before = store.authority.read_bytes()
    new = store.vouch("localhost", write=False)
    store.authority.write_bytes(new + before)
    assert pools.request("GET", store.url).status == 200
    store.authority.write_bytes(new)
    assert pools.request("GET", store.url).status == 200
    store.authority.write_bytes(before)
    with pytest.raises(urllib3.exceptions.SSLError):  # of a connection that was open before, nothing is left
        pools.request("GET", store.url)


@pytest.mark.parametrize("half", ["", "-----BEGIN CERTIFICATE-----\nMIIB", "no certificate"])
def test_a_file_that_is_half_written_is_passed_over(store, half):
    ours = Believed(store.authority)
    before = ours.now()
    whole = store.authority.read_text()
    store.authority.write_text(half)
    assert ours.now() is before
    store.authority.write_text(whole)
    assert ours.now() is before
    store.vouch("localhost")
    assert ours.now() is not before


@pytest.mark.parametrize("before", ["# Autorité de l’étude\n", "\ufeff"])
def test_what_else_stands_in_the_file_does_not_matter(store, before):
    store.authority.write_text(before + store.authority.read_text())
    with Pools(Believed(store.authority), retries=False, timeout=10) as pools:
        assert pools.request("GET", store.url).status == 200
    store.vouch("elsewhere.example")
    with (
        Pools(Believed(store.authority), retries=False, timeout=10) as pools,
        pytest.raises(urllib3.exceptions.SSLError),
    ):
        pools.request("GET", store.url)


async def test_a_loop_does_not_wait_for_a_file_that_is_half_written(store, monkeypatch):
    monkeypatch.setattr(believed.time, "sleep", lambda _: pytest.fail("it waited"))
    store.authority.write_bytes(b"")
    with pytest.raises(OSError, match="holds no authority"):
        await asyncio.open_connection("localhost", store.server.server_port, ssl=Believing.of(store.authority))


async def shaken(store, context):
    """Whether the store is believed by who was given this context once."""
    try:
        _, writer = await asyncio.open_connection("localhost", store.server.server_port, ssl=context)
    except ssl.SSLCertVerificationError:
        return False
    writer.close()
    return True


async def test_a_context_that_was_given_once_believes_whom_the_file_names_at_each_handshake(store):
    given = Believing.of(store.authority)
    assert await shaken(store, given)
    store.vouch("localhost", write=False)
    assert not await shaken(store, given)
    store.vouch("localhost")
    assert await shaken(store, given)
    store.authority.write_text("half")
    assert await shaken(store, given)
    store.vouch("elsewhere.example")
    assert not await shaken(store, given)  # the name


def test_who_reads_it_first_while_it_is_written_waits_for_the_rest(store, monkeypatch):
    whole = store.authority.read_bytes()
    store.authority.write_bytes(b"")
    monkeypatch.setattr(believed.time, "sleep", lambda _: store.authority.write_bytes(whole))
    assert Believed(store.authority).now().check_hostname


@pytest.mark.parametrize("content", ["", "no certificate", None])
def test_without_an_authority_nobody_is_believed(tmp_path, content):
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(OSError, match=r"ca\.pem holds no authority"):
        Believed(tmp_path / "ca.pem").now()


@pytest.mark.parametrize("authority", [None, "own"])
def test_tls_is_new_and_names_are_checked(store, authority):
    context = Believed(authority and store.authority).now()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


def test_plain_addresses_are_left_as_they_are(pools):
    assert pools.connection_from_url("http://store:8333").scheme == "http"


def traefik_believes(url, told):
    """What the gateway decides, by the expression of its file; Go reads it as Python does."""
    [own] = re.findall(r'not \$authority\) \(regexMatch "([^"\\]+)" \$url', GATEWAY.read_text())
    return Path(told) if told else OWN if re.search(own, url) else None


def test_the_gateway_goes_by_the_first_of_several_stores():
    assert traefik_believes("https://store:8333,https://store-2:8333", "") == OWN
    assert traefik_believes("https://minio.firm.example,https://store:8333", "") is None


@pytest.mark.parametrize(
    ("url", "told", "found"),
    [
        ("https://store:8333", "", OWN),
        ("https://store", "", OWN),
        ("https://store:8333/", "", OWN),
        ("https://store/", "", OWN),
        ("https://s3.eu-west-3.amazonaws.com", "", None),
        ("https://minio.firm.example:9000", "", None),
        ("https://10.0.0.7:9000", "", None),
        ("https://minio.firm.example:9000/", "", None),
        ("https://[2001:db8::1]:9000", "", None),
        ("https://[fd00::1]:8333", "", None),
        ("https://[fd00::1]/", "", None),
        ("https://minio.firm.example:9000", "/run/secrets/store_ca", Path("/run/secrets/store_ca")),
        ("https://store:8333", "/run/secrets/store_ca", Path("/run/secrets/store_ca")),
        ("", "", None),
    ],
)
def test_whose_word_counts_for_a_store(url, told, found):
    assert authority_of(url, told, OWN) == found
    assert traefik_believes(url, told) == found
