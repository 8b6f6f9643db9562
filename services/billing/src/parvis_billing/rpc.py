"""gRPC ⇄ arguments."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from google.protobuf.timestamp_pb2 import Timestamp

from parvis.billing.v1 import billing_pb2 as pb
from parvis_billing import store
from parvis_billing.domain import Party, State, Totals, decimal_text, totals
from parvis_billing.models import Entitlement
from parvis_billing.service import closing, drafts, entitlements, reading
from parvis_billing.service.drafts import Draft
from parvis_billing.service.entitlements import FetchProducts
from parvis_billing.service.reading import View
from parvis_billing.service.records import Records
from parvis_billing.typesetter import Typesetter
from parvis_kit import paging
from parvis_kit.ids import parse, parse_optional

if TYPE_CHECKING:
    from parvis_kit.unit import UnitOfWork

_STATES = {state: pb.InvoiceState.Value(f"INVOICE_STATE_{state.upper()}") for state in State}
_STATES_BACK = {number: state for state, number in _STATES.items()}


class InvoiceRpc:
    """parvis.billing.v1.InvoiceService."""

    def __init__(self, records: Records, typesetter: Typesetter) -> None:
        self._records = records
        self._typesetter = typesetter

    async def ListInvoices(self, unit: "UnitOfWork", request: pb.ListInvoicesRequest) -> pb.ListInvoicesResponse:
        size, after = paging.size(request.page_size), paging.cursor(request.page_token)
        found = await store.invoices(
            unit,
            reading.sight(unit),
            before=after.id if after else None,
            contact_id=parse_optional(request.contact_id, "contact_id"),
            state=_STATES_BACK.get(request.state),
            query=request.query,
            limit=size + 1,
        )
        total = after.total if after else found[0]["total"] if found else 0
        page, token = paging.cut(found, size, lambda row: paging.Cursor("", row["id"], total))
        return pb.ListInvoicesResponse(
            invoices=[_invoice(dict(row)) for row in page], next_page_token=token, total=total
        )

    async def GetInvoice(self, unit: "UnitOfWork", request: pb.GetInvoiceRequest) -> pb.Invoice:
        row = await reading.seen(unit, parse(request.id))
        return _whole(await reading.view(unit, self._records, self._typesetter, row))

    async def SaveDraft(self, unit: "UnitOfWork", request: pb.SaveDraftRequest) -> pb.Invoice:
        told = request.invoice
        draft = Draft(
            id=parse_optional(told.id),
            contact_id=parse(told.contact_id, "contact_id"),
            supply_date=told.supply_date,
            purchase_order=told.purchase_order,
            note=told.note,
            exemption=told.exemption,
            payment_days=told.payment_days,
            lines=_typed(told.lines),
            version=told.version,
        )
        row = await drafts.save(unit, self._records, draft)
        return _whole(await reading.view(unit, self._records, self._typesetter, row))

    async def PreviewDraft(self, _unit: "UnitOfWork", request: pb.PreviewDraftRequest) -> pb.DraftPreview:
        lines, sums = drafts.preview(_typed(request.lines))
        return pb.DraftPreview(
            lines=[pb.PreviewLine(total_cents=line.net if line else None) for line in lines],
            taxes=_taxes(sums),
            net_cents=sums.net,
            tax_cents=sums.tax,
            gross_cents=sums.gross,
        )

    async def DeleteDraft(self, unit: "UnitOfWork", request: pb.DeleteDraftRequest) -> pb.DeleteDraftResponse:
        await drafts.throw_away(unit, parse(request.id))
        return pb.DeleteDraftResponse()

    async def CloseInvoice(self, unit: "UnitOfWork", request: pb.CloseInvoiceRequest) -> pb.Invoice:
        row = await closing.close(unit, self._records, self._typesetter, parse(request.id), request.version)
        return _whole(await reading.view(unit, self._records, self._typesetter, row))

    async def GetOverview(self, unit: "UnitOfWork", _: pb.GetOverviewRequest) -> pb.Overview:
        waiting, recent = await reading.overview(unit)
        return pb.Overview(drafts=waiting, recent=[_invoice(dict(row)) for row in recent])


class EntitlementRpc:
    """parvis.billing.v1.EntitlementService."""

    def __init__(self, products_for: FetchProducts) -> None:
        self._products_for = products_for

    async def ListEntitlements(
        self, unit: "UnitOfWork", request: pb.ListEntitlementsRequest
    ) -> pb.ListEntitlementsResponse:
        size, after = paging.size(request.page_size), paging.cursor(request.page_token)
        customer_id = parse_optional(request.customer_id, "customer_id")
        found = await store.entitlements(unit, customer_id, after.id if after else None, size + 1)
        page, token = paging.cut(found, size, lambda row: paging.Cursor("", row["id"], 0))
        return pb.ListEntitlementsResponse(
            entitlements=[_entitlement(dict(row)) for row in page], next_page_token=token
        )

    async def SetEntitlement(self, unit: "UnitOfWork", request: pb.SetEntitlementRequest) -> pb.Entitlement:
        wanted = Entitlement(
            provider_id=unit.organisation_id,
            customer_id=parse(request.customer_id, "customer_id"),
            product_id=parse(request.product_id, "product_id"),
            id=unit.organisation_id,
            seats=request.seats if request.HasField("seats") else None,
            changed_at=unit.now,
        )
        row = await entitlements.set_seats(unit, self._products_for, wanted, read_version=request.version)
        return _entitlement(row.model_dump())


def _whole(view: View) -> pb.Invoice:
    row = view.invoice
    message = _invoice(row.model_dump())
    message.note, message.exemption, message.digest = row.note, row.exemption, row.digest or ""
    message.seller.CopyFrom(_party(view.seller))
    message.buyer.CopyFrom(_party(view.buyer))
    message.missing_mentions.extend(view.missing)
    for field, signs in view.unprintable.items():
        message.unprintable_signs.add(field=field, signs=signs)
    for line in view.lines:
        message.lines.add(
            description=line.description,
            quantity=decimal_text(line.quantity),
            unit=line.unit,
            unit_price=decimal_text(line.unit_price),
            vat_rate=decimal_text(line.vat_rate),
            total_cents=line.net,
        )
    message.taxes.extend(_taxes(totals(view.lines)))
    return message


def _typed(lines: Iterable[pb.Line]) -> list[dict[str, str]]:
    names = ("description", "quantity", "unit", "unit_price", "vat_rate")
    return [{name: getattr(line, name) for name in names} for line in lines]


def _taxes(sums: Totals) -> list[pb.TaxTotal]:
    return [pb.TaxTotal(vat_rate=decimal_text(tax.rate), base_cents=tax.base, tax_cents=tax.tax) for tax in sums.taxes]


def _invoice(row: Mapping[str, Any]) -> pb.Invoice:
    return pb.Invoice(
        id=str(row["id"]),
        state=_STATES[State(row["state"])],
        number=row["number"] or "",
        contact_id=str(row["contact_id"]),
        contact_name=row["contact_name"],
        issue_date=_date(row["issue_date"]),
        due_date=_date(row["due_date"]),
        supply_date=_date(row["supply_date"]),
        purchase_order=row["purchase_order"],
        net_cents=row["net_cents"],
        tax_cents=row["tax_cents"],
        gross_cents=row["gross_cents"],
        currency=row["currency"],
        payment_days=row["payment_days"],
        document_id=str(row["document_id"] or ""),
        version=row["version"],
        created_at=_time(row["created_at"]),
        closed_at=_time(row["closed_at"]),
    )


def _party(party: Party) -> pb.Party:
    return pb.Party(
        name=party.name,
        legal_form=party.legal_form,
        capital=party.capital,
        siren=party.siren,
        registry=party.registry,
        vat_number=party.vat_number,
        address=party.address,
        mail=party.mail,
    )


def _date(value: date | None) -> str:
    return value.isoformat() if value else ""


def _time(value: datetime | None) -> Timestamp | None:
    if value is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(value)
    return stamp


def _entitlement(row: Mapping[str, Any]) -> pb.Entitlement:
    return pb.Entitlement(
        id=str(row["id"]),
        customer_id=str(row["customer_id"]),
        product_id=str(row["product_id"]),
        seats=row["seats"],
        version=row["version"],
        changed_at=_time(row["changed_at"]),
    )
