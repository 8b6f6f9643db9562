"""Networks: a container reaches what it uses, and nothing else; tried from inside each."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from engine import docker
from stack import ENGINES, OURS, SERVICES, Stack

PORTS = {"postgres": 5432, "nats": 4222, "store": 8333}
#: What each may open a connection to.
USES = {
    "identity": {"postgres", "nats", *SERVICES, "web", "traefik"},
    "tenancy": {"postgres", "nats", *SERVICES, "web", "traefik"},
    "documents": {"postgres", "nats", "store", *SERVICES, "web"},
    "notify": {"postgres", "nats", *SERVICES, "web"},
    "billing": {"postgres", "nats", "store", *SERVICES, "web"},
    "web": {"postgres", "nats", *SERVICES, "traefik"},
    "traefik": {"identity", "tenancy", "web", "store"},
    "postgres": set(OURS),
    "nats": set(OURS),
    "store": {"documents", "billing", "traefik"},
}
#: Who may speak to the world outside: firms' providers, mail; Traefik is spoken to.
OUTSIDE = {"identity", "notify", "traefik"}

TRY = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def tried(target):
    name, address, port = target
    try:
        socket.create_connection((address, port), 1.5).close()
    except ConnectionRefusedError:
        pass  # somebody is there
    except OSError:
        return ""
    return name
with ThreadPoolExecutor(64) as pool:
    print(json.dumps(sorted(set(pool.map(tried, json.loads(sys.argv[1]))) - {""})))
"""


@pytest.fixture(scope="module")
def reached(stack: Stack) -> dict[str, set[str]]:
    """Who reaches whom, by name or by any address, tried from all at once: a name that nobody has takes its time."""
    everybody = (*OURS, *ENGINES)
    targets = []
    for other in everybody:
        networks = stack.inspect(other)["NetworkSettings"]["Networks"].values()
        port = PORTS.get(other, 8080 if other != "traefik" else stack.base)
        targets += [(other, address, port) for address in (other, *(network["IPAddress"] for network in networks))]

    def tried(service: str) -> set[str]:
        answer = stack.python(service, TRY, json.dumps([each for each in targets if each[0] != service]))
        assert answer.returncode == 0, answer.stderr
        return set(json.loads(answer.stdout))

    with ThreadPoolExecutor(len(everybody)) as pool:
        return dict(zip(everybody, pool.map(tried, everybody), strict=True))


@pytest.mark.parametrize("service", [*OURS, *ENGINES])
def test_a_container_reaches_what_it_uses_and_nothing_else(reached: dict[str, set[str]], service):
    assert reached[service] == USES[service] - {service}


@pytest.mark.parametrize("service", [*OURS, *ENGINES])
def test_only_who_must_speaks_to_the_world(stack: Stack, service):
    networks = stack.inspect(service)["NetworkSettings"]["Networks"]
    seen = docker("network", "inspect", "--format={{.Internal}}", *networks).stdout.split()
    assert ("false" in seen) == (service in OUTSIDE)
