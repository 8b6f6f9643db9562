"""The gateway under TLS: which releases of it, and that every answer keeps browsers there. Nobody is behind it."""

import signal
import socket
import ssl
import time
from dataclasses import replace

import httpx
import pytest

from parvis_local.layout import Layout
from parvis_local.ports import HOST, Ports
from parvis_local.processes import Spawned, send
from parvis_local.secret_files import Places, make_secrets
from parvis_local.servers import traefik


@pytest.fixture(scope="module")
def edge(tmp_path_factory, free_base):
    """Its ports."""
    folder = tmp_path_factory.mktemp("edge-tls")
    make_secrets(folder / "secrets", Places(hosts=("localhost", "files.localhost")))
    layout, ports = Layout(folder), Ports(free_base())
    layout.logs.mkdir()
    program = traefik.program(layout, ports)
    tls = {
        "PARVIS_EDGE_CERTIFICATE": str(folder / "secrets" / "public.pem"),
        "PARVIS_EDGE_KEY": str(folder / "secrets" / "public.key.pem"),
        "TRAEFIK_ENTRYPOINTS_PORTAL_HTTP_TLS": "true",
        "TRAEFIK_ENTRYPOINTS_STORE_HTTP_TLS": "true",
        "TRAEFIK_ENTRYPOINTS_PLAIN_ADDRESS": f"{HOST}:{ports.store['filer']}",  # no store runs here
    }
    process = Spawned(replace(program, environment={**program.environment, **tls}))
    deadline = time.monotonic() + 20
    while not answers(ports):
        assert time.monotonic() < deadline, layout.log("traefik").read_text()
        time.sleep(0.1)
    yield ports
    send(process.pid, signal.SIGKILL)


def ask(port, path="/"):
    return httpx.get(f"https://{HOST}:{port}{path}", verify=False)  # noqa: S501 - signed by itself


def answers(ports):
    try:
        return ask(ports.portal).status_code == 502  # its routes are there, and nobody behind them
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize("path", ["/", "/login", "/oauth2/token", "/scim/v2/Users", "/api/tenancy/x", "/activate/x"])
def test_every_answer_keeps_browsers_at_tls(edge, path):
    said = ask(edge.portal, path).headers
    assert said["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert said["x-content-type-options"] == "nosniff"
    assert said["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", ["/", "/login", "/o/orsel/documents?page=2", "/activate/x"])
def test_plain_http_leads_a_browser_to_tls(edge, path):
    answer = httpx.get(f"http://{HOST}:{edge.store['filer']}{path}")
    assert answer.status_code == 301
    assert answer.headers["location"] == f"https://{HOST}{path}"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/oauth2/token"), ("GET", "/oauth2/userinfo"), ("GET", "/scim/v2/Users"), ("GET", "/api/tenancy/x"),
        ("GET", "/.well-known/openid-configuration"), ("POST", "/login"),
    ],
)  # fmt: skip
def test_plain_http_does_not_lead_programs_anywhere(edge, method, path):
    assert httpx.request(method, f"http://{HOST}:{edge.store['filer']}{path}").status_code == 404


def test_every_answer_of_the_store_does_too(edge):
    said = ask(edge.store_origin, "/parvis/x").headers
    assert said["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert "frame-ancestors" in said["content-security-policy"]


def test_the_newest_tls_is_spoken_and_an_old_one_is_not(edge):
    def spoken(**versions):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for name, version in versions.items():
            setattr(context, name, version)
        with socket.create_connection((HOST, edge.portal), 5) as plain, context.wrap_socket(plain) as secured:
            return secured.version(), secured.cipher()[0]

    assert spoken()[0] == "TLSv1.3"
    release, cipher = spoken(maximum_version=ssl.TLSVersion.TLSv1_2)
    assert release == "TLSv1.2"
    assert cipher.startswith("ECDHE-")
    assert "GCM" in cipher or "CHACHA20" in cipher
    with pytest.raises((ssl.SSLError, ConnectionError)):
        spoken(maximum_version=ssl.TLSVersion.TLSv1_1, minimum_version=ssl.TLSVersion.TLSv1)


def test_when_the_certificate_ends_is_told(edge):
    """The alert PublicCertificateEnds asks for it."""
    metrics = httpx.get(f"http://{HOST}:{edge.traefik_api}/metrics").text
    [told] = [line for line in metrics.splitlines() if line.startswith("traefik_tls_certs_not_after{")]
    assert 'sans="files.localhost,localhost"' in told
    assert float(told.rpartition(" ")[2]) > time.time() + 86400
