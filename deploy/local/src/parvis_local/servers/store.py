"""The object store: SeaweedFS, all its components in one process, S3 to the outside.

Its inner listeners (filer, master, volumes and gRPC) would serve and delete files for whoever reaches them. Here they
answer the store's own parts only: HTTP asks for a signature or a certificate, gRPC for a certificate.
"""

import json
import os

from parvis_local.authority import identity_of
from parvis_local.credentials import Credentials, write_private
from parvis_local.environment import BUCKET, REGION, public_url
from parvis_local.layout import VENV_BIN, Layout
from parvis_local.parts import Part, http_ok
from parvis_local.ports import HOST, Ports
from parvis_local.processes import Program, Spawned
from parvis_local.servers.signature import presigned_list


def part(layout: Layout, ports: Ports, credentials: Credentials) -> Part:
    """The server; healthy when S3 answers and the bucket exists."""
    identities = layout.run / "store.json"
    data, logs = layout.data / "store", layout.logs / "store"

    async def prepare() -> None:
        data.mkdir(exist_ok=True)
        logs.mkdir(exist_ok=True)
        identity = {
            "name": "parvis",
            "credentials": [{"accessKey": credentials.store_access_key, "secretKey": credentials.store_secret_key}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        write_private(identities, json.dumps({"identities": [identity]}).encode())

    async def start() -> Spawned:
        environment = {
            "PATH": os.defpath,
            "HOME": str(data),
            "WEED_S3_SSE_KEK": credentials.store_encryption_key,
            "GOMEMLIMIT": "400MiB",
            **_closed(layout, credentials),
        }
        command = [str(VENV_BIN / "weed"), f"-logdir={logs}", "mini", *_options(layout, ports)]
        return Spawned(Program(command, layout.log("store"), environment))

    async def probe() -> None:
        await http_ok(ports.store["s3"], "/healthz")
        host = f"{HOST}:{ports.store['s3']}"
        keys = (credentials.store_access_key, credentials.store_secret_key)
        await http_ok(ports.store["s3"], presigned_list(host, BUCKET, REGION, *keys))

    return Part(
        name="store",
        kind="server",
        title="Object store",
        address=f"http://{HOST}:{ports.store['s3']}",
        ports=tuple(ports.store.values()),
        prepare=prepare,
        start=start,
        probe=probe,
    )


def _closed(layout: Layout, credentials: Credentials) -> dict[str, str]:
    """SeaweedFS' `security.toml`, as variables: who may speak to the parts of the store."""
    signed = ("SIGNING", "SIGNING_READ", "FILER_SIGNING", "FILER_SIGNING_READ")
    files = identity_of("store", layout.secrets)
    proven = [f"GRPC_{part}" for part in ("MASTER", "VOLUME", "FILER", "S3", "CLIENT", "ADMIN", "WORKER")]
    settings = {f"JWT_{kind}_KEY": credentials.store_internal_key for kind in signed}
    settings |= {f"{place}_CERT": str(files.certificate) for place in (*proven, "HTTPS_MASTER")}
    settings |= {f"{place}_KEY": str(files.key) for place in (*proven, "HTTPS_MASTER")}
    settings |= {f"{place}_CA": str(files.authority) for place in ("GRPC", "HTTPS_MASTER")}
    return {f"WEED_{name}": value for name, value in settings.items()}


def _options(layout: Layout, ports: Ports) -> list[str]:
    listeners = {
        f"{name.partition('.')[0]}.port{'.grpc' if name.endswith('.grpc') else ''}": port
        for name, port in ports.store.items()
    }
    options: dict[str, object] = listeners | {
        "dir": layout.data / "store",
        "ip": HOST,
        "ip.bind": HOST,
        "bucket": BUCKET,
        "s3.config": layout.run / "store.json",
        "s3.allowedOrigins": public_url(ports),  # browsers of the portal upload and download directly
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.autoCreateBucket": "false",
        "master.electionTimeout": "1s",  # back in a second after a stop
        "master.heartbeatInterval": "200ms",
        "master.telemetry": "false",
        "filer.disableDirListing": "true",
        "admin.ui": "false",
        "webdav": "false",
    }
    return [f"-{name}={value}" for name, value in options.items()]
