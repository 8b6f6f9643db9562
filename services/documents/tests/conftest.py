"""Documents on real PostgreSQL, NATS and object store. Only tenancy is played."""

import asyncio
import sys
from pathlib import Path

import httpx
import pytest

from parvis_documents.objects import ObjectStore
from parvis_documents.settings import StoreSettings
from parvis_documents.store import contacts, folders
from parvis_kit.broker import Broker
from parvis_kit.caller import Caller
from parvis_kit.ids import uuid7

sys.path.insert(0, str(Path(__file__).parent))

from documents_stage import ME, Firm, Someone, Suite


@pytest.fixture(scope="session")
def service_package() -> str:
    return "parvis_documents"


@pytest.fixture(scope="session")
async def store_settings(store_server):
    return StoreSettings(
        url=store_server.url,
        internal_url=store_server.url,
        access_key="parvis",
        secret_key="parvis-secret",
        bucket="parvis-test",
    )


@pytest.fixture(scope="session")
async def objects(store_settings):
    store = ObjectStore(store_settings)
    async with asyncio.timeout(30):
        while True:
            try:
                await store.make_bucket()
                break
            except Exception:  # noqa: BLE001 - it is still starting
                await asyncio.sleep(0.2)
    yield store
    store.close()


@pytest.fixture(scope="session")
async def browser():
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
async def suite(database, nats_url, objects, store_settings):
    broker = Broker(nats_url, name="documents")
    async with Suite(database, broker, objects, store_settings).running() as suite:
        yield suite
    await broker.close()


@pytest.fixture
async def make_firm(suite):
    async def make():
        organisation_id, adviser_id = uuid7(), uuid7()
        client, other_client, employee = uuid7(), uuid7(), uuid7()
        async with suite.database.begin(ME, organisation_id=organisation_id) as unit:
            await folders.add_shipped(unit)
            templates = await folders.templates(unit)
            for contact_id, kind, name, advisers in (
                (client, "client", "Menuiserie Kerautret", [adviser_id]),
                (other_client, "client", "Boulangerie Le Goff", []),
                (employee, "employee", "Anaïs Morvan", []),
            ):
                await contacts.save_contact(unit, contact_id, kind=kind, name=name, advisers=advisers, version=1)
            await contacts.save_person(unit, adviser_id, name="Marc Tanguy", version=1)
        firm = Firm(
            suite,
            organisation_id,
            {row.built_in: row.id for row in templates if row.audience == "client"},
            client,
            other_client,
            employee,
            manager=None,
            adviser=None,
            portal=None,
            billing=Someone(suite, Caller("billing"), None, organisation_id),
        )
        firm.manager = firm.staff()
        firm.adviser = firm.staff(frozenset({adviser_id}), membership_id=adviser_id)
        firm.portal = firm.access({client: None})
        return firm

    return make


@pytest.fixture
async def firm(make_firm):
    return await make_firm()
