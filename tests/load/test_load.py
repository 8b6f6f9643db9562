"""A number of people at work at once: nobody meets an error, all that was accepted is there, memory does not grow.

`./parvis test load` has twenty people for a moment; `--full` has two hundred, one page each five seconds, for minutes,
and holds memory flat. Times are shown, and decide nothing here: they are of the machine that they were taken on.
"""

import asyncio
import os
import random
import time
from statistics import median

import psutil
import pytest
from machine import percentile
from report import Figure, show
from visitors import ACTS, FIRM, Habits, Place, Tally, Visitor

from parvis.documents.v1 import documents_pb2, documents_pb2_grpc
from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_local.demo.portal import Person

FULL = os.environ.get("PARVIS_FULL") == "1"
PEOPLE = 200 if FULL else 20
#: Seconds: until memory and caches are what they stay, and after that.
WARMING, MEASURED = (120, 300) if FULL else (5, 15)
#: One page each five seconds; somebody uploads every ten minutes, closes an invoice every ten, signs in every ten.
HABITS = Habits(90, 5, (1, 1, 1, 120)) if FULL else Habits(4, 1, (1, 1, 1, 10))
#: Of the whole, that memory may have grown between the first and the last third of the time that is measured.
GROWTH = 0.05
SERVICES = ("identity", "tenancy", "documents", "notify", "billing", "web")
SEED = int(os.environ.get("PARVIS_LOAD_SEED", "0"))


@pytest.fixture(scope="module")
async def administrator(portal):
    return await portal.activated("claire.orsel@orsel.example")


@pytest.fixture(scope="module")
async def firm_id(administrator):
    return (await administrator.organisations())[FIRM]


@pytest.fixture(scope="module")
async def place(portal, administrator, firm_id):
    """A client of the firm, with a folder of theirs."""
    contacts = tenancy_pb2_grpc.ContactServiceStub(portal.peers.channel("tenancy"))
    folders = documents_pb2_grpc.FolderServiceStub(portal.peers.channel("documents"))
    async with administrator.acting_for(firm_id):
        request = tenancy_pb2.ListContactsRequest(kind=tenancy_pb2.CONTACT_KIND_CLIENT, query="Le Goff")
        contact = (await contacts.ListContacts(request)).contacts[0]
        listed = await folders.ListFolders(documents_pb2.ListFoldersRequest(contact_id=contact.id))
    return Place(contact.id, next(each.template.id for each in listed.folders if each.template.built_in == "contracts"))


@pytest.fixture(scope="module")
async def accounts(portal, administrator, firm_id):
    """Colleagues who may do everything, each with a password of their own."""
    members = tenancy_pb2_grpc.MemberServiceStub(portal.peers.channel("tenancy"))
    run, mails = os.urandom(3).hex(), []
    async with administrator.acting_for(firm_id):
        profiles = (await members.ListProfiles(tenancy_pb2.ListProfilesRequest())).profiles
        profile = next(each.id for each in profiles if each.built_in == "administrator")
        for number in range(PEOPLE):
            mail = f"charge-{run}-{number}@load.example"
            invited = tenancy_pb2.InviteMemberRequest(
                mail=mail, given_name="Charge", family_name=str(number), profile_id=profile, locale="fr"
            )
            await members.InviteMember(invited)
            mails.append(mail)
    for mail in mails:
        person = Person(portal, mail)
        await person.activate(await portal._link_mailed_to(mail))
        await person.close()
    return mails


async def test_everybody_is_answered_and_all_that_was_accepted_is_there(
    suite, portal, administrator, firm_id, accounts, place, capsys
):
    tally, memory = Tally(), {}
    visitors = [
        Visitor(portal.url, accounts[number], place, tally, random.Random(SEED * 1000 + number))
        for number in range(PEOPLE)
    ]
    began = time.monotonic()
    over = began + WARMING + MEASURED
    watching = asyncio.create_task(watch(suite, tally, memory, began + WARMING))
    await asyncio.gather(
        *(visitor.stay(HABITS, over, ACTS[number % len(ACTS)]) for number, visitor in enumerate(visitors))
    )
    watching.cancel()
    with capsys.disabled():
        report(tally, memory, time.monotonic() - began - WARMING)

    assert tally.errors == []
    assert tally.done["signed in"] >= PEOPLE
    assert min(tally.done[each] for each in ("pages", "uploads", "closed")) > 0
    assert await filed(portal, administrator, firm_id, place) >= tally.filed
    assert len(tally.filed) == tally.done["uploads"]
    assert len(tally.closed) == tally.done["closed"]
    if FULL:
        assert {part: grown for part, grown in growth(memory).items() if grown > GROWTH} == {}


async def watch(suite, tally, memory, since):
    """Bytes of each service every second, once everything is warm."""
    await asyncio.sleep(max(0.0, since - time.monotonic()))
    tally.forget()
    while True:
        for part in SERVICES:
            memory.setdefault(part, []).append(await asyncio.to_thread(own_bytes, suite.pid(part)))
        await asyncio.sleep(1)


def own_bytes(pid):
    """What a service holds alone: pages shared with the process that it was forked from are not its own."""
    process = psutil.Process(pid)
    return sum(each.memory_full_info().uss for each in [process, *process.children(recursive=True)])


def growth(memory):
    """By how much of itself each service's memory grew from the first third to the last."""
    found = {}
    for part, sizes in memory.items():
        third = max(1, len(sizes) // 3)
        found[part] = median(sizes[-third:]) / median(sizes[:third]) - 1
    return found


def report(tally, memory, seconds):
    pages = tally.of("page", "form")
    figures = [
        Figure("pages a second", len(pages) / seconds, "/s"),
        Figure("pages, p50", 1000 * percentile(pages, 0.5), "ms"),
        Figure("pages, p95", 1000 * percentile(pages, 0.95), "ms", at_most=300),
        Figure("pages, p99", 1000 * percentile(pages, 0.99), "ms"),
        Figure("errors", len(tally.errors), "", at_most=0),
    ]
    figures += [
        Figure(f"{kind}: a request, p95", 1000 * percentile(times, 0.95), "ms")
        for kind in ("sign-in", "upload", "store")
        if (times := tally.of(kind))
    ]
    for part, grown in growth(memory).items():
        size = median(memory[part]) / 2**20
        figures.append(Figure(f"memory of {part}, {size:.0f} MiB: grown by", 100 * grown, "%", at_most=100 * GROWTH))
    done = ", ".join(f"{count} {what}" for what, count in tally.done.items())
    show(
        f"{PEOPLE} people, {HABITS.pause:g} s between two pages, {MEASURED} s after {WARMING} s",
        figures,
        done,
    )


async def filed(portal, administrator, firm_id, place):
    """The documents of the client, as billing's and anybody else's pages would find them."""
    documents = documents_pb2_grpc.DocumentServiceStub(portal.peers.channel("documents"))
    found, token = set(), ""
    while True:
        request = documents_pb2.ListDocumentsRequest(contact_id=place.contact_id, page_size=100, page_token=token)
        async with administrator.acting_for(firm_id):
            listed = await documents.ListDocuments(request)
        found |= {each.id for each in listed.documents}
        token = listed.next_page_token
        if not token:
            return found
