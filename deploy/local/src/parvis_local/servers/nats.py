"""NATS with JetStream: every acknowledged event is on disk."""

import json
import os

from parvis_local.broker_users import users
from parvis_local.credentials import Credentials, write_private
from parvis_local.layout import VENV_BIN, Layout
from parvis_local.parts import Part, http_ok
from parvis_local.ports import HOST, Ports
from parvis_local.processes import Program, Spawned


def part(layout: Layout, ports: Ports, credentials: Credentials) -> Part:
    """The server; `sync_interval: always`, since the default of two minutes loses acknowledged events."""
    configuration = layout.run / "nats.json"

    async def prepare() -> None:
        settings = {
            "server_name": f"parvis-{ports.base}",
            "listen": f"{HOST}:{ports.nats}",
            "http": f"{HOST}:{ports.nats_monitor}",
            "authorization": {"users": users(("parvis", credentials.nats), credentials.nats_services)},
            "jetstream": {
                "store_dir": str(layout.data / "nats"),
                "sync_interval": "always",
                "max_memory_store": 67108864,
                "max_file_store": 10737418240,
            },
            "max_payload": 1048576,
        }
        write_private(configuration, json.dumps(settings, indent=2).encode())

    async def start() -> Spawned:
        command = [str(VENV_BIN / "nats-server"), "--config", str(configuration)]
        return Spawned(Program(command, layout.log("nats"), {"PATH": os.defpath, "GOMEMLIMIT": "192MiB"}))

    return Part(
        name="nats",
        kind="server",
        title="NATS JetStream",
        address=f"{HOST}:{ports.nats}",
        ports=(ports.nats, ports.nats_monitor),
        prepare=prepare,
        start=start,
        probe=lambda: http_ok(ports.nats_monitor, "/healthz"),
    )
