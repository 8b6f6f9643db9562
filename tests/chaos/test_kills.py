"""SIGKILL at random moments of the main job's steps 3 and 4: nothing is lost, doubled or half done.

`./parvis test chaos` makes five runs, `--full` a hundred; `PARVIS_CHAOS_SEED` repeats one choice of moments.
"""

import asyncio
import os
import random
import re
import subprocess
import sys
from collections import Counter

import pytest
from driver import Driver, Story

from parvis.billing.v1 import billing_pb2
from parvis.documents.v1 import documents_pb2
from parvis.notify.v1 import notify_pb2, notify_pb2_grpc
from parvis_kit.errors import Kind, ServiceError
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
async def test_one_document_one_number_one_mail_whatever_dies(run, suite, portal, driver):
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
    assert await documents_of(driver, story) == sorted([f"{story.name}.pdf", invoice_name(story)]), told
    assert await content_of(driver, story) == story.content, told
    await mails_are_single(suite, portal, driver, story, told)


async def test_numbers_have_no_gap_and_no_double(driver):
    numbers, token = [], ""
    while True:
        request = billing_pb2.ListInvoicesRequest(page_size=100, page_token=token)
        page = await driver.insist(lambda request=request: driver.invoices.ListInvoices(request))
        numbers += [int(re.search(r"(\d+)$", invoice.number)[1]) for invoice in page.invoices if invoice.number]
        token = page.next_page_token
        if not token:
            break
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("service", SERVICES)
def test_audit_chains_verify(suite, service):
    environment = {**os.environ, **suite.environment(service)}
    command = [sys.executable, "-m", f"parvis_{service}", "verify-audit"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


async def documents_of(driver, story):
    request = documents_pb2.ListDocumentsRequest(contact_id=story.contact_id)
    listed = await driver.insist(lambda: driver.documents.ListDocuments(request))
    return sorted(document.name for document in listed.documents)


def invoice_name(story):
    return f"Facture {story.number}.pdf"


async def content_of(driver, story):
    request = documents_pb2.GetDownloadRequest(id=story.document_id)
    download = await driver.insist(lambda: driver.documents.GetDownload(request))
    return (await driver.fetch(download.url)).content


async def mails_are_single(suite, portal, driver, story, told):
    """Two mails announce (document, invoice), one opens the access; a second copy only where the history says so."""
    messages = notify_pb2_grpc.MessageServiceStub(portal.peers.channel("notify"))

    async def settled():
        answer = await messages.ListMessages(notify_pb2.ListMessagesRequest(query=story.name, page_size=50))
        if len(answer.messages) < 3 or any(each.state == notify_pb2.MESSAGE_STATE_PENDING for each in answer.messages):
            raise ServiceError(Kind.UNAVAILABLE, "mails_not_settled")
        return answer.messages

    history = await driver.insist(settled)
    assert len(history) == 3, told
    assert {each.state for each in history} == {notify_pb2.MESSAGE_STATE_SENT}, told
    listed = (await driver.fetch(f"{suite.addresses['mail']}/api/messages")).json()["messages"]
    copies = Counter(each["message_id"].strip("<>") for each in listed)
    for each in history:
        allowed = 2 if each.reason == "maybe_sent_twice" else 1
        assert 1 <= copies[each.message_id.strip("<>")] <= allowed, f"{each.subject}: {told}"
