"""Requests of billing: drafts and invoices."""

from cases import OWN, case
from world import World

from parvis.billing.v1 import billing_pb2 as pb


@case("InvoiceService.ListInvoices", others=OWN, differs={"out-of-scope": OWN, "other-client": OWN})
async def list_invoices(_: World) -> pb.ListInvoicesRequest:
    return pb.ListInvoicesRequest(page_size=200)


@case("InvoiceService.GetInvoice")
async def get_invoice(world: World) -> pb.GetInvoiceRequest:
    return pb.GetInvoiceRequest(id=world.invoice.id)


@case("InvoiceService.SaveDraft")
async def save_draft(world: World) -> pb.SaveDraftRequest:
    draft = await world.draft()
    draft.note = "Isolation"
    return pb.SaveDraftRequest(invoice=draft)


#: Of what the caller sends, and of nothing else.
OF_THEIR_OWN = {"out-of-scope": OWN, "reader": OWN}


@case("InvoiceService.PreviewDraft", others=OWN, differs=OF_THEIR_OWN)
async def preview_draft(world: World) -> pb.PreviewDraftRequest:
    return pb.PreviewDraftRequest(lines=(await world.draft()).lines)


@case("InvoiceService.DeleteDraft")
async def delete_draft(world: World) -> pb.DeleteDraftRequest:
    return pb.DeleteDraftRequest(id=(await world.draft()).id)


@case("InvoiceService.CloseInvoice")
async def close_invoice(world: World) -> pb.CloseInvoiceRequest:
    draft = await world.draft()
    return pb.CloseInvoiceRequest(id=draft.id, version=draft.version)


@case("InvoiceService.GetOverview", others=OWN)
async def get_overview(_: World) -> pb.GetOverviewRequest:
    return pb.GetOverviewRequest()


@case("EntitlementService.ListEntitlements", by="provider")
async def list_entitlements(world: World) -> pb.ListEntitlementsRequest:
    return pb.ListEntitlementsRequest(customer_id=world.cast.firm)


@case("EntitlementService.SetEntitlement", by="provider")
async def set_entitlement(world: World) -> pb.SetEntitlementRequest:
    made = await world.registered_product()
    return pb.SetEntitlementRequest(customer_id=world.cast.firm, product_id=made.id, seats=3)
