"""A number of people at work at once: nobody meets an error, all that was accepted is there, memory does not grow.

`./parvis test load` has twenty people for a moment; `--full` has two hundred, one page each five seconds, for minutes,
and holds memory flat. Times are shown, and decide nothing here: they are of the machine that they were taken on.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median

import psutil
import pytest
from machine import percentile
from report import Figure, show
from series import all_invoices, wrong_numbers
from visitors import ACTS, FIRM, HERE, Habits, Place, Tally, Visitor

from parvis.billing.v1 import billing_pb2, billing_pb2_grpc
from parvis.documents.v1 import documents_pb2, documents_pb2_grpc
from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_kit.testing import eventually
from parvis_local.demo.portal import Person

FULL = os.environ.get("PARVIS_FULL") == "1"
PEOPLE = 200 if FULL else 20
#: Seconds: until memory and caches are what they stay, and after that.
WARMING, MEASURED = (120, 300) if FULL else (5, 15)
#: One page each five seconds; somebody uploads every ten minutes, closes an invoice every ten, signs in every ten.
HABITS = Habits(90, 5, (1, 1, 1, 120)) if FULL else Habits(4, 1, (1, 1, 1, 10))
#: Of the whole, that memory may have grown between the first and the last third of the time that is measured.
GROWTH = 0.05
#: Seconds after which the PDF of the last invoice is certainly filed.
FILED_WITHIN = 120
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
    tally, memory = Tally(), Memory()
    visitors = [
        Visitor(portal.url, accounts[number], place, tally, random.Random(SEED * 1000 + number))
        for number in range(PEOPLE)
    ]
    began = time.monotonic()
    over = began + WARMING + MEASURED
    watching = asyncio.create_task(watch(suite, tally, memory, began + WARMING))
    await everybody(
        [visitor.stay(HABITS, over, ACTS[number % len(ACTS)]) for number, visitor in enumerate(visitors)], watching
    )
    ended = time.monotonic()
    with capsys.disabled():
        report(tally, memory, ended - began - WARMING)

    assert tally.errors == []
    assert tally.done["signed in"] >= PEOPLE
    assert min(tally.done[each] for each in ("pages", "uploads", "closed")) > 0
    assert await filed(portal, administrator, firm_id, place) >= tally.filed
    assert len(tally.filed) == tally.done["uploads"]
    await invoices_are_there(portal, administrator, firm_id, place, tally)
    assert memory.unseen(began + WARMING, ended) == []
    if FULL:
        assert {part: grown for part, grown in growth(memory).items() if grown > GROWTH} == {}


@pytest.fixture
async def visitor(portal, accounts, place):
    visitor = Visitor(portal.url, accounts[0], place, Tally(), random.Random(SEED))
    await visitor.sign_in()
    yield visitor
    await visitor.leave()


async def test_a_close_that_is_refused_is_an_error_and_not_accepted(visitor):
    draft = await visitor.draft()
    await visitor.close(*draft)
    assert (visitor.tally.errors, visitor.tally.closed) == ([], {draft[0]})
    visitor.tally.closed.clear()
    await visitor.close(*draft)
    [error] = visitor.tally.errors
    assert error.startswith(f"POST {HERE}/invoices/{draft[0]}/close: refused: ")
    assert visitor.tally.closed == set()


async def test_a_page_that_lacks_a_part_is_an_error(suite, place, visitor):
    suite.kill("documents", signal.SIGSTOP)
    try:
        page = await visitor.get(f"{HERE}/contacts/{place.contact_id}")
    finally:
        suite.kill("documents", signal.SIGCONT)
    assert page.is_success
    [error] = visitor.tally.errors
    assert error.startswith(f"GET {HERE}/contacts/{place.contact_id}: a part is missing: ")


def test_a_number_that_is_missing_or_was_given_twice_is_seen():
    given = ["F2026-00001", "F2026-00003", "F2025-00001", "F2025-00002", "F2025-00002", ""]
    invoices = [billing_pb2.Invoice(number=number) for number in given]
    assert wrong_numbers(invoices) == ["F2025-00002: 2 times", "F2026-00002: 0 times"]


async def test_a_watch_that_dies_ends_the_work():
    async def dead():
        raise psutil.NoSuchProcess(1)

    async def at_work():
        await asyncio.Event().wait()

    with pytest.raises(psutil.NoSuchProcess):
        await everybody([at_work()], asyncio.create_task(dead()))


def test_a_service_that_is_gone_is_no_figure_but_a_child_of_it_may_end(monkeypatch):
    class Ended:
        def memory_full_info(self):
            raise psutil.NoSuchProcess(1)

    monkeypatch.setattr(psutil.Process, "children", lambda *_, **__: [Ended()])
    assert own_bytes(os.getpid()) > 0
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    with pytest.raises(psutil.NoSuchProcess):
        own_bytes(gone.pid)


def test_a_watch_that_stands_still_is_noticed():
    memory = Memory({part: [(second, 1) for second in range(30)] for part in SERVICES})
    assert memory.unseen(0, 30) == []
    memory.seen["web"] = memory.seen["web"][:19]
    assert memory.unseen(0, 30) == ["web, third 3"]
    del memory.seen["billing"]
    assert memory.unseen(0, 30) == ["billing, third 1", "billing, third 2", "billing, third 3", "web, third 3"]


@dataclass
class Memory:
    """By service when it was looked at (of `time.monotonic`), and how many bytes it held."""

    seen: dict[str, list[tuple[float, int]]] = field(default_factory=dict)

    def sizes(self, part):
        return [size for _, size in self.seen[part]]

    def unseen(self, since, until):
        """The thirds of the time in which nobody looked at a service: of these nothing is known."""
        third = (until - since) / 3
        looked = {(part, int((at - since) / third)) for part, seen in self.seen.items() for at, _ in seen}
        wanted = [(part, number) for part in sorted(SERVICES) for number in range(3)]
        return [f"{part}, third {number + 1}" for part, number in wanted if (part, number) not in looked]


async def everybody(visits, watching):
    """Until all have gone home. Raises what the watch dies of, at once: memory that nobody looks at is flat."""
    work = asyncio.gather(*visits)
    try:
        await asyncio.wait({work, watching}, return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
        await work
    finally:
        work.cancel()
        watching.cancel()
        await asyncio.gather(work, watching, return_exceptions=True)


async def watch(suite, tally, memory, since):
    """Bytes of each service every second, once everything is warm."""
    await asyncio.sleep(max(0.0, since - time.monotonic()))
    tally.forget()
    while True:
        for part in SERVICES:
            size = await asyncio.to_thread(own_bytes, suite.pid(part))
            memory.seen.setdefault(part, []).append((time.monotonic(), size))
        await asyncio.sleep(1)


def own_bytes(pid):
    """What a service holds alone: pages shared with the process that it was forked from are not its own."""
    process = psutil.Process(pid)
    found = process.memory_full_info().uss
    for child in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # one that sets a page, and has ended since
            found += child.memory_full_info().uss
    return found


def growth(memory):
    """By how much of itself each service's memory grew from the first third to the last."""
    found = {}
    for part in memory.seen:
        sizes = memory.sizes(part)
        third = max(1, len(sizes) // 3)
        found[part] = median(sizes[-third:]) / median(sizes[:third]) - 1
    return found


def report(tally, memory, seconds):
    pages = tally.of("page", "form")
    kinds = {"pages": pages, **{kind: tally.of(kind) for kind in ("sign-in", "upload", "store")}}
    figures = [
        Figure("pages a second", len(pages) / seconds, "/s"),
        *(figure for kind, times in kinds.items() if times for figure in percentiles(kind, times)),
        Figure("errors", len(tally.errors), "", at_most=0),
    ]
    for part, grown in growth(memory).items():
        size = median(memory.sizes(part)) / 2**20
        figures.append(Figure(f"memory of {part}, {size:.0f} MiB: grown by", 100 * grown, "%", at_most=100 * GROWTH))
    done = ", ".join(f"{count} {what}" for what, count in tally.done.items())
    show(
        f"{PEOPLE} people, {HABITS.pause:g} s between two pages, {MEASURED} s after {WARMING} s",
        figures,
        done,
        "baseline of a percentile: the median of the same requests. Times are of this machine, and decide nothing",
    )


def percentiles(kind, times):
    """The median, and how many times as long the slow ones take."""
    usual = 1000 * percentile(times, 0.5)
    yield Figure(f"{kind}: p50", usual, "ms")
    for share in (0.95, 0.99):
        slow = 1000 * percentile(times, share)
        yield Figure(f"{kind}: p{share:.0%}".rstrip("%"), slow, "ms", baseline=usual, ratio=slow / usual)


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


async def invoices_are_there(portal, administrator, firm_id, place, tally):
    """Every close that was accepted is a filed invoice of the client now, with its PDF; no number is missing, none was
    given twice.
    """
    billing = billing_pb2_grpc.InvoiceServiceStub(portal.peers.channel("billing"))

    async def page(request):
        async with administrator.acting_for(firm_id):
            return await billing.ListInvoices(request)

    async def all_filed():
        found = {each.id: each for each in await all_invoices(page)}
        assert tally.closed - found.keys() == set()
        ours = [found[each] for each in tally.closed]
        return found if all(each.state == billing_pb2.INVOICE_STATE_FILED for each in ours) else None

    found = await eventually(all_filed, within=FILED_WITHIN)
    assert {found[each].contact_id for each in tally.closed} == {place.contact_id}
    documents = {found[each].document_id for each in tally.closed}
    assert len(documents) == len(tally.closed)
    assert documents <= await filed(portal, administrator, firm_id, place)
    assert wrong_numbers(list(found.values())) == []
