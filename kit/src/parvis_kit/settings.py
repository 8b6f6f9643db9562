"""Settings that every service has, read from the environment (`PARVIS_…`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Common to the five services and the gateway. A missing or malformed variable stops the start and is named."""

    model_config = SettingsConfigDict(env_prefix="PARVIS_", frozen=True, extra="ignore")

    #: Name of the service; the common name of its certificate.
    service: ClassVar[str]
    #: Who may call: full name of a gRPC service → names of the services whose certificates are accepted. A method's
    #: full name stands for that method instead.
    callers: ClassVar[Mapping[str, frozenset[str]]] = {}

    #: Name of the installation; part of cookie names, so that two suites on one host do not mix.
    instance: str = "parvis"
    #: postgresql:// address with the service's role, which owns nothing.
    database_url: SecretStr
    #: The same at the server itself, where `database_url` is that of a pooler in transaction mode (PgBouncer): what
    #: listens (two connections of each worker) uses it, and nothing is prepared beyond a transaction.
    database_direct_url: SecretStr | None = None
    #: postgresql:// address with the role that owns the tables; only `migrate` uses it. Never a pooler's.
    migration_url: SecretStr | None = None
    #: Connections to PostgreSQL, at most, in one process.
    database_pool: int = Field(default=8, ge=1, le=1000)
    nats_url: SecretStr
    #: Servers of NATS that keep each event, when a service makes the stream: 1, or 3 in a cluster. Consumers follow.
    broker_replicas: int = Field(default=1, ge=1, le=5)
    #: host:port of gRPC (mutual TLS).
    grpc_listen: str = ""
    #: host:port of HTTP: health, metrics, and the service's pages or REST where it has them.
    http_listen: str
    #: Whether that listener speaks TLS, and nothing else, with this service's certificate.
    http_tls: bool = False
    #: Who may say in X-Forwarded-For and -Proto whom a request is from: addresses or networks, comma-separated. The
    #: gateway's proxy and nobody else, or failed sign-ins of everybody would be counted as the proxy's.
    trusted_proxies: str = "127.0.0.1"
    #: PEM files: the authority, and this service's certificate and key.
    tls_ca: Path
    tls_certificate: Path
    tls_key: Path
    #: gRPC addresses of the other services: {"identity": "identity:9090"}. A name may stand for several replicas, which
    #: are called in turn; so may addresses with a comma between them ("10.0.0.1:9090,10.0.0.2:9090").
    peers: dict[str, str] = {}
    #: Address of the portal as browsers know it; also the OpenID issuer.
    public_url: str
    #: Seconds for which a process that was told to stop (SIGTERM) answers on: its callers and the gateway see that it
    #: is about to leave, and turn to other replicas. SIGINT stops at once.
    drain_seconds: float = Field(default=5, ge=0, le=300)
    log_level: str = Field(default="info", pattern="^(?i:debug|info|warning|error|critical)$")
