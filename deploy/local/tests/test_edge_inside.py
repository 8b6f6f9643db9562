"""The gateway as compose starts it, towards the installation: services, and whoever reads its metrics, over TLS alone,
while certificates and their authority are renewed.
"""

import asyncio
import os
import re
import signal
import ssl
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import yaml
from cryptography import x509
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from parvis_kit.testing import eventually
from parvis_local.authority import identity_of, renew_certificates
from parvis_local.layout import ROOT, VENV_BIN, Layout
from parvis_local.ports import HOST, Ports
from parvis_local.secret_files import IDENTITIES, Places, make_secrets
from parvis_local.servers import traefik
from parvis_watch.http import HttpServer

TRAEFIK = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["traefik"]


#: What Traefik answers where nobody that it believes is behind it.
SERVER_ERROR = 500
#: Seconds between the steps of a new authority, as the command has them.
PAUSE = 10.0


@dataclass
class Edge:
    """Where its secrets are, as compose mounts them, and where it answers."""

    secrets: Path
    ports: Ports
    environment: dict[str, str]

    async def ask(self, path):
        async with httpx.AsyncClient(trust_env=False, timeout=20, verify=False) as http:  # noqa: S501 - signed by itself
            return await http.get(f"https://{HOST}:{self.ports.portal}{path}")

    async def metrics(self, name="traefik"):
        """As Prometheus asks."""
        believed = ssl.create_default_context(cafile=self.secrets / "ca.pem")
        async with httpx.AsyncClient(trust_env=False, timeout=20, verify=believed) as http:
            address = f"https://{HOST}:{self.ports.traefik_api}/metrics"
            return await http.get(address, extensions={"sni_hostname": name})

    async def shown(self, port, name):
        """The serial number of the certificate that somebody is shown who asks for a name."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        _, writer = await asyncio.open_connection(HOST, port, ssl=context, server_hostname=name)
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return x509.load_der_x509_certificate(certificate).serial_number

    async def shows(self, port, name, file):
        return await self.shown(port, name) == serial(file)


def serial(file):
    return x509.load_pem_x509_certificate(file.read_bytes()).serial_number


@dataclass
class Listening:
    """A service; the paths that it was asked for."""

    place: str
    heard: list[str]


@asynccontextmanager
async def listening(name, folder, *, http_tls=True):
    """A service that shows the certificate of `name`."""
    own, heard = identity_of(name, folder), []
    told = SimpleNamespace(
        http_listen=f"{HOST}:0", http_tls=http_tls, trusted_proxies=HOST,
        tls_ca=own.authority, tls_key=own.key, tls_certificate=own.certificate,
    )  # fmt: skip

    async def answer(request):
        heard.append(request.url.path)
        return PlainTextResponse("here")

    server = HttpServer(Starlette(routes=[Route("/{path:path}", answer)]), told, grace=1)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    try:
        yield Listening(f"{HOST}:{server.servers[0].sockets[0].getsockname()[1]}", heard)
    finally:
        server.should_exit = True
        await serving


def mounted(folder):
    """Its secrets below one folder, under the names that compose gives them: the very files, as mounts are."""
    files = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["secrets"]
    (folder / "run").mkdir()
    for each in TRAEFIK["secrets"]:
        source, target = (each, each) if isinstance(each, str) else (each["source"], each["target"])
        (folder / "run" / target).symlink_to(folder / "secrets" / Path(files[source]["file"]).name)
    return folder / "run"


@asynccontextmanager
async def gateway(folder, base, **services):
    """Traefik, by the command and the variables of docker-compose.yml, at ports of this machine."""
    layout, ports, run = Layout(folder), Ports(base), mounted(folder)
    program = traefik.program(layout, ports)
    told = {name: str(value).replace("/run/secrets", str(run)) for name, value in TRAEFIK["environment"].items()}
    told = {name: value for name, value in told.items() if not re.search(r"_ADDRESS$|_URL$|_ORIGIN$", name)}
    told["TRAEFIK_ENTRYPOINTS_HEALTH_ADDRESS"] = f"{HOST}:{ports.store['filer']}"  # no store runs here
    told |= {f"PARVIS_{name.upper()}_URL": f"https://{each.place}" for name, each in services.items()}
    environment = {**program.environment, **told, "PATH": f"{VENV_BIN}:{os.defpath}"}
    command = [part.replace("$$", "$").replace("/run/secrets", str(run)) for part in TRAEFIK["entrypoint"]]
    edge = Edge(folder / "secrets", ports, environment)

    async def answers():
        try:
            return (await edge.shown(ports.portal, "localhost")) and (await edge.metrics()).is_success
        except (httpx.TransportError, OSError):
            return False

    with (folder / "traefik.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        await eventually(answers, within=30)
        yield edge
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


@pytest.fixture
def secrets(tmp_path):
    make_secrets(tmp_path / "secrets", Places(hosts=("localhost", "files.localhost")))
    return tmp_path / "secrets"


async def test_a_service_is_asked_over_tls_and_a_stranger_in_its_place_hears_nothing(
    tmp_path, tmp_path_factory, secrets, free_base
):
    another = tmp_path_factory.mktemp("another")
    make_secrets(another, Places())
    async with (
        listening("web", secrets) as web,
        listening("web", secrets) as of_another_name,
        listening("tenancy", another) as of_another_authority,
        gateway(tmp_path, free_base(), web=web, identity=of_another_name, tenancy=of_another_authority) as edge,
    ):
        assert (await edge.ask("/")).text == "here"
        assert (await edge.ask("/login")).status_code == SERVER_ERROR
        assert (await edge.ask("/api/tenancy/x")).status_code == SERVER_ERROR
    assert [web.heard, of_another_name.heard, of_another_authority.heard] == [["/"], [], []]


async def test_a_service_that_answers_plainly_is_not_asked(tmp_path, secrets, free_base):
    async with (
        listening("web", secrets) as web,
        listening("identity", secrets, http_tls=False) as plain,
        gateway(tmp_path, free_base(), web=web, identity=plain) as edge,
    ):
        assert (await edge.ask("/login")).status_code == SERVER_ERROR
    assert plain.heard == []


async def test_metrics_are_told_over_tls_alone_under_the_name_of_the_gateway(tmp_path, secrets, free_base):
    async with listening("web", secrets) as web, gateway(tmp_path, free_base(), web=web) as edge:
        told = (await edge.metrics()).text
        assert "traefik_config_reloads_total" in told
        # The alert PublicCertificateEnds asks for what browsers see, and leaves out this name.
        assert set(re.findall('certs_not_after{.*sans="([^"]*)"', told)) == {"traefik", "files.localhost,localhost"}
        async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
            plain = await http.get(f"http://{HOST}:{edge.ports.traefik_api}/metrics")
        assert (plain.status_code, "traefik_" in plain.text) == (404, False)
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            await edge.metrics("identity")
        asking = await asyncio.create_subprocess_exec(*TRAEFIK["healthcheck"]["test"][1:], env=edge.environment)
        assert await asking.wait() == 0


async def test_the_authority_is_replaced_under_requests_and_none_fails(tmp_path, secrets, free_base):
    """By the steps and the pauses of the operator's command; nobody tells the gateway."""
    async with listening("web", secrets) as web, gateway(tmp_path, free_base(), web=web) as edge:
        before, answered = await edge.shown(edge.ports.traefik_api, "traefik"), Counter()
        renewing = asyncio.create_task(
            asyncio.to_thread(renew_certificates, IDENTITIES, secrets, new_authority=True, pause=PAUSE)
        )
        while not renewing.done():
            answered[(await edge.ask("/")).text] += 1
        await renewing
        await eventually(lambda: edge.shows(edge.ports.traefik_api, "traefik", secrets / "traefik.pem"))
        assert (await edge.metrics()).status_code == httpx.codes.OK
        answered[(await edge.ask("/")).text] += 1
    assert set(answered) == {"here"}
    assert before != serial(secrets / "traefik.pem")


async def test_a_new_public_certificate_is_shown_without_a_word(tmp_path, secrets, free_base):
    another = tmp_path / "another"
    make_secrets(another, Places(hosts=("localhost", "files.localhost")))
    async with listening("web", secrets) as web, gateway(tmp_path, free_base(), web=web) as edge:
        assert await edge.shows(edge.ports.portal, "localhost", secrets / "public.pem")
        for name in ("public.key.pem", "public.pem"):
            (secrets / name).write_bytes((another / name).read_bytes())
        await eventually(lambda: edge.shows(edge.ports.portal, "localhost", another / "public.pem"))
