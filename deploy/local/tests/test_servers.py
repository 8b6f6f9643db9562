"""What the servers promise to the services: separate databases, a closed store, a gateway that drops what it must."""

import io
import smtplib
import socket
import ssl
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import asyncpg
import httpx
import pytest
from cryptography import x509
from minio import Minio

from parvis_local.authority import identity_of
from parvis_local.environment import BUCKET


async def test_a_service_role_owns_nothing_and_reads_what_the_owner_makes(servers):
    told = servers.environment("tenancy")
    owner = await asyncpg.connect(told["PARVIS_MIGRATION_URL"])
    await owner.execute("CREATE TABLE IF NOT EXISTS probe (id int PRIMARY KEY)")
    await owner.close()
    service = await asyncpg.connect(told["PARVIS_DATABASE_URL"])
    assert await service.fetchval("SELECT count(*) FROM probe") == 0
    for forbidden in (
        "CREATE TABLE mine (id int)",
        "DROP TABLE probe",
        "TRUNCATE probe",
        "ALTER TABLE probe ADD x int",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.execute(forbidden)
    await service.close()


@pytest.mark.parametrize("role", ["PARVIS_DATABASE_URL", "PARVIS_MIGRATION_URL"])
@pytest.mark.parametrize("database", ["parvis_billing", "postgres", "template1"])
async def test_a_service_enters_no_database_but_its_own(servers, role, database):
    server, _, _ = servers.environment("tenancy")[role].rpartition("/")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(f"{server}/{database}")


async def test_extensions_are_there(servers):
    connection = await asyncpg.connect(servers.environment("documents")["PARVIS_DATABASE_URL"])
    assert await connection.fetchval("SELECT unaccent('éàç') || similarity('abc', 'abc')") == "eac1"
    await connection.close()


def test_a_certificate_names_its_service_and_no_other(servers):
    files = identity_of("billing", servers.layout.secrets)
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    context = ssl.create_default_context(cafile=str(files.authority))
    context.load_cert_chain(files.certificate, files.key)
    assert "billing" in names.get_values_for_type(x509.DNSName)
    assert "identity" not in names.get_values_for_type(x509.DNSName)


def test_secrets_are_for_their_owner_only(servers):
    files = [file for file in servers.layout.secrets.rglob("*") if file.is_file()]
    assert files
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


def store(suite) -> Minio:
    told = suite.environment("documents")
    return Minio(
        told["PARVIS_STORE_URL"].removeprefix("http://"),
        access_key=told["PARVIS_STORE_ACCESS_KEY"],
        secret_key=told["PARVIS_STORE_SECRET_KEY"],
        region=told["PARVIS_STORE_REGION"],
        secure=False,
    )


def test_a_presigned_address_works_through_the_gateway_and_only_signed(servers):
    client = store(servers)
    client.put_object(BUCKET, "probe", io.BytesIO(b"bytes"), 5)
    signed = client.presigned_get_object(BUCKET, "probe")
    answer = httpx.get(signed)
    assert answer.content == b"bytes"
    assert "frame-ancestors " + servers.addresses["portal"] in answer.headers["content-security-policy"]
    assert httpx.get(signed.partition("?")[0]).status_code == 403


def test_the_inner_listeners_of_the_store_answer_nobody_but_its_parts(servers):
    store(servers).put_object(BUCKET, "kept", io.BytesIO(b"bytes"), 5)
    inside = servers.ports.store
    path = f"buckets/{BUCKET}/kept"
    answers = [
        httpx.request(method, f"http://127.0.0.1:{inside[part]}/{address}").status_code
        for method, part, address in (
            ("GET", "filer", path),
            ("PUT", "filer", f"buckets/{BUCKET}/planted"),
            ("DELETE", "filer", path),
            ("GET", "master", "dir/assign"),
            ("GET", "master", f"col/delete?collection={BUCKET}"),
            ("GET", "volume", "ui/index.html"),
        )
    ]
    assert answers == [401, 401, 401, 400, 400, 401]
    assert store(servers).get_object(BUCKET, "kept").data == b"bytes"


@pytest.mark.parametrize("part", ["s3", "filer", "master", "volume", "admin"])
def test_the_store_speaks_grpc_with_certificates_only(servers, part):
    with socket.create_connection(("127.0.0.1", servers.ports.store[f"{part}.grpc"]), 2) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        connection.settimeout(5)
        assert connection.recv(64) == b""


def test_only_pages_of_the_portal_may_upload_from_a_browser(servers):
    def preflight(origin: str) -> httpx.Response:
        asked = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
        return httpx.options(f"{servers.addresses['store']}/{BUCKET}/x", headers=asked)

    assert preflight(servers.addresses["portal"]).headers["access-control-allow-origin"] == servers.addresses["portal"]
    assert "access-control-allow-origin" not in preflight("http://evil.example").headers


class Echo(BaseHTTPRequestHandler):
    """Answers with its own name and the headers it was given."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = f"{self.server.name}\n{self.headers}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def backends(servers):
    """Stand-ins where Traefik looks for identity and the pages."""
    running = []
    for name in ("identity", "web"):
        server = ThreadingHTTPServer(("127.0.0.1", servers.ports.http(name)), Echo)
        server.name = name
        Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
    yield servers.addresses["portal"]
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("path", "backend"),
    [
        ("/", "web"),
        ("/o/cabinet/documents", "web"),
        ("/auth/callback?code=x", "web"),
        ("/assets/app.css", "web"),
        ("/loginless", "web"),
        ("/login", "identity"),
        ("/login/cabinet", "identity"),
        ("/activate?step=first", "identity"),
        ("/activate/token", "identity"),
        ("/reset", "identity"),
        ("/reset/token", "identity"),
        ("/password", "identity"),
        ("/signed-out", "identity"),
        ("/device", "identity"),
        ("/devices", "web"),
        ("/oauth2/authorize", "identity"),
        ("/.well-known/oauth-authorization-server", "identity"),
        ("/.well-known/openid-configuration", "identity"),
    ],
)
def test_each_path_reaches_its_service(backends, path, backend):
    assert httpx.get(backends + path).text.startswith(backend)


@pytest.mark.parametrize("path", ["/metrics", "/health/ready"])
def test_what_is_for_operators_is_not_on_the_portal(backends, path):
    assert httpx.get(backends + path).status_code == 404


def test_headers_that_claim_an_identity_are_dropped(backends):
    claims = {
        "X-Forwarded-User": "eve",
        "X-User": "eve",
        "X_User": "eve",
        "X_Forwarded_User": "eve",
        "Remote-User": "eve",
    }
    assert "eve" not in httpx.get(backends, headers=claims).text


def test_answers_of_the_portal_carry_the_security_headers(backends):
    headers = httpx.get(backends).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert "server" not in headers


def test_a_path_with_an_encoded_slash_is_refused(backends):
    assert httpx.get(f"{backends}/o/a%2Fb").status_code == 400


def send(suite, to: str, subject: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "cabinet@parvis.example", to, subject
    message["Message-ID"] = f"<{subject}@parvis.example>"
    message.set_content("Bonjour : http://localhost/activate/abc.")
    message.add_alternative('<p>Bonjour <a href="http://localhost/activate/abc">activer</a></p>', subtype="html")
    with smtplib.SMTP("127.0.0.1", suite.ports.smtp) as smtp:
        smtp.send_message(message)


def test_the_sink_shows_what_it_accepted_also_after_it_was_killed(servers):
    address = servers.addresses["mail"]
    send(servers, "lea@example.fr", "premier")
    killed = servers.kill("mail")
    servers.wait_healthy("mail", after=killed)
    found = httpx.get(f"{address}/api/messages", params={"to": "lea@example.fr"}).json()["messages"]
    assert [message["subject"] for message in found] == ["premier"]
    assert found[0]["message_id"] == "<premier@parvis.example>"
    assert found[0]["links"] == ["http://localhost/activate/abc"]
    page = httpx.get(f"{address}/messages/{found[0]['id']}").text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    send(servers, "lea@example.fr", "second")
    newer = httpx.get(f"{address}/api/messages", params={"since": found[0]["id"]}).json()["messages"]
    assert [message["subject"] for message in newer] == ["second"]
    assert httpx.delete(f"{address}/api/messages").json() == {"deleted": 2}


def test_the_product_says_that_it_is_not_registered_yet(servers):
    assert "pas encore enregistré" in httpx.get(servers.addresses["product"]).text
