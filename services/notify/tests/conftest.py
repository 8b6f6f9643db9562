"""Notify on real PostgreSQL and NATS, with a real SMTP server that does as it is told. Only identity is played."""

import sys
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.broker import Broker
from parvis_kit.ids import uuid7
from parvis_kit.testing import free_port

sys.path.insert(0, str(Path(__file__).parent))
from notify_stage import Firm, Identity, Mailbox, Suite, mail


@pytest.fixture(scope="session")
def service_package() -> str:
    return "parvis_notify"


@pytest.fixture(scope="module")
def mailbox():
    return Mailbox()


@pytest.fixture(scope="module")
def smtp(mailbox):
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture(scope="module")
def identity():
    return Identity()


@pytest.fixture(scope="module")
async def suite(database, nats_url, smtp, identity):
    broker = Broker(nats_url, name="notify")
    async with Suite(database, broker, smtp, identity).running() as suite:
        yield suite
    await broker.close()


@pytest.fixture
async def firm(suite):
    firm = Firm(uuid7(), "armor")
    organisation = tenancy_pb2.Organisation(
        id=str(firm.id), slug="armor", name="Cabinet Armor", accent="#8a1c4a", mail="accueil@armor.example", version=1
    )
    await suite.tell(firm.id, tenancy_events.OrganisationChanged(organisation=organisation), version=1)
    return firm


@pytest.fixture
async def contact(suite, firm):
    """A contact of the firm, with an address for invoices of its own."""
    contact = tenancy_pb2.Contact(
        id=str(uuid7()),
        name="Menuiserie Kerautret",
        addresses=tenancy_pb2.ContactAddresses(main=mail(), billing=mail()),
        locale="fr",
        version=1,
    )
    await suite.tell(firm.id, tenancy_events.ContactChanged(contact=contact), version=1)
    return contact
