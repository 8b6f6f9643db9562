"""PostgreSQL and NATS in their containers: TLS or nothing, and certificates that are renewed, by another authority too,
while people work.
"""

import asyncio
import json
import os
import socket
import ssl
import struct
import subprocess

import asyncpg
import pytest
from cryptography import x509
from engine import docker
from stack import OURS, Stack, in_a_thread, until
from traffic import Traffic

from parvis_local.demo.portal import Portal
from parvis_local.layout import ROOT, VENV_BIN

PORTS = {"postgres": ("database", 5432), "nats": ("bus", 4222)}
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
#: Connections over the networks, and by which version of TLS.
ASKED = """
SELECT DISTINCT usename, coalesce(version, 'none') FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
WHERE client_addr IS NOT NULL AND client_addr <> '127.0.0.1'"""


def url_of(stack: Stack, mode: str) -> str:
    """PostgreSQL as the superuser, from this machine: by its address, so without its name."""
    password = (stack.secrets / "database_superuser").read_text().strip()
    asked = f"sslmode={mode}&sslrootcert={stack.secrets / 'ca.pem'}"
    return f"postgresql://postgres:{password}@{stack.address('postgres', 'database')}:5432/postgres?{asked}"


def shown(stack: Stack, name: str) -> x509.Certificate:
    """The certificate that whoever comes now is shown under the engine's name, by our authority."""
    network, port = PORTS[name]
    context = ssl.create_default_context(cafile=str(stack.secrets / "ca.pem"))
    with socket.create_connection((stack.address(name, network), port), 5) as plain:
        if name == "postgres":
            plain.sendall(SSL_REQUEST)
            assert plain.recv(1) == b"S"
        with context.wrap_socket(plain, server_hostname=name) as secured:
            return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")


def kept(stack: Stack, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((stack.secrets / f"{name}.pem").read_bytes())


def at_nats(stack: Stack) -> dict[str, str]:
    """Who is connected, and by which version of TLS."""
    said = docker("exec", stack.container("nats"), "wget", "-qO-", "http://127.0.0.1:8222/connz").stdout
    return {each["name"]: each.get("tls_version", "none") for each in json.loads(said)["connections"]}


async def version_spoken(url: str) -> str:
    connection = await asyncpg.connect(url, timeout=20)
    try:
        return str(await connection.fetchval("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
    finally:
        await connection.close()


def test_every_service_speaks_tls_to_both(stack: Stack):
    found = {user: version for user, version in stack.sql("billing", ASKED) if user.startswith("parvis_")}
    assert found == {f"parvis_{service}": "TLSv1.3" for service in OURS}
    assert at_nats(stack) == {f"parvis-{service}": "1.3" for service in OURS}


def test_postgresql_refuses_whoever_speaks_plainly(stack: Stack):
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="no encryption"):
        in_a_thread(version_spoken(url_of(stack, "disable")))
    assert in_a_thread(version_spoken(url_of(stack, "verify-ca"))) == "TLSv1.3"
    assert shown(stack, "postgres") == kept(stack, "postgres")


def test_nats_answers_nobody_who_speaks_plainly(stack: Stack):
    heard = b""
    with socket.create_connection((stack.address("nats", "bus"), 4222), 5) as plain:
        plain.settimeout(20)
        plain.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
        while piece := plain.recv(1000):
            heard += piece
    assert b"INFO" not in heard
    assert b"PONG" not in heard
    assert shown(stack, "nats") == kept(stack, "nats")


@pytest.mark.parametrize("engine", PORTS)
def test_an_engines_key_is_read_by_its_account_alone(stack: Stack, engine):
    said = docker("exec", stack.container(engine), "stat", "-c", "%a %u", "/tmp", "/tmp/tls", "/tmp/tls/key.pem").stdout  # noqa: S108 - of a container
    account = stack.inspect(engine)["Config"]["User"].partition(":")[0]
    assert said.splitlines()[1:] == [f"700 {account}", f"600 {account}"]


def test_certificates_and_their_authority_are_renewed_and_nobody_notices(stack: Stack):
    engines = {name: stack.inspect(name)["State"]["StartedAt"] for name in PORTS}
    before = {name: shown(stack, name) for name in PORTS}
    traffic = in_a_thread(_work_while_it_is_renewed(stack))
    for name in PORTS:
        until(lambda name=name: shown(stack, name) == kept(stack, name), f"{name} shows its new certificate")
        assert shown(stack, name) != before[name]
    assert traffic.failed == []
    assert traffic.answered.total() > 100
    assert {name: stack.inspect(name)["State"]["StartedAt"] for name in PORTS} == engines


async def _work_while_it_is_renewed(stack: Stack) -> Traffic:
    over = asyncio.Event()
    command = [str(VENV_BIN / "python"), "-m", "parvis_local.command", "secrets", "--new-authority"]
    async with Portal(stack.context) as portal:
        claire = await portal.activated("claire.orsel@orsel.example", link=f"{stack.addresses['portal']}/legal")
        await claire.open("/o/cabinet-orsel/")
        traffic = Traffic(stack.addresses["portal"], claire.cookie_header, transport=stack.transport)
        working = asyncio.create_task(traffic.run(over))
        coming = asyncio.create_task(_keep_coming(stack, over))
        try:
            renewed = await asyncio.to_thread(
                subprocess.run, [*command, f"--out={stack.secrets}"],
                cwd=ROOT, env=os.environ.copy(), capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert renewed.returncode == 0, renewed.stdout + renewed.stderr
        finally:
            over.set()
            await working
        assert set(await coming) == {"TLSv1.3"}
    return traffic


async def _keep_coming(stack: Stack, over: asyncio.Event) -> list[str]:
    """Connections to PostgreSQL, one after the other, that believe whom the authority's file names."""
    url, came = url_of(stack, "verify-ca"), list[str]()
    while not over.is_set():
        came.append(await version_spoken(url))
        await asyncio.sleep(0.05)
    return came


def test_whoever_comes_back_believes_the_authority_of_now(stack: Stack):
    """After the renewal above: connections that were there before it end, and each service has others."""
    stack.sql("billing", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'parvis_%'")
    stack.die("nats")
    everybody = {f"parvis-{service}": "1.3" for service in OURS}
    until(lambda: stack.health("nats") == "healthy" and at_nats(stack) == everybody, "all are back at NATS", 90)
    stack.wait_healthy(*OURS)
    test_every_service_speaks_tls_to_both(stack)
