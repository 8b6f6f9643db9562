"""From a filed document to the mail about it in the sink: 100 documents, five a second.

It begins with the time that documents writes into the document as it files it (before the commit: the figure is
rather too long than too short) and ends with the time at which the sink has the whole message. The baseline is the
same message handed straight to the sink over an open connection.
"""

import asyncio
import secrets
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any

import aiosmtplib
import httpx
from machine import percentile, sized, wait_for_quiet
from report import Figure, show
from stage import Seat, administrator, run, running_suite

from parvis.documents.v1 import documents_pb2, documents_pb2_grpc
from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc

DOCUMENTS = sized(100, 30)
INTERVAL = 0.2
PATIENCE = 60.0
CONTENT = b"%PDF-1.7\n" + 20_000 * b"0"


async def main() -> None:
    """Measures and prints."""
    with running_suite() as suite:
        async with administrator(suite) as seat, seat.acting(), httpx.AsyncClient(trust_env=False) as http:
            contact_id, folder_id = await notifying_folder(seat)
            await file_documents(seat, contact_id, folder_id, 5)
            await asyncio.to_thread(wait_for_quiet)
            began = datetime.now(UTC).isoformat()
            filed = await file_documents(seat, contact_id, folder_id, DOCUMENTS)
            received = await arrived(http, seat, began, filed)
            delays = [1000 * (received[document] - filed[document]) for document in filed]
            straight = await handed_over(http, seat)
    show(
        f"From a filed document to its mail in the sink, {DOCUMENTS} documents, {1 / INTERVAL:g}/s",
        [
            Figure(f"p{share}", percentile(delays, share / 100), "ms", percentile(straight, share / 100), at_most=most)
            for share, most in ((50, None), (95, 500))
        ],
        "baseline: the same message straight to the sink over an open SMTP connection",
    )


async def notifying_folder(seat: Seat) -> tuple[str, str]:
    """A client, and a folder of theirs about which they get a mail."""
    peers = seat.portal.peers
    contacts = await tenancy_pb2_grpc.ContactServiceStub(peers.channel("tenancy")).ListContacts(
        tenancy_pb2.ListContactsRequest(page_size=1)
    )
    contact_id = contacts.contacts[0].id
    folders = await documents_pb2_grpc.FolderServiceStub(peers.channel("documents")).ListFolders(
        documents_pb2.ListFoldersRequest(contact_id=contact_id)
    )
    for template in (folder.template for folder in folders.folders):
        if template.notification and template.link_to == documents_pb2.LINK_TARGET_DOCUMENT:
            return contact_id, template.id
    raise RuntimeError("No folder of the client sends a mail with the document's address.")


async def file_documents(seat: Seat, contact_id: str, folder_id: str, count: int) -> dict[str, float]:
    """Files documents at an even pace; the id of each with the time at which it was filed (Unix, seconds)."""
    channel = seat.portal.peers.channel("documents")
    uploads = documents_pb2_grpc.UploadServiceStub(channel)
    documents = documents_pb2_grpc.DocumentServiceStub(channel)
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:

        async def file_one() -> tuple[str, float]:
            upload = await uploads.StartUpload(
                documents_pb2.StartUploadRequest(
                    contact_id=contact_id, folder_template_id=folder_id, size=len(CONTENT),
                    name=f"Mesure {secrets.token_hex(6)}.pdf", media_type="application/pdf",
                )
            )  # fmt: skip
            (await http.put(upload.parts[0].url, content=CONTENT)).raise_for_status()
            upload = await uploads.CompleteUpload(documents_pb2.CompleteUploadRequest(id=upload.id))
            while upload.state == documents_pb2.UPLOAD_STATE_VERIFYING:
                await asyncio.sleep(0.5)  # seldom: asking costs what is measured
                upload = await uploads.GetUpload(documents_pb2.GetUploadRequest(id=upload.id))
            if upload.state != documents_pb2.UPLOAD_STATE_FILED:
                raise RuntimeError(f"{upload.name} was not filed: {upload.reason}")
            record = await documents.GetDocument(documents_pb2.GetDocumentRequest(id=upload.document_id))
            return upload.document_id, record.document.filed_at.ToNanoseconds() / 1e9

        running = []
        for _ in range(count):
            running.append(asyncio.create_task(file_one()))
            await asyncio.sleep(INTERVAL)
        return dict(await asyncio.gather(*running))


async def messages(http: httpx.AsyncClient, seat: Seat, since: str) -> list[dict[str, Any]]:
    """What the sink received since an ISO time."""
    answer = await http.get(f"{seat.suite.addresses['mail']}/api/messages", params={"since": since})
    found = answer.raise_for_status().json()
    return found["messages"] if isinstance(found, dict) else found


async def arrived(http: httpx.AsyncClient, seat: Seat, since: str, wanted: dict[str, float]) -> dict[str, float]:
    """When the mail about each document arrived (Unix, seconds)."""
    deadline = time.monotonic() + PATIENCE
    while True:
        received = {
            document: datetime.fromisoformat(message["received"]).timestamp()
            for message in await messages(http, seat, since)
            for link in message["links"]
            if (document := link.rsplit("/", 1)[-1]) in wanted
        }
        if len(received) == len(wanted):
            return received
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(wanted) - len(received)} of {len(wanted)} mails did not arrive.")
        await asyncio.sleep(0.5)


async def handed_over(http: httpx.AsyncClient, seat: Seat) -> list[float]:
    """Milliseconds from handing the newest message over to the sink having it, as often as documents were filed."""
    newest = (await messages(http, seat, ""))[-1]
    whole = (await http.get(f"{seat.suite.addresses['mail']}/api/messages/{newest['id']}")).json()
    address = seat.suite.environment("notify")["PARVIS_SMTP_URL"].removeprefix("smtp://")
    host, _, port = address.rpartition(":")
    began, handed = datetime.now(UTC).isoformat(), {}
    async with aiosmtplib.SMTP(hostname=host, port=int(port)) as server:
        for _ in range(DOCUMENTS):
            message = EmailMessage()
            message["From"], message["To"], message["Subject"] = whole["from"], whole["to"], whole["subject"]
            message["Message-ID"] = make_msgid(domain="parvis.example")
            message.set_content(whole["text"])
            message.add_alternative(whole["html"], subtype="html")
            handed[message["Message-ID"]] = time.time()
            await server.send_message(message)
            await asyncio.sleep(INTERVAL / 4)
    return [
        1000 * (datetime.fromisoformat(each["received"]).timestamp() - handed[each["message_id"]])
        for each in await messages(http, seat, began)
        if each["message_id"] in handed
    ]


if __name__ == "__main__":
    run(main)
