"""Each service replaced by another release while people work, forwards and back: nobody notices."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from engine import docker
from images import version
from stack import ENGINES, OURS, Stack, in_a_thread
from traffic import Traffic

from parvis_local.demo.portal import Portal

NEXT = "0.1.999-test"
#: A release that starts and is never healthy.
BROKEN = "0.1.998-test"


@contextmanager
def another_release(service: str, name: str = NEXT, recipe: str = "") -> Iterator[None]:
    """The same program under another version, as its own image: what an upgrade replaces is the container."""
    image = f"parvis/{service}"
    recipe = f"FROM {image}:{version()}\nLABEL org.opencontainers.image.version={name}\n{recipe}"
    docker("build", "--quiet", "--tag", f"{image}:{name}", "-", input=recipe)
    try:
        yield
    finally:
        docker("rmi", "-f", f"{image}:{name}", check=False)


@pytest.mark.parametrize("service", OURS)
def test_a_service_is_replaced_beside_the_release_before_and_no_request_fails(stack: Stack, service):
    others = {each: stack.container(each) for each in (*ENGINES, *OURS) if each != service}
    before, began = stack.container(service), time.monotonic()
    with another_release(service):
        traffic = in_a_thread(_work_while_it_is_replaced(stack, service))
    print(
        f"{service}, there and back in {time.monotonic() - began:.0f} s: {traffic.answered.total()} requests, "
        f"{traffic.rate:.0f} a second, {len(traffic.failed)} failed"
    )
    assert traffic.failed == []
    assert traffic.answered.total() > 500
    assert len(stack.containers(service)) == 1
    assert stack.container(service) != before
    assert {each: stack.container(each) for each in others} == others
    again = stack.compose("up", "-d", "--no-build", "--no-deps", service)
    assert "up-to-date" in again.stderr or "Running" in again.stderr, again.stderr  # nothing is left to be done


async def _work_while_it_is_replaced(stack: Stack, service: str) -> Traffic:
    over = asyncio.Event()
    async with Portal(stack.context) as portal:
        claire = await portal.activated("claire.orsel@orsel.example", link=f"{stack.addresses['portal']}/legal")
        await claire.open("/o/cabinet-orsel/")
        traffic = Traffic(stack.addresses["portal"], claire.cookie_header, transport=stack.transport)
        working = asyncio.create_task(traffic.run(over))
        try:
            for release in (NEXT, version()):
                replaced = await asyncio.to_thread(stack.replace, service, release)
                assert replaced.returncode == 0, replaced.stdout + replaced.stderr
                assert stack.inspect(service)["Config"]["Image"] == f"parvis/{service}:{release}"
        finally:
            over.set()
            await working
    return traffic


def test_a_release_that_does_not_start_goes_again_and_the_one_before_stays(stack: Stack):
    before = stack.containers("notify")
    with another_release("notify", BROKEN, 'ENTRYPOINT ["/opt/parvis/bin/python", "-c", "1 / 0"]\n'):
        # Its migrations fail in the same way, before anything is started.
        replaced = stack.replace("notify", BROKEN)
    assert replaced.returncode != 0
    assert stack.containers("notify") == before
    program = "[ $1 = migrate ] || { echo It is broken; exit 1; }"
    broken = f'ENTRYPOINT ["/bin/sh", "-c", "{program}", "sh"]\nCMD ["--role", "all"]\n'
    with another_release("notify", BROKEN, broken):
        replaced = stack.replace("notify", BROKEN)
    assert replaced.returncode == 1
    assert "It is broken" in replaced.stderr
    assert "does not become healthy" in replaced.stderr
    assert stack.containers("notify") == before
    assert stack.health("notify") == "healthy"


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        (("traefik", "3"), 2, "SERVICE is identity"),
        (("billing", ""), 2, "VERSION"),
        (("billing", "0.0.404"), 1, "There is no image parvis/billing:0.0.404"),
    ],
)
def test_what_cannot_be_replaced_is_said_in_a_line(stack: Stack, asked, status, told):
    replaced = stack.replace(*asked)
    assert (replaced.returncode, told in replaced.stderr) == (status, True), replaced.stderr
