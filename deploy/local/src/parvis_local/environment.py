"""What each service is told, as environment variables: the same names in every deployment."""

import json

from parvis_local.authority import identity_of
from parvis_local.credentials import Credentials
from parvis_local.layout import Layout
from parvis_local.ports import HOST, SERVICES, Ports

BUCKET = "parvis"
REGION = "eu-west-3"
MAIL_DOMAIN = "parvis.example"


def service_environment(
    service: str, layout: Layout, ports: Ports, credentials: Credentials, *, host: str = HOST
) -> dict[str, str]:
    """The variables of one service or of `web`: only what it needs, above all only its own secrets. `host` is where it
    listens.
    """
    files = identity_of(service, layout.secrets)
    database = f"{HOST}:{ports.postgres}/parvis_{service}"
    variables = {
        "PARVIS_INSTANCE": f"parvis-{ports.base}",
        "PARVIS_DATABASE_URL": f"postgresql://parvis_{service}:{credentials.database_services[service]}@{database}",
        "PARVIS_MIGRATION_URL": f"postgresql://parvis_{service}_owner:{credentials.database_owners[service]}@{database}",
        "PARVIS_NATS_URL": f"nats://{service}:{credentials.nats_services[service]}@{HOST}:{ports.nats}",
        "PARVIS_HTTP_LISTEN": f"{host}:{ports.http(service)}",
        "PARVIS_TLS_CA": str(files.authority),
        "PARVIS_TLS_CERTIFICATE": str(files.certificate),
        "PARVIS_TLS_KEY": str(files.key),
        "PARVIS_PEERS": json.dumps(
            {name: ",".join(f"{host}:{ports.grpc(name)}" for host in ports.hosts) for name in SERVICES}
        ),
        "PARVIS_PUBLIC_URL": public_url(ports),
        "PARVIS_LOG_LEVEL": "info",
    }
    if service in SERVICES:
        variables["PARVIS_GRPC_LISTEN"] = f"{host}:{ports.grpc(service)}"
    return variables | _of_its_own(service, ports, credentials) | _told_otherwise(service, layout)


def public_url(ports: Ports) -> str:
    """The portal, which is the OpenID issuer too."""
    return f"http://localhost:{ports.portal}"


def store_origin(ports: Ports) -> str:
    """The object store as browsers see it: presigned addresses name it."""
    return f"http://{HOST}:{ports.store_origin}"


def nats_url(ports: Ports, credentials: Credentials) -> str:
    """For the operator's commands, which may do anything there."""
    return f"nats://parvis:{credentials.nats}@{HOST}:{ports.nats}"


def superuser_url(ports: Ports, credentials: Credentials, database: str = "postgres") -> str:
    """For the supervisor and for tests of the schema; no service is told."""
    return f"postgresql://postgres:{credentials.database_superuser}@{HOST}:{ports.postgres}/{database}"


def _told_otherwise(service: str, layout: Layout) -> dict[str, str]:
    """What the file `variables.json` of the data folder says: for all services, then for this one."""
    told: dict[str, dict[str, str]] = layout.kept(
        layout.variables, "It holds what somebody wants services to be told otherwise"
    )
    return told.get("*", {}) | told.get(service, {})


def _of_its_own(service: str, ports: Ports, credentials: Credentials) -> dict[str, str]:
    store = {
        "PARVIS_STORE_URL": store_origin(ports),
        "PARVIS_STORE_INTERNAL_URL": f"http://{HOST}:{ports.store['s3']}",
        "PARVIS_STORE_ACCESS_KEY": credentials.store_access_key,
        "PARVIS_STORE_SECRET_KEY": credentials.store_secret_key,
        "PARVIS_STORE_BUCKET": BUCKET,
        "PARVIS_STORE_REGION": REGION,
    }
    client = {"PARVIS_WEB_CLIENT_ID": "web", "PARVIS_WEB_CLIENT_SECRET": credentials.web_client_secret}
    of_service: dict[str, dict[str, str]] = {
        "identity": client
        | {
            "PARVIS_KEY_ENCRYPTION_KEYS": credentials.key_encryption_key,
            # Relying parties under test run on this machine, and register themselves.
            "PARVIS_PRIVATE_NETWORKS": "127.0.0.0/8,::1",
            "PARVIS_REGISTRATION": "token",
            "PARVIS_REGISTRATION_TOKEN_SHA256": credentials.registration_token_sha256,
        },
        "tenancy": {
            "PARVIS_SETUP_TOKEN_SHA256": credentials.setup_token_sha256,
            "PARVIS_ANCHOR_KEYS": credentials.anchor_key,
            "PARVIS_PRODUCT_QUESTIONS": "0",  # as at the gateway: what is measured here is not to be limited
        },
        "documents": store,
        "billing": {"PARVIS_STORE_INTERNAL_URL": store["PARVIS_STORE_INTERNAL_URL"]},  # at addresses of documents'
        "notify": {"PARVIS_SMTP_URL": f"smtp://{HOST}:{ports.smtp}", "PARVIS_MAIL_DOMAIN": MAIL_DOMAIN},
        "web": client
        | {
            # Of several replicas, the gateway chooses one that is there.
            "PARVIS_IDENTITY_INTERNAL_URL": (
                public_url(ports) if ports.replicas else f"http://{HOST}:{ports.http('identity')}"
            ),
            "PARVIS_STORE_URL": store_origin(ports),
            "PARVIS_ACCOUNT_REQUESTS": "0",  # as at the gateway
        },
    }
    return of_service[service]
