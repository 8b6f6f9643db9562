"""SIGKILL at random moments of the main job's steps 3 and 4: nothing is lost, doubled or half done.

`./parvis test chaos` makes five runs, `--full` a hundred; `PARVIS_CHAOS_SEED` repeats one choice of moments.
"""

import asyncio
import os
import random
import subprocess
import sys

import pytest
from driver import Driver, Story
from outcomes import mails_are_single, numbers_wrong_with, wrong_with

from parvis_local.demo.papers import typeset
from parvis_local.demo.story import PROVIDER

FULL = os.environ.get("PARVIS_FULL") == "1"
RUNS = 100 if FULL else 5
SERVICES = ("identity", "tenancy", "documents", "notify", "billing")
#: Every service and every server that steps 3 and 4 pass through.
VICTIMS = (*SERVICES, "postgres", "nats", "store", "traefik", "mail")
KILLS = 4
#: Seconds over which the kills of one run are spread: about as long as the work takes.
SPREAD = 5.0
SEED = int(os.environ.get("PARVIS_CHAOS_SEED", "0"))


@pytest.fixture(scope="module")
async def firm(portal):
    """The demonstration firm: its administrator and its id."""
    administrator = await portal.activated("claire.orsel@orsel.example")
    return administrator, (await administrator.organisations())["cabinet-orsel"]


@pytest.fixture(scope="module")
async def driver(portal, firm):
    driver = Driver(portal, *firm)
    yield driver
    await driver.close()


async def kill(suite, chance, victims):
    """Kills each victim once, at moments spread over the work; returns what was killed when."""
    done = []
    for victim in victims:
        await asyncio.sleep(chance.uniform(0, SPREAD / KILLS * 2))
        try:
            await asyncio.to_thread(suite.kill, victim)
        except (LookupError, ProcessLookupError):
            continue  # it is on its way back from an earlier kill
        done.append(victim)
    return done


def paper():
    firm = PROVIDER.customers[0]
    return typeset(firm, firm.contacts[0], firm.contacts[0].papers[0])


@pytest.mark.parametrize("run", range(RUNS))
async def test_one_document_one_number_one_mail_whatever_dies(run, suite, driver):
    chance = random.Random(SEED * 1000 + run)
    # Over the runs everything dies: each takes the next ones of a shuffled circle.
    circle = random.Random(SEED).sample(VICTIMS, len(VICTIMS))
    victims = [circle[(run * 2 + step) % len(circle)] for step in range(2)] + chance.sample(VICTIMS, KILLS - 2)
    story = Story(f"chaos{SEED:03}x{run:03}", paper())
    killing = asyncio.create_task(kill(suite, chance, victims))
    await driver.work(story)
    killed = await killing
    await asyncio.to_thread(suite.wait_healthy)
    told = f"killed {', '.join(killed)}"

    assert story.refusals == [], told
    assert await wrong_with(driver, story) == [], told
    await mails_are_single(suite, driver, story, told)


async def test_numbers_have_no_gap_and_no_double(driver):
    assert await numbers_wrong_with(driver) == []


@pytest.mark.parametrize("service", SERVICES)
def test_audit_chains_verify(suite, service):
    environment = {**os.environ, **suite.environment(service)}
    command = [sys.executable, "-m", f"parvis_{service}", "verify-audit"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
