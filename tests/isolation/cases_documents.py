"""Requests of documents: folders, documents, uploads."""

from cases import NOT_FOUND, OWN, case
from world import World

from parvis.documents.v1 import documents_pb2 as pb
from parvis.tenancy.v1 import tenancy_pb2


@case("FolderService.ListFolderTemplates", others=OWN)
async def list_folder_templates(_: World) -> pb.ListFolderTemplatesRequest:
    return pb.ListFolderTemplatesRequest(audience=tenancy_pb2.CONTACT_KIND_CLIENT)


@case("FolderService.SaveFolderTemplate")
async def save_folder_template(world: World) -> pb.SaveFolderTemplateRequest:
    template = await world.fresh_template()
    template.notification = not template.notification
    return pb.SaveFolderTemplateRequest(template=template)


@case("FolderService.ListFolders")
async def list_folders(world: World) -> pb.ListFoldersRequest:
    return pb.ListFoldersRequest(contact_id=world.contact.id)


@case("DocumentService.ListDocuments", others=OWN, differs={"out-of-scope": OWN, "other-client": OWN})
async def list_documents(world: World) -> pb.ListDocumentsRequest:
    return pb.ListDocumentsRequest(contact_id=world.contact.id)


@case("DocumentService.GetDocument")
async def get_document(world: World) -> pb.GetDocumentRequest:
    return pb.GetDocumentRequest(id=world.document.id)


@case("DocumentService.GetDownload")
async def get_download(world: World) -> pb.GetDownloadRequest:
    return pb.GetDownloadRequest(id=world.document.id)


@case("DocumentService.GetOverview", others=OWN)
async def get_overview(_: World) -> pb.GetOverviewRequest:
    return pb.GetOverviewRequest()


@case("DocumentService.BatchGetDocuments", through=("billing",), by="service", differs={"own-name-other-firm": OWN})
async def batch_get_documents(world: World) -> pb.BatchGetDocumentsRequest:
    return pb.BatchGetDocumentsRequest(ids=[world.document.id])


SENDERS = ("web", "billing")
#: Nobody knows of an upload but its sender.
THE_SENDERS = {"reader": NOT_FOUND, "client": NOT_FOUND}


@case("UploadService.StartUpload", through=SENDERS)
async def start_upload(world: World) -> pb.StartUploadRequest:
    return world.upload_request()


@case("UploadService.SignParts", through=SENDERS, differs=THE_SENDERS)
async def sign_parts(world: World) -> pb.SignPartsRequest:
    return pb.SignPartsRequest(id=(await world.upload()).id)


@case("UploadService.CompleteUpload", through=SENDERS, differs=THE_SENDERS)
async def complete_upload(world: World) -> pb.CompleteUploadRequest:
    return pb.CompleteUploadRequest(id=(await world.sent_upload()).id)


@case("UploadService.AbortUpload", through=SENDERS, differs=THE_SENDERS)
async def abort_upload(world: World) -> pb.AbortUploadRequest:
    return pb.AbortUploadRequest(id=(await world.upload()).id)


@case("UploadService.GetUpload", through=SENDERS, differs=THE_SENDERS)
async def get_upload(world: World) -> pb.GetUploadRequest:
    return pb.GetUploadRequest(id=(await world.upload()).id)


@case("UploadService.StartFormUpload")
async def start_form_upload(world: World) -> pb.StartFormUploadRequest:
    return pb.StartFormUploadRequest(
        contact_id=world.contact.id, folder_template_id=world.template.id, return_url=f"{world.cast.portal.url}/"
    )
