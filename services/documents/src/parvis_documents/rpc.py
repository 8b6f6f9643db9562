"""gRPC ⇄ arguments."""

from parvis.documents.v1 import documents_pb2 as pb
from parvis_documents import messages
from parvis_documents.objects import ObjectStore
from parvis_documents.service import completing, documents, folders, uploads
from parvis_documents.service.contacts import Contacts
from parvis_documents.service.uploads import Announced, Desk, Sending
from parvis_documents.store.documents import Filter
from parvis_kit import paging
from parvis_kit.ids import parse, parse_optional
from parvis_kit.server import Begin, in_steps
from parvis_kit.unit import UnitOfWork


class FolderRpc:
    """FolderService."""

    def __init__(self, contacts: Contacts) -> None:
        self._contacts = contacts

    async def ListFolderTemplates(
        self, unit: UnitOfWork, request: pb.ListFolderTemplatesRequest
    ) -> pb.ListFolderTemplatesResponse:
        found = await folders.list_templates(unit, messages.audience_of(request.audience))
        return pb.ListFolderTemplatesResponse(templates=[messages.template(row) for row in found])

    async def SaveFolderTemplate(self, unit: UnitOfWork, request: pb.SaveFolderTemplateRequest) -> pb.FolderTemplate:
        wanted = request.template
        saved = await folders.save_template(
            unit,
            template_id=parse_optional(wanted.id),
            audience=messages.audience_of(wanted.audience),
            name=wanted.name,
            path=wanted.path,
            portal=wanted.portal,
            signature=messages.side_of(wanted.signature),
            notification=wanted.notification,
            notify_to=messages.address_of(wanted.notify_to),
            link_to=messages.link_of(wanted.link_to),
            deposits=wanted.deposits,
            media_types=wanted.media_types,
            position=wanted.position,
            version=wanted.version,
        )
        return messages.template(saved)

    async def ListFolders(self, unit: UnitOfWork, request: pb.ListFoldersRequest) -> pb.ListFoldersResponse:
        contact_id = parse(request.contact_id, "contact_id")
        _, found = await folders.list_folders(unit, self._contacts, contact_id)
        return pb.ListFoldersResponse(
            folders=[
                pb.Folder(
                    template=messages.template(row),
                    contact_id=str(contact_id),
                    documents=row["documents"],
                    unread=row["unread"],
                )
                for row in found
            ]
        )


class DocumentRpc:
    """DocumentService."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def ListDocuments(self, unit: UnitOfWork, request: pb.ListDocumentsRequest) -> pb.ListDocumentsResponse:
        wanted = Filter(
            contact_id=parse_optional(request.contact_id, "contact_id"),
            folder_template_id=parse_optional(request.folder_template_id, "folder_template_id"),
            query=request.query,
            unread_only=request.unread_only,
        )
        sight, page = await documents.list_documents(
            unit, wanted, size=paging.size(request.page_size), token=request.page_token
        )
        return pb.ListDocumentsResponse(
            documents=[messages.document(row, portal=sight.is_portal) for row in page.rows],
            next_page_token=page.next_token,
            total=page.total,
        )

    async def GetDocument(self, unit: UnitOfWork, request: pb.GetDocumentRequest) -> pb.DocumentRecord:
        sight, record = await documents.get_document(unit, parse(request.id))
        return pb.DocumentRecord(
            document=messages.document(record.row, portal=sight.is_portal),
            versions=[messages.version(row) for row in record.versions],
            openings=[messages.opening(row) for row in record.openings],
            folder=messages.template(record.folder),
        )

    async def GetDownload(self, unit: UnitOfWork, request: pb.GetDownloadRequest) -> pb.Download:
        found = await documents.get_download(
            unit, self._objects, parse(request.id), number=request.version, inline=request.inline
        )
        return pb.Download(
            url=found.url,
            expires_at=messages.instant(found.expires_at),
            name=found.name,
            media_type=found.media_type,
            size=found.size,
        )

    async def GetOverview(self, unit: UnitOfWork, _request: pb.GetOverviewRequest) -> pb.Overview:
        found = await documents.get_overview(unit)
        portal = unit.caller.is_portal
        return pb.Overview(
            unread=[messages.document(row, portal=portal) for row in found.unread],
            unread_total=found.unread_total,
            recent=[messages.document(row, portal=portal) for row in found.recent],
        )

    async def BatchGetDocuments(
        self, unit: UnitOfWork, request: pb.BatchGetDocumentsRequest
    ) -> pb.BatchGetDocumentsResponse:
        found = await documents.batch_get(unit, [parse(each, "ids") for each in request.ids])
        return pb.BatchGetDocumentsResponse(documents=[messages.document(row, portal=False) for row in found])


class UploadRpc:
    """UploadService."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @in_steps
    async def StartUpload(self, begin: Begin, request: pb.StartUploadRequest) -> pb.Upload:
        sending = await uploads.start(
            begin,
            self._desk,
            Announced(request.name, request.size, request.media_type, request.sha256),
            contact_id=parse_optional(request.contact_id, "contact_id"),
            folder_template_id=parse_optional(request.folder_template_id, "folder_template_id"),
            built_in=request.built_in_folder,
            document_id=parse_optional(request.document_id, "document_id"),
            external_reference=request.external_reference,
        )
        return self._answer(sending)

    @in_steps
    async def SignParts(self, begin: Begin, request: pb.SignPartsRequest) -> pb.Upload:
        return self._answer(await uploads.sign_parts(begin, self._desk, parse(request.id)))

    @in_steps
    async def CompleteUpload(self, begin: Begin, request: pb.CompleteUploadRequest) -> pb.Upload:
        return self._answer(await completing.complete(begin, self._desk, parse(request.id)))

    @in_steps
    async def AbortUpload(self, begin: Begin, request: pb.AbortUploadRequest) -> pb.Upload:
        return self._answer(await uploads.abort(begin, self._desk, parse(request.id)))

    @in_steps
    async def GetUpload(self, begin: Begin, request: pb.GetUploadRequest) -> pb.Upload:
        return self._answer(await uploads.get(begin, self._desk, parse(request.id)))

    async def StartFormUpload(self, unit: UnitOfWork, request: pb.StartFormUploadRequest) -> pb.FormUpload:
        row, form, largest = await uploads.start_form(
            unit,
            self._desk,
            contact_id=parse_optional(request.contact_id, "contact_id"),
            folder_template_id=parse_optional(request.folder_template_id, "folder_template_id"),
            return_url=request.return_url,
        )
        return pb.FormUpload(id=str(row.id), action=form.action, fields=form.fields, max_size=largest)

    def _answer(self, sending: Sending) -> pb.Upload:
        found = uploads.addresses(self._desk, sending)
        parts = (
            None
            if found is None
            else [pb.Part(number=number, size=size, url=url, sent=not url) for number, size, url in found]
        )
        return messages.upload(sending.row, parts)
