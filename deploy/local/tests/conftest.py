"""One suite of servers for all tests here: real ones, on ports of its own, without the services."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from parvis_local.ports import PortInUse, Ports, check_free
from parvis_local.suite import Suite

SERVERS = ("postgres", "nats", "store", "traefik", "mail", "product")


@pytest.fixture(scope="session")
def free_base():
    """A function that gives a base port from which everything is free."""

    def choose() -> int:
        for _ in range(200):
            ports = Ports(10_000 + 50 * secrets.randbelow(230))
            offsets = [*range(4), *range(10, 26), *range(30, 42)]
            try:
                check_free({"test": [*(ports.base + offset for offset in offsets), ports.store["admin.grpc"]]})
            except PortInUse:
                continue
            return ports.base
        raise RuntimeError("no free range of ports")

    return choose


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory, free_base) -> Iterator[Suite]:
    data = tmp_path_factory.mktemp("suite")
    open_path(data)
    with Suite(data=data, port=free_base(), only=SERVERS) as suite:
        yield suite


@pytest.fixture
def small(tmp_path: Path, free_base) -> Iterator[Suite]:
    """A suite of one server, not started, for tests that are rough with it."""
    suite = Suite(data=tmp_path / "data", port=free_base(), only=["nats"])
    yield suite
    suite.stop()


def open_path(folder: Path) -> None:
    """pytest's folders are closed to others; as root, PostgreSQL runs as somebody else."""
    for each in (folder, *folder.parents[:2]):
        each.chmod(0o755)
