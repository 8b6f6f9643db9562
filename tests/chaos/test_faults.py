"""Faults of every kind over journeys of the main job: nothing that was accepted is lost or doubled, nobody of another
firm is told anything, and everything lives again after a fault is over.

`./parvis test chaos` injects each kind that the machine lets us, one to three at once; `--full` five hundred of them.
`PARVIS_CHAOS_SEED` draws others, `PARVIS_CHAOS_FAULTS` another number of them. How soon the suite lives again is shown,
and decides nothing here.
"""

import asyncio
import os
import random
import time
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import count
from statistics import median

import httpx
import pytest
from driver import Driver, Story
from injected import OFTEN, Faults
from machine import percentile
from outcomes import QUESTIONS, mails_are_single, numbers_wrong_with, told_to, wrong_with
from pulse import Pulse
from report import Figure, show

from parvis.billing.v1 import billing_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError
from parvis_local.demo.papers import typeset
from parvis_local.demo.story import PROVIDER

FULL = os.environ.get("PARVIS_FULL") == "1"
#: Of the short form: each kind as often as its turn has it.
WANTED = int(os.environ.get("PARVIS_CHAOS_FAULTS", "500" if FULL else sum(OFTEN.values())))
#: People at work, the most faults at once, and seconds between two groups of them.
PEOPLE, AT_ONCE, BETWEEN = 2, 3, (0.0, 1.0)
#: Seconds after a fault within which everything is to live again (a figure).
ASKED = 10
#: Seconds above which it is said what was waited for.
SHOWN = 3
SEED = int(os.environ.get("PARVIS_CHAOS_SEED", "0"))
#: A wrong clock makes tokens that others do not believe: whoever works signs on again.
PASSING = (Kind.UNAVAILABLE, Kind.UNAUTHENTICATED)
#: Seconds: faults go on meanwhile, and a mail that could not leave is tried again after a minute, then five.
PATIENCE = 600.0


@dataclass
class Report:
    """What came out: journeys, those that went well, answers about them to others; groups of faults, with the seconds
    that each took.
    """

    journeys: int = 0
    stories: list[Story] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    recoveries: list[tuple[list[str], float]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def lately(self) -> str:
        """The faults of the last minute or so, for whoever looks at a failure."""
        return "; ".join(self.told[-12:])


@pytest.fixture(scope="module")
async def driver(portal):
    administrator = await portal.activated("claire.orsel@orsel.example")
    driver = Driver(
        portal,
        administrator,
        (await administrator.organisations())["cabinet-orsel"],
        passing=PASSING,
        patience=PATIENCE,
    )
    yield driver
    await driver.close()


@pytest.fixture(scope="module")
async def stranger(portal):
    """The administrator of another firm."""
    administrator = await portal.activated("sophie.valmer@valmer.example")
    driver = Driver(
        portal,
        administrator,
        (await administrator.organisations())["valmer-patrimoine"],
        passing=PASSING,
        patience=PATIENCE,
    )
    yield driver
    await driver.close()


@pytest.fixture(scope="module")
async def pulse(portal, driver):
    pulse = Pulse(driver, portal.url)
    yield pulse
    await pulse.close()


async def test_nothing_is_lost_or_doubled_or_told_to_others_whatever_fails(
    suite, driver, stranger, pulse, tmp_path, capsys
):
    faults, report = Faults(suite, random.Random(SEED), tmp_path), Report()
    firm, over, names = PROVIDER.customers[0], asyncio.Event(), count()
    paper = typeset(firm, firm.contacts[0], firm.contacts[0].papers[0])
    undisturbed = [await pulse.seconds() for _ in range(5)]

    async def person():
        while not over.is_set():
            story = Story(f"faults{SEED:03}x{next(names):04}x{int(time.time())}", paper)
            try:
                await driver.work(story)
                assert story.refusals == []
                assert await wrong_with(driver, story) == []
                await mails_are_single(suite, driver, story, story.name)
                report.foreign += [f"{story.name}: {each}" for each in await told_to(stranger, story)]
                report.stories.append(story)
            except (AssertionError, ServiceError, httpx.HTTPError) as error:
                told = "; ".join(driver.told)
                report.failed.append(f"{time.strftime('%H:%M:%S')} {story}: {error!r} after {report.lately}; {told}")
                with capsys.disabled():
                    print(report.failed[-1])
            report.journeys += 1

    async def trouble():
        chance = random.Random(SEED + 1)
        while faults.injected.total() < WANTED or faults.unseen:
            await asyncio.sleep(chance.uniform(*BETWEEN))
            done = await asyncio.gather(*together(faults, chance), return_exceptions=True)
            report.failed += [f"a fault that could not be ended: {each!r}" for each in done if trouble_of_ours(each)]
            group = [each for each in done if isinstance(each, tuple)]
            report.told += [name for _, name in group]
            try:
                seconds = await pulse.seconds()
            except AssertionError as error:
                report.failed.append(f"{error} {report.lately}")
                seconds = float("inf")
            report.recoveries.append(([kind for kind, _ in group], seconds))
            with capsys.disabled():
                told = ", ".join(name for _, name in group)
                why = f" ({pulse.longest})" if seconds > SHOWN else ""
                print(f"{faults.injected.total():4} {time.strftime('%H:%M:%S')} {seconds:5.1f} s after {told}{why}")
        over.set()

    async with aclosing(faults), asyncio.TaskGroup() as everybody:
        everybody.create_task(trouble())
        for _ in range(PEOPLE):
            everybody.create_task(person())
    await asyncio.to_thread(suite.wait_healthy)
    for story in report.stories:
        report.failed += await changed_since(suite, driver, story)
    report.failed += await numbers_wrong_with(driver)
    with capsys.disabled():
        show_report(faults, report, undisturbed)
    assert report.failed == []
    assert report.foreign == []
    # Who made it is told all that the other was asked for: the questions mean what they say.
    assert await told_to(driver, report.stories[-1]) == QUESTIONS


async def test_a_client_or_an_invoice_that_is_there_twice_is_seen(driver):
    firm = PROVIDER.customers[0]
    story = Story(f"twice{int(time.time())}", typeset(firm, firm.contacts[0], firm.contacts[0].papers[0]))
    await driver.work(story)
    assert await wrong_with(driver, story) == []
    again = tenancy_pb2.Contact(kind=tenancy_pb2.CONTACT_KIND_CLIENT, name=story.name)
    draft = billing_pb2.Invoice(contact_id=story.contact_id, payment_days=30, currency="EUR")
    async with driver.acting():
        await driver.contacts.CreateContact(tenancy_pb2.CreateContactRequest(contact=again))
        await driver.invoices.SaveDraft(billing_pb2.SaveDraftRequest(invoice=draft))
    clients, invoices = await wrong_with(driver, story)
    assert clients.startswith(f"{story.name}: clients are ")
    assert invoices.startswith(f"{story.name}: invoices are ")


def trouble_of_ours(answer):
    """Whether a fault ended otherwise than it was meant to; who stops the run is heard."""
    if isinstance(answer, BaseException) and not isinstance(answer, Exception):
        raise answer
    return isinstance(answer, Exception)


def together(faults, chance):
    """One to three faults that begin at once."""
    return [faults.inject() for _ in range(chance.randint(1, AT_ONCE))]


def show_report(faults, report, undisturbed):
    seconds = [each for _, each in report.recoveries]
    figures = [
        Figure("journeys with a loss, a double or an error", len(report.failed), "", at_most=0),
        Figure("told to others", len(report.foreign), "", at_most=0),
        Figure("lives again, p50", percentile(seconds, 0.5), "s"),
        Figure("lives again, p95", percentile(seconds, 0.95), "s"),
        Figure("lives again, at most", max(seconds), "s", at_most=ASKED),
        Figure("the same acts without a fault, p50", median(undisturbed), "s"),
    ]
    for kind in OFTEN:
        if alone := [each for kinds, each in report.recoveries if kinds == [kind]]:
            figures.append(Figure(f"{kind} alone ({len(alone)}), p50", median(alone), "s"))
            figures.append(Figure(f"{kind} alone ({len(alone)}), at most", max(alone), "s", at_most=ASKED))
    injected = ", ".join(f"{often} {kind}" for kind, often in faults.injected.items())
    late = sum(each > ASKED for each in seconds)
    missing = "".join(f"; not here: {kind} ({why})" for kind, why in faults.missing.items())
    show(
        f"{faults.injected.total()} faults in {len(seconds)} groups over {report.journeys} journeys",
        figures,
        f"{injected}; {late} groups took longer than {ASKED} s; load {os.getloadavg()[0]:.1f}{missing}",
    )


async def changed_since(suite, driver, story):
    """What of a story is lost or doubled at the end, its mails too."""
    try:
        await mails_are_single(suite, driver, story, story.name)
        return await wrong_with(driver, story)
    except (AssertionError, ServiceError, httpx.HTTPError) as error:
        return [f"{story} was there, and is not: {error!r}"]
