"""A closed invoice becomes a PDF in the client's folder: set, uploaded, filed. Killed at any moment, it goes on.

The PDF has the same bytes each time, and the upload goes by a reference that documents knows again: one invoice, one
document.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import httpx

from parvis.billing.v1 import events_pb2
from parvis.documents.v1 import documents_pb2
from parvis_billing import layout, store
from parvis_billing.domain import State
from parvis_billing.models import Invoice
from parvis_billing.service.reading import closed_invoice, read_row
from parvis_billing.service.records import INVOICES
from parvis_billing.typesetter import Typesetter
from parvis_kit.bus import Retry
from parvis_kit.errors import unavailable

if TYPE_CHECKING:
    from parvis.documents.v1 import documents_pb2_grpc
    from parvis_kit.bus import Delivery

#: Seconds that the verification of the upload is waited for before the event comes back later.
_PATIENCE = 10.0


@dataclass(frozen=True)
class Filer:
    """Files closed invoices. `http` makes a client for the object store: at `store`, or as browsers do."""

    typesetter: Typesetter
    uploads: "documents_pb2_grpc.UploadServiceStub"
    documents: "documents_pb2_grpc.DocumentServiceStub"
    http: Callable[[], httpx.AsyncClient]
    store: str = ""

    async def file(self, delivery: "Delivery", event: events_pb2.InvoiceClosed) -> None:
        """Files the PDF of a closed invoice, unless that is done."""
        async with delivery.begin() as unit:
            row = await store.invoice(unit, UUID(event.invoice_id))
            if row is None or row.state != State.CLOSED:
                await delivery.finish(unit)
                return
            lines = tuple(map(read_row, await store.lines(unit, row.id)))
        invoice = closed_invoice(row, lines)
        made_at = row.closed_at or unit.now
        pdf = await self.typesetter.typeset(layout.page(invoice, row.accent or ""), made_at)
        document = await self._document(await self._upload(row, pdf))
        async with delivery.begin() as unit:
            filed = await store.mark_filed(unit, row.id, UUID(document.id), UUID(document.folder_template_id))
            if filed:
                told = events_pb2.InvoiceFiled(invoice_id=str(row.id), number=invoice.number, document_id=document.id)
                unit.emit(told, aggregate_id=row.id)
                unit.record("invoice.filed", target_kind="invoice", target_id=row.id, document_id=document.id)
            await delivery.finish(unit)

    async def _upload(self, row: Invoice, pdf: bytes) -> str:
        """Brings the PDF into the folder; returns the document's id. Safe to be begun again after any step."""
        upload = await self.uploads.StartUpload(
            documents_pb2.StartUploadRequest(
                contact_id=str(row.contact_id),
                built_in_folder=INVOICES,
                name=f"Facture {row.number}.pdf",
                size=len(pdf),
                media_type="application/pdf",
                sha256=hashlib.sha256(pdf).hexdigest(),
                external_reference=f"invoice:{row.id}",
            )
        )
        if upload.state == documents_pb2.UPLOAD_STATE_SENDING:
            await self._send_parts(upload, pdf)
            upload = await self.uploads.CompleteUpload(documents_pb2.CompleteUploadRequest(id=upload.id))
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        pause = 0.02
        while upload.state == documents_pb2.UPLOAD_STATE_VERIFYING:
            if asyncio.get_running_loop().time() > deadline:
                raise Retry(2)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.5)
            upload = await self.uploads.GetUpload(documents_pb2.GetUploadRequest(id=upload.id))
        if upload.state != documents_pb2.UPLOAD_STATE_FILED:
            state = documents_pb2.UploadState.Name(upload.state)
            raise RuntimeError(f"documents did not take invoice {row.number}: {state} {upload.reason}")
        return upload.document_id

    async def _send_parts(self, upload: documents_pb2.Upload, pdf: bytes) -> None:
        async with self.http() as http:
            for part in upload.parts:
                if part.sent:
                    continue
                start = (part.number - 1) * upload.part_size
                try:
                    address, headers = inside(part.url, self.store)
                    answer = await http.put(address, content=pdf[start : start + part.size], headers=headers)
                except httpx.HTTPError as error:
                    raise unavailable("store_unavailable", error=repr(error)) from error
                if answer.is_error:
                    raise unavailable("store_refused", status=str(answer.status_code))

    async def _document(self, document_id: str) -> documents_pb2.Document:
        found = await self.documents.BatchGetDocuments(documents_pb2.BatchGetDocumentsRequest(ids=[document_id]))
        if not found.documents:
            raise unavailable("document_not_known_yet")
        return found.documents[0]


def inside(presigned: str, origin: str) -> tuple[httpx.URL, dict[str, str]]:
    """The presigned address at `origin`, and the headers to send: its signature covers the host that browsers see."""
    address = httpx.URL(presigned)
    if not origin:
        return address, {}
    there = httpx.URL(origin)
    return address.copy_with(scheme=there.scheme, host=there.host, port=there.port), {"Host": address.netloc.decode()}
