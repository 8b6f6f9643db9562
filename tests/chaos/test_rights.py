"""Rights that change while tenancy stands still, the broker says nothing, or comes back: in force within the lease,
at once for whoever carries the revision; never more than there was.
"""

import asyncio
import signal
from contextlib import contextmanager

import pytest
from readers import ALLOWED, LONG, PARTS, READS, REFUSED, UNAVAILABLE, Firm

from parvis.billing.v1 import billing_pb2, billing_pb2_grpc
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.ids import uuid7
from parvis_kit.testing import eventually

NOTHING = {"members.read": tenancy_pb2.SCOPE_ALL}
OTHERS = ("documents", "notify", "billing")


@pytest.fixture(scope="module")
async def firm(portal):
    administrator = await portal.activated("claire.orsel@orsel.example")
    return Firm(portal, administrator, (await administrator.organisations())["cabinet-orsel"])


@pytest.fixture
async def profile(firm):
    return await firm.profile(READS)


@pytest.fixture
async def carrying(firm, profile):
    """Who knows of what the administrator changed."""
    return await firm.reader(profile)


@pytest.fixture
async def waiting(firm, profile):
    """Who has the same rights, and knows of nothing."""
    return await firm.reader(profile)


@pytest.fixture
async def nobody(firm):
    """Who never had these rights."""
    return await firm.reader(await firm.profile(NOTHING))


@contextmanager
def still(suite, *parts):
    """Parts that answer nothing and say nothing while the block runs."""
    for part in parts:
        suite.kill(part, signal.SIGSTOP)
    try:
        yield
    finally:
        for part in parts:
            suite.kill(part, signal.SIGCONT)


async def let_in_by_none(reader):
    return ALLOWED not in [await reader.ask(part) for part in OTHERS]


async def warmed(*readers):
    for reader in readers:
        await reader.until(ALLOWED)
        reader.forget()


async def test_while_the_broker_says_nothing_a_change_is_in_force_within_the_lease(
    suite, firm, profile, carrying, waiting, nobody
):
    await warmed(carrying, waiting)
    with still(suite, "nats"):
        _, seen = await firm.save(profile, NOTHING)
        assert await carrying.everywhere(seen) == dict.fromkeys(PARTS, REFUSED)
        await waiting.until(REFUSED)
        assert set((await nobody.everywhere()).values()) == {REFUSED}
    await asyncio.to_thread(suite.wait_healthy)
    assert all(waiting.never_again_after(ALLOWED, part) for part in PARTS), waiting.counted


async def test_while_tenancy_stands_still_nobody_is_answered_by_rights_that_nobody_confirms(
    suite, firm, profile, carrying, waiting, nobody
):
    await warmed(carrying, waiting)
    await nobody.everywhere()
    _, seen = await firm.save(profile, NOTHING)
    with still(suite, "tenancy"):
        answers = {part: await carrying.ask(part, seen) for part in OTHERS}
        assert ALLOWED not in answers.values(), answers
        await eventually(lambda: let_in_by_none(waiting), within=LONG)
        assert ALLOWED not in {await nobody.ask(part) for part in OTHERS}
    await asyncio.to_thread(suite.wait_healthy)
    await waiting.until(REFUSED)
    assert all(waiting.never_again_after(ALLOWED, part) for part in OTHERS), waiting.counted
    assert await carrying.everywhere(seen) == dict.fromkeys(PARTS, REFUSED)


async def test_however_often_the_broker_comes_back_every_change_arrives(suite, firm, profile, carrying, waiting):
    await warmed(carrying, waiting)
    for number in range(6):
        wanted, rights = (REFUSED, NOTHING) if number % 2 == 0 else (ALLOWED, READS)
        if number % 3 == 0:
            await asyncio.to_thread(suite.kill, "nats")
        profile, seen = await firm.save(profile, rights)
        assert await carrying.everywhere(seen) == dict.fromkeys(PARTS, wanted)
        await waiting.until(wanted)
    await asyncio.to_thread(suite.wait_healthy)


@pytest.fixture
async def contact_id(firm):
    """A client with a draft, whom the administrator advises."""
    invoices = firm.stub(billing_pb2_grpc.InvoiceServiceStub, "billing")
    async with firm.administrator.acting_for(firm.id):
        contact = tenancy_pb2.Contact(kind=tenancy_pb2.CONTACT_KIND_CLIENT, name=f"Chaos {uuid7()}")
        made = await firm.contacts.CreateContact(tenancy_pb2.CreateContactRequest(contact=contact))
        draft = billing_pb2.Invoice(contact_id=made.contact.id, payment_days=30, currency="EUR")
        await invoices.SaveDraft(billing_pb2.SaveDraftRequest(invoice=draft))
    return made.contact.id


async def advise(firm, contact_id, *readers):
    """The administrator and these readers advise the contact; the revision."""
    seen = {}
    async with firm.administrator.acting_for(firm.id, revisions=seen):
        record = await firm.contacts.GetContact(tenancy_pb2.GetContactRequest(id=contact_id))
        main = next(each for each in record.contact.advisers if each.role == tenancy_pb2.ADVISER_ROLE_MAIN)
        role = tenancy_pb2.ADVISER_ROLE_ASSISTANT
        further = [tenancy_pb2.Adviser(membership_id=each.membership_id, role=role) for each in readers]
        await firm.contacts.SetAdvisers(
            tenancy_pb2.SetAdvisersRequest(contact_id=contact_id, advisers=[main, *further])
        )
    return seen


@pytest.mark.parametrize("part", ["documents", "billing"])
async def test_a_list_of_an_index_that_hears_nothing_is_right_for_whoever_carries_the_revision(
    suite, firm, carrying, contact_id, part
):
    await warmed(carrying)
    with still(suite, "nats"):
        seen = await advise(firm, contact_id, carrying)
        assert await carrying.advised(part, contact_id, seen) == ALLOWED
        seen = await advise(firm, contact_id)
        assert await carrying.advised(part, contact_id, seen) == REFUSED
    await asyncio.to_thread(suite.wait_healthy)
    assert await carrying.advised(part, contact_id, seen) == REFUSED


@pytest.mark.parametrize("part", ["documents", "billing"])
async def test_with_nobody_to_ask_the_reader_is_told_so(suite, firm, carrying, contact_id, part):
    await warmed(carrying)
    seen = await advise(firm, contact_id, carrying)
    assert await carrying.advised(part, contact_id, seen) == ALLOWED
    with still(suite, "nats"):
        seen = await advise(firm, contact_id)
        with still(suite, "tenancy"):
            assert await carrying.advised(part, contact_id, seen) == UNAVAILABLE
    await asyncio.to_thread(suite.wait_healthy)
    assert await carrying.advised(part, contact_id, seen) == REFUSED
