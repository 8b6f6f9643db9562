"""What a change to an image, to docker-compose.yml or to a start would break, in the shortest time: up, a sign-in over
TLS, a container that dies, down. By name (`./parvis test containers`) and with --full; the rest is
`./parvis test compose`.
"""

import httpx
import pytest
from engine import docker
from stack import ENGINES, OURS, Stack, in_a_thread

from parvis_local.demo import firms
from parvis_local.demo.portal import Portal

ONE_SHOTS = ("databases", *(f"{service}-migrate" for service in OURS))
#: Each kind of thing that a project leaves when it is not taken away whole.
KINDS = {"containers": ("ps", "-a"), "networks": ("network", "ls"), "volumes": ("volume", "ls")}


@pytest.fixture(scope="module")
def up(stack: Stack) -> Stack:
    """The whole suite, healthy."""
    stack.up()
    return stack


def test_the_whole_suite_comes_up_and_one_shots_end_well(up: Stack):
    states = {each: up.inspect(each)["State"] for each in ONE_SHOTS}
    assert {each: (state["Status"], state["ExitCode"]) for each, state in states.items()} == dict.fromkeys(
        ONE_SHOTS, ("exited", 0)
    )


def test_the_issuer_is_the_public_address_under_tls(up: Stack):
    with up.client() as browser:
        found = browser.get("/.well-known/openid-configuration").raise_for_status().json()
    assert found["issuer"] == up.addresses["portal"]


@pytest.mark.parametrize("service", [*ENGINES, *OURS])
def test_a_container_has_no_rights(up: Stack, service):
    seen = up.inspect(service)
    host = seen["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert (host["CapDrop"], host["CapAdd"] or []) == (["ALL"], [])
    assert seen["Config"]["User"].partition(":")[0] not in {"", "0", "root"}


def test_the_first_administrator_signs_in_and_a_container_that_dies_is_not_missed(up: Stack):
    before = up.inspect("tenancy")["RestartCount"]
    assert in_a_thread(_work_through_a_crash(up)) == [httpx.codes.OK, httpx.codes.OK]
    assert up.inspect("tenancy")["RestartCount"] == before + 1


async def _work_through_a_crash(stack: Stack) -> list[int]:
    """Status of a page of the portal before tenancy was killed, and once it is back."""
    async with Portal(stack.context) as portal:
        person = await firms.make_provider(portal)
        seen = [(await person.open("/")).status_code]
        stack.die("tenancy")
        stack.wait_healthy("tenancy")
        return [*seen, (await person.open("/")).status_code]


def test_nothing_is_left_of_a_project_that_is_taken_down(up: Stack):
    up.down()
    label = f"--filter=label=com.docker.compose.project={up.name}"
    left = {kind: docker(*command, "-q", label).stdout.split() for kind, command in KINDS.items()}
    assert left == {"containers": [], "networks": [], "volumes": []}
