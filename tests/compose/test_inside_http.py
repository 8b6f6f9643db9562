"""HTTP between containers: TLS alone, each under its own name, and certificates are renewed while people work."""

import asyncio
import socket
import ssl
import subprocess

import httpx
import pytest
from cryptography import x509
from engine import docker
from stack import OURS, Stack, in_a_thread, until
from traffic import Traffic

from parvis_local.demo.portal import Portal
from parvis_local.layout import ROOT, VENV_BIN

FRONT = {"identity", "tenancy", "web", "traefik"}


def place(stack: Stack, name: str) -> str:
    """Where it tells its metrics."""
    return f"{stack.address(name, 'front' if name in FRONT else 'calls')}:{8620 if name == 'traefik' else 8080}"


def ask(stack: Stack, name: str, called: str) -> str:
    """What it tells whoever takes it for `called` and believes the installation's authority, as Prometheus does."""
    believed = ssl.create_default_context(cafile=stack.secrets / "ca.pem")
    with httpx.Client(verify=believed, trust_env=False, timeout=10) as http:
        answer = http.get(f"https://{place(stack, name)}/metrics", extensions={"sni_hostname": called})
        return answer.raise_for_status().text


def shown(stack: Stack, name: str) -> int:
    """The serial number of the certificate that it shows whoever asks for `name`; who has signed it does not matter."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    host, _, port = place(stack, name).partition(":")
    with (
        socket.create_connection((host, int(port)), 10) as plain,
        anybody.wrap_socket(plain, server_hostname=name) as line,
    ):
        return x509.load_der_x509_certificate(line.getpeercert(binary_form=True) or b"").serial_number


@pytest.mark.parametrize("name", [*OURS, "traefik"])
def test_metrics_are_told_under_the_own_name_and_no_other(stack: Stack, name):
    assert "process_start_time_seconds" in ask(stack, name, name)
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        ask(stack, name, "documents" if name != "documents" else "billing")


@pytest.mark.parametrize("name", [*OURS, "traefik"])
@pytest.mark.parametrize("path", ["/metrics", "/health/ready", "/login"])
def test_a_plain_request_is_not_answered(stack: Stack, name, path):
    try:
        answer = httpx.get(f"http://{place(stack, name)}{path}", trust_env=False, timeout=10)
    except httpx.TransportError:
        return
    assert (name, answer.status_code) == ("traefik", 404)  # which has no route there for whoever speaks plainly


def test_the_doctor_asks_everybody_over_tls(stack: Stack):
    """With what deploy/compose/watch.yml gives its container: the network, and the authority."""
    options = [f"--network={stack.name}_calls", f"--volume={stack.secrets / 'ca.pem'}:/run/secrets/tls_ca:ro"]
    image = stack.inspect("databases")["Config"]["Image"]
    asked = docker("run", "--rm", *options, "--env=PARVIS_BACKUPS=own", image, "doctor", check=False)
    assert [name for name in OURS if f"{name} is well" not in asked.stdout] == [], asked.stdout + asked.stderr


@pytest.mark.parametrize("how", ["--renew-certificates", "--new-authority"])
def test_certificates_are_renewed_while_people_work_and_no_request_fails(stack: Stack, how):
    before = {name: shown(stack, name) for name in (*OURS, "traefik")}
    traffic = in_a_thread(_work_while_they_are_renewed(stack, how))
    assert traffic.failed == []
    assert traffic.answered.total() > 200
    for name, serial in before.items():
        until(lambda name=name, serial=serial: shown(stack, name) != serial, f"{name} shows a new certificate")
        assert ask(stack, name, name)
    for name in OURS:
        stack.wait_healthy(name)


async def _work_while_they_are_renewed(stack: Stack, how: str) -> Traffic:
    over = asyncio.Event()
    command = [str(VENV_BIN / "python"), "-m", "parvis_local.command", "secrets", f"--out={stack.secrets}", how]
    async with Portal(stack.context) as portal:
        claire = await portal.activated("claire.orsel@orsel.example", link=f"{stack.addresses['portal']}/legal")
        await claire.open("/o/cabinet-orsel/")
        traffic = Traffic(stack.addresses["portal"], claire.cookie_header, transport=stack.transport)
        working = asyncio.create_task(traffic.run(over))
        try:
            renewed = await asyncio.to_thread(
                subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert renewed.returncode == 0, renewed.stdout + renewed.stderr
            # Somebody signs in meanwhile: the pages ask identity for a token, over TLS.
            again = await portal.activated("claire.orsel@orsel.example", link=f"{stack.addresses['portal']}/legal")
            assert (await again.open("/o/cabinet-orsel/")).is_success
            upto = traffic.answered.total() + 200
            while traffic.answered.total() < upto and not working.done():  # noqa: ASYNC110 - a number of answers
                await asyncio.sleep(0.1)
        finally:
            over.set()
            await working
    return traffic
