"""Traefik, with the same configuration as every other deployment (gateway/traefik)."""

import os

from parvis_local.environment import public_url
from parvis_local.layout import ROOT, VENV_BIN, Layout
from parvis_local.parts import Part, http_ok
from parvis_local.ports import HOST, Ports
from parvis_local.processes import Program, Spawned

CONFIGURATION = ROOT / "gateway" / "traefik"


def part(layout: Layout, ports: Ports) -> Part:
    """The gateway. It waits for nothing: a service that is not there yet is a 502 for a moment."""

    async def start() -> Spawned:
        return Spawned(program(layout, ports))

    return Part(
        name="traefik",
        kind="gateway",
        title="Traefik",
        address=public_url(ports),
        ports=(ports.portal, ports.store_origin, ports.traefik_api),
        start=start,
        probe=lambda: http_ok(ports.traefik_api, "/ping"),
    )


def program(layout: Layout, ports: Ports) -> Program:
    """Traefik on these ports, with its log."""
    environment = static_configuration() | _of_this_machine(ports) | _tracing()
    environment |= {"PATH": os.defpath, "GOMEMLIMIT": "128MiB"}
    return Program([str(VENV_BIN / "traefik")], layout.log("traefik"), environment)


def _tracing() -> dict[str, str]:
    """Traces begin here, where somebody collects them."""
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")
    return {"TRAEFIK_TRACING_OTLP_HTTP_ENDPOINT": f"{endpoint}/v1/traces"} if endpoint else {}


def static_configuration() -> dict[str, str]:
    """The variables of gateway/traefik/traefik.env."""
    lines = (line.strip() for line in (CONFIGURATION / "traefik.env").read_text().splitlines())
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name: value for name, value in pairs}  # noqa: C416 - two names say what a pair is


def _of_this_machine(ports: Ports) -> dict[str, str]:
    at_once = {
        f"TRAEFIK_ENTRYPOINTS_{name}_TRANSPORT_LIFECYCLE_REQUESTACCEPTGRACETIMEOUT": "0s"
        for name in ("PORTAL", "STORE")  # no load balancer in front has to notice that we stop
    }
    # Tests, benchmarks and whoever tries the suite all come from one address.
    unlimited = {
        "PARVIS_EDGE_IDENTITY_AVERAGE": "100000",
        "PARVIS_EDGE_IDENTITY_BURST": "100000",
        "PARVIS_EDGE_IDENTITY_AT_ONCE": "10000",
        "PARVIS_EDGE_PAGES_AT_ONCE": "10000",
        "PARVIS_EDGE_API_AT_ONCE": "10000",
    }
    return (
        at_once
        | unlimited
        | {
            "TRAEFIK_ENTRYPOINTS_PORTAL_ADDRESS": f"{HOST}:{ports.portal}",
            "TRAEFIK_ENTRYPOINTS_STORE_ADDRESS": f"{HOST}:{ports.store_origin}",
            "TRAEFIK_ENTRYPOINTS_OPERATIONS_ADDRESS": f"{HOST}:{ports.traefik_api}",
            "TRAEFIK_PROVIDERS_FILE_DIRECTORY": str(CONFIGURATION / "dynamic"),
            "PARVIS_IDENTITY_URL": ",".join(f"http://{host}:{ports.http('identity')}" for host in ports.hosts),
            "PARVIS_TENANCY_URL": ",".join(f"http://{host}:{ports.http('tenancy')}" for host in ports.hosts),
            "PARVIS_WEB_URL": ",".join(f"http://{host}:{ports.http('web')}" for host in ports.hosts),
            "PARVIS_STORE_BACKEND_URL": f"http://{HOST}:{ports.store['s3']}",
            "PARVIS_STORE_FRAME_ORIGIN": public_url(ports),
        }
    )
