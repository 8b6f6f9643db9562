"""The ports of a suite, all counted from its base port, and the check that nobody else has them."""

import errno
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

HOST = "127.0.0.1"
#: Where a second replica of each service may run, on the same ports (Linux: the whole of 127.0.0.0/8 is this machine).
BESIDE = "127.0.0.2"
SERVICES = ("identity", "tenancy", "documents", "notify", "billing")
# The store's workers look for its admin server's gRPC listener 10000 above its HTTP port, whatever it was told; all
# ports stay below those that Linux gives to clients (32768).
ADMIN_OFFSET = 10_000
LOWEST_BASE = 1024
HIGHEST_BASE = 22_000


class PortInUse(Exception):
    """A port that the suite needs belongs to somebody else. The message names the port and what wants it."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports by what listens there."""

    base: int
    #: Whether callers and the gateway look for a second replica of each service too.
    replicas: bool = False

    def __post_init__(self) -> None:
        if not LOWEST_BASE <= self.base <= HIGHEST_BASE:
            raise ValueError(f"The base port must lie between {LOWEST_BASE} and {HIGHEST_BASE}, not {self.base}.")

    @property
    def portal(self) -> int:
        return self.base

    @property
    def store_origin(self) -> int:
        """The store as browsers see it, through Traefik."""
        return self.base + 1

    @property
    def product(self) -> int:
        return self.base + 2

    @property
    def mail(self) -> int:
        return self.base + 3

    @property
    def postgres(self) -> int:
        return self.base + 10

    @property
    def nats(self) -> int:
        return self.base + 11

    @property
    def nats_monitor(self) -> int:
        return self.base + 12

    @property
    def store(self) -> Mapping[str, int]:
        """SeaweedFS: one process with five listeners, each with a gRPC port beside it."""
        names = ("s3", "filer", "master", "volume", "admin")
        plain = {name: self.base + 13 + index for index, name in enumerate(names)}
        beside = {f"{name}.grpc": self.base + 21 + index for index, name in enumerate(names[:-1])}
        return plain | beside | {"admin.grpc": plain["admin"] + ADMIN_OFFSET}

    @property
    def smtp(self) -> int:
        return self.base + 19

    @property
    def traefik_api(self) -> int:
        return self.base + 20

    @property
    def hosts(self) -> tuple[str, ...]:
        """Where the services may be."""
        return (HOST, BESIDE) if self.replicas else (HOST,)

    def grpc(self, service: str) -> int:
        return self.base + 30 + 2 * SERVICES.index(service)

    def http(self, service: str) -> int:
        if service == "web":
            return self.base + 41
        return self.base + 31 + 2 * SERVICES.index(service)


def check_free(wanted: Mapping[str, Iterable[int]]) -> None:
    """Raises PortInUse for the ports (by the name of the part that wants them) that cannot be bound."""
    taken = [(port, part) for part, ports in wanted.items() for port in ports if not _is_free(port)]
    if taken:
        lines = [f"port {port} is in use, and {part} wants it" for port, part in sorted(taken)]
        raise PortInUse(
            "; ".join(lines)
            + ". End what listens there, or choose another base: ./parvis up --port 8700 --data .parvis-8700"
        )


def free_base() -> int:
    """A base port for a suite of a test or a bench: other suites of this machine go on. Raises RuntimeError."""
    for base in range(12_000, HIGHEST_BASE, 50):
        try:
            check_free({"a suite": range(base, base + 45)})
        except PortInUse:
            continue
        return base
    raise RuntimeError("There is no free range of 45 ports between 12000 and 22000.")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that are closing do not count
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True
