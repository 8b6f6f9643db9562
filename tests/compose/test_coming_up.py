"""`docker-compose up -d`: everything healthy, the portal under TLS, one issuer for everybody."""

import json
import ssl

import httpx
import pytest
from stack import ENGINES, OURS, PORTAL_HOST, SERVICES, Stack

ONE_SHOTS = ("databases", *(f"{service}-migrate" for service in OURS))

ASK = """
import json, socket, ssl, sys
host, port, certificate = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with socket.create_connection((host, port), 5) as plain:
    with ssl.create_default_context(cadata=certificate).wrap_socket(plain, server_hostname=host) as secured:
        secured.sendall(f"GET /.well-known/openid-configuration HTTP/1.0\\r\\nHost: {host}:{port}\\r\\n\\r\\n".encode())
        answer = b""
        while piece := secured.recv(65536):
            answer += piece
print(json.loads(answer.partition(b"\\r\\n\\r\\n")[2])["issuer"])
"""


@pytest.mark.parametrize("service", [*ENGINES, *OURS])
def test_each_container_is_healthy(stack: Stack, service):
    assert stack.health(service) == "healthy"


@pytest.mark.parametrize("one_shot", ONE_SHOTS)
def test_one_shots_have_ended_well(stack: Stack, one_shot):
    state = stack.inspect(one_shot)["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 0), stack.logs(one_shot)


def test_the_issuer_is_the_public_address_under_tls(stack: Stack):
    with stack.client() as browser:
        found = browser.get("/.well-known/openid-configuration").raise_for_status().json()
    assert found["issuer"] == stack.addresses["portal"]
    assert found["authorization_endpoint"].startswith(stack.addresses["portal"])


@pytest.mark.parametrize("service", ["identity", "web"])
def test_containers_reach_the_issuer_by_the_same_address(stack: Stack, service):
    asked = stack.python(service, ASK, PORTAL_HOST, str(stack.base), stack.certificate.read_text())
    assert asked.stdout.strip() == stack.addresses["portal"], asked.stderr


def test_the_portal_speaks_nothing_but_tls(stack: Stack):
    plain = stack.addresses["portal"].replace("https://", "http://").replace(PORTAL_HOST, "127.0.0.1")
    try:
        answer = httpx.get(plain, headers={"Host": PORTAL_HOST}, trust_env=False)
    except httpx.HTTPError:
        return
    assert answer.status_code in {400, 404}  # "client sent an HTTP request to an HTTPS server"


def test_an_old_tls_is_refused(stack: Stack):
    with stack.client() as browser:
        assert browser.get("/.well-known/openid-configuration").is_success
    old = stack.trust()
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(httpx.ConnectError), stack.client(trust=old) as browser:
        browser.get("/")


def test_cookies_are_bound_to_the_host_and_to_tls(stack: Stack):
    with stack.client(follow_redirects=True) as browser:
        page = browser.get("/")
        given = [cookie for answer in [*page.history, page] for cookie in answer.headers.get_list("set-cookie")]
    assert given
    assert not [cookie for cookie in given if not cookie.startswith("__Host-") or "; secure" not in cookie.lower()]


def test_health_and_metrics_are_not_public(stack: Stack):
    with stack.client() as browser:
        assert {browser.get(path).status_code for path in ("/metrics", "/health/ready", "/health/live")} == {404}


def test_no_secret_stands_in_a_log(stack: Stack):
    secrets = {file.name: file.read_text().strip() for file in stack.secrets.iterdir() if file.suffix != ".pem"}
    held = {name: value for name, value in secrets.items() if len(value) >= 16 and "\n" not in value}
    assert len(held) > 10
    logs = {service: stack.logs(service, 100_000) for service in (*ENGINES, *OURS, *ONE_SHOTS)}
    assert not [(name, service) for name, value in held.items() for service, log in logs.items() if value in log]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_logs_lines_of_json(stack: Stack, service):
    lines = [line for line in stack.logs(service, 200).splitlines() if line.strip()]
    assert lines
    assert not [line for line in lines if not isinstance(json.loads(line), dict)]
