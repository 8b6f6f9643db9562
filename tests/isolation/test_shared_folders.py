"""What the firm does not share on the portal is not shown there, whichever service would show it."""

import asyncio

import pytest
from world import patiently

from parvis.billing.v1 import billing_pb2
from parvis.documents.v1 import documents_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError


@pytest.fixture
async def unshared(world):
    """The firm's folder of invoices, not shared for the length of a test."""
    await _share(world, shared=False)
    yield
    await _share(world, shared=True)


async def test_a_client_sees_no_invoice_of_a_folder_that_is_not_shared(world, unshared):
    request = billing_pb2.GetInvoiceRequest(id=world.invoice.id)
    with pytest.raises(ServiceError) as refused:
        await world.call("InvoiceService.GetInvoice", request, by="client")
    assert refused.value.kind is Kind.NOT_FOUND
    listed, overview, mine = await asyncio.gather(
        world.call("InvoiceService.ListInvoices", billing_pb2.ListInvoicesRequest(), by="client"),
        world.call("InvoiceService.GetOverview", billing_pb2.GetOverviewRequest(), by="client"),
        world.call("InvoiceService.GetInvoice", request),
    )
    assert not listed.invoices
    assert not overview.recent
    assert mine.id == world.invoice.id, "the firm itself sees it all the same"


async def _share(world, *, shared):
    request = documents_pb2.ListFolderTemplatesRequest(audience=tenancy_pb2.CONTACT_KIND_CLIENT)
    listed = await world.call("FolderService.ListFolderTemplates", request)
    template = next(each for each in listed.templates if each.built_in == "invoices")
    template.portal = shared
    await world.call("FolderService.SaveFolderTemplate", documents_pb2.SaveFolderTemplateRequest(template=template))
    async for _ in patiently():
        listed = await world.call("InvoiceService.ListInvoices", billing_pb2.ListInvoicesRequest(), by="client")
        if bool(listed.invoices) is shared:
            return
