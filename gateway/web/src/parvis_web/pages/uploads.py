"""Files on their way in: what `<parvis-upload>` calls, and the form that works without scripts.

Bytes go straight to the store; nothing of them passes here.
"""

import json
from collections.abc import Awaitable
from typing import Any

from starlette.responses import JSONResponse, Response

from parvis.documents.v1 import documents_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError, forbidden, invalid, not_found
from parvis_web.access import Area, member
from parvis_web.calls import if_allowed
from parvis_web.errors import STATUS
from parvis_web.pages.folders import type_names
from parvis_web.sentences import N_, SENTENCES, sentence, violation
from parvis_web.visit import OrganisationVisit

pages = Area(
    "uploads",
    entry="documents",
    sentences={
        "type_refused": N_("This type of file is not accepted here."),
        "type_differs": N_("What is in the file is not what its name says."),
        "checksum_differs": N_("What arrived is not identical to the file that was sent. Send it again."),
        "size_differs": N_("What arrived does not have the size of the file that was sent. Send it again."),
        "size_refused": N_("The file is empty, or larger than what is accepted."),
        "infected": N_("A virus was found in the file. It was deleted."),
        "name_refused": N_("The name of the file cannot be used. Rename it, without slashes or special signs."),
        "parts_missing": N_("Part of the file has not arrived. Send it again."),
        "deposits_closed": N_("This folder does not take deposits. Ask your adviser where to put the document."),
        "deposit_has_no_versions": N_(
            "What a client deposited is kept as it is: file a document of your own beside it."
        ),
        "filed_by_a_service": N_(
            "The portal filed this document and keeps it as it is: a closed invoice never changes."
        ),
        "already_complete": N_("The file has already arrived: it cannot be cancelled any more."),
        "too_many_uploads": N_(
            "You have %(uploads)s files or %(gibibytes)s GB under way, which is the most. Wait until they have "
            "arrived, or cancel those that you no longer send. What is left unfinished is cancelled after a day."
        ),
    },
)
_NOTHING = N_("The upload was cancelled, or nothing arrived.")
_STATES = {
    documents_pb2.UPLOAD_STATE_SENDING: "sending",
    documents_pb2.UPLOAD_STATE_VERIFYING: "checking",
    documents_pb2.UPLOAD_STATE_FILED: "filed",
    documents_pb2.UPLOAD_STATE_REFUSED: "refused",
    documents_pb2.UPLOAD_STATE_ABORTED: "refused",
}
#: What the reader can answer with another file; everything else is an error like any other.
_ABOUT_THE_FILE = {Kind.INVALID, Kind.PRECONDITION, Kind.FORBIDDEN, Kind.CONFLICT, Kind.LIMIT}


def _inline(text: str) -> str:
    """A sentence as it follows a colon: "refused: this type of file is not accepted here"."""
    return text[:1].lower() + text[1:].removesuffix(".") if text.count(".") == 1 else text[:1].lower() + text[1:]


def _why(visit: OrganisationVisit, upload: documents_pb2.Upload) -> str:
    said = SENTENCES.get(upload.reason, _NOTHING)
    return visit.words(said)


def _state(visit: OrganisationVisit, upload: documents_pb2.Upload) -> dict[str, str]:
    state = _STATES.get(upload.state, "checking")
    found = {"state": state}
    if state == "filed":
        found["href"] = f"{visit.base}/documents/{upload.document_id}"
    if state == "refused":
        found["detail"] = _inline(_why(visit, upload))
    return found


def _plan(upload: documents_pb2.Upload) -> dict[str, Any]:
    return {
        "upload_id": upload.id,
        "part_size": upload.part_size,
        "parts": [{"number": part.number, "url": part.url, "done": part.sent} for part in upload.parts],
    }


def _answer(body: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(body, status, headers={"Cache-Control": "no-store"})


def _refused(visit: OrganisationVisit, error: ServiceError) -> Response:
    """Why a file is not taken, to follow "refused:"."""
    if error.kind not in _ABOUT_THE_FILE:
        raise error
    said = " ".join(dict.fromkeys(violation(visit.words, each) for each in error.violations)) or sentence(
        visit.words, error
    )
    # 429 means "again in a moment" to whoever sends files; this limit asks the reader to do something first.
    status = STATUS[Kind.PRECONDITION if error.kind is Kind.LIMIT else error.kind]
    return _answer({"detail": _inline(said), "code": error.reason}, status)


async def _body(visit: OrganisationVisit) -> dict[str, Any]:
    try:
        body = await visit.request.json()
    except (ValueError, RecursionError, RuntimeError) as error:  # the last: it is a form, which was read before
        raise invalid("malformed_request") from error
    # Half a pair of UTF-16 is a text for JSON, and for nothing after it.
    if not isinstance(body, dict) or any("\ud800" <= sign <= "\udfff" for sign in json.dumps(body, ensure_ascii=False)):
        raise invalid("malformed_request")
    return body


@pages.route(("POST",), "/o/{slug}/uploads", member("documents.file"), api=True)
async def start(visit: OrganisationVisit) -> Response:
    """Announces a file; answers with the addresses of its parts."""
    body = await _body(visit)
    texts = {
        name: body.get(key, "")
        for name, key in (
            ("name", "name"),
            ("media_type", "type"),
            ("contact_id", "contact_id"),
            ("folder_template_id", "folder_template_id"),
            ("document_id", "document_id"),
        )
    }
    size = body.get("size")
    if not all(isinstance(text, str) for text in texts.values()) or type(size) is not int or not 0 <= size < 1 << 62:
        raise invalid("malformed_request")
    try:
        upload = await visit.clients.uploads.StartUpload(documents_pb2.StartUploadRequest(size=size, **texts))
    except ServiceError as error:
        return _refused(visit, error)
    return _answer(_plan(upload), 201)


@pages.route(("GET",), "/o/{slug}/uploads/{id}/parts", member("documents.file"), api=True)
async def parts(visit: OrganisationVisit) -> Response:
    """Fresh addresses: an upload is taken up again, or an address has expired."""
    upload = await visit.clients.uploads.SignParts(documents_pb2.SignPartsRequest(id=visit.request.path_params["id"]))
    if upload.state != documents_pb2.UPLOAD_STATE_SENDING:
        raise not_found("upload")  # nothing left to send: the file is announced anew
    return _answer(_plan(upload))


@pages.route(("POST",), "/o/{slug}/uploads/{id}/complete", member("documents.file"), api=True)
async def complete(visit: OrganisationVisit) -> Response:
    """All parts are sent."""
    request = documents_pb2.CompleteUploadRequest(id=visit.request.path_params["id"])
    try:
        upload = await visit.clients.uploads.CompleteUpload(request)
    except ServiceError as error:
        return _refused(visit, error)
    return _answer(_state(visit, upload))


@pages.route(("GET",), "/o/{slug}/uploads/{id}", member("documents.file"), api=True)
async def state(visit: OrganisationVisit) -> Response:
    """Whether the file is checked and filed by now."""
    upload = await visit.clients.uploads.GetUpload(documents_pb2.GetUploadRequest(id=visit.request.path_params["id"]))
    return _answer(_state(visit, upload))


@pages.route(("DELETE",), "/o/{slug}/uploads/{id}", member("documents.file"), api=True)
async def abort(visit: OrganisationVisit) -> Response:
    """Gives an upload up."""
    upload = await visit.clients.uploads.AbortUpload(
        documents_pb2.AbortUploadRequest(id=visit.request.path_params["id"])
    )
    return _answer(_state(visit, upload))


@pages.get("/o/{slug}/contacts/{id}/folders/{folder_id}/upload", member("documents.file"))
async def choose(visit: OrganisationVisit) -> Response:
    """The page where a file is chosen. Without scripts its button asks for the form: to open a page begins nothing."""
    _frame, record, folder = await visit.together(_contact(visit), _folder(visit))
    if visit.is_portal and not folder.template.deposits:
        raise forbidden("deposits_closed")
    return _page(visit, record, folder)


@pages.post("/o/{slug}/contacts/{id}/folders/{folder_id}/upload", member("documents.file"))
async def form(visit: OrganisationVisit) -> Response:
    """The same page with a form that posts one file straight to the store."""
    params = visit.request.path_params
    here = f"{visit.base}/contacts/{params['id']}/folders/{params['folder_id']}"
    request = documents_pb2.StartFormUploadRequest(
        contact_id=params["id"],
        folder_template_id=params["folder_id"],
        return_url=f"{visit.portal.settings.public_url.rstrip('/')}{here}/uploads/",
    )
    _frame, record, folder, upload = await visit.together(
        _contact(visit), _folder(visit), visit.clients.uploads.StartFormUpload(request)
    )
    return _page(visit, record, folder, upload)


def _contact(visit: OrganisationVisit) -> Awaitable[tenancy_pb2.ContactRecord | None]:
    request = tenancy_pb2.GetContactRequest(id=visit.request.path_params["id"])
    return if_allowed(visit.clients.contacts.GetContact(request))


async def _folder(visit: OrganisationVisit) -> documents_pb2.Folder:
    params = visit.request.path_params
    listed = await visit.clients.folders.ListFolders(documents_pb2.ListFoldersRequest(contact_id=params["id"]))
    found = next((each for each in listed.folders if each.template.id == params["folder_id"]), None)
    if found is None:
        raise not_found("folder")
    return found


def _page(
    visit: OrganisationVisit,
    record: tenancy_pb2.ContactRecord | None,
    folder: documents_pb2.Folder,
    upload: documents_pb2.FormUpload | None = None,
) -> Response:
    params, types = visit.request.path_params, tuple(folder.template.media_types)
    fields = dict(upload.fields) if upload else {}
    # The policy lets the address go on after its beginning: so the page that completes knows which upload this is.
    # In the path: stores put their own parameters in place of others.
    if upload and "success_action_redirect" in fields:
        fields["success_action_redirect"] += upload.id
    context = {
        "folder": folder,
        "contact_name": record.contact.name if record else "",
        "folder_href": f"{visit.base}/contacts/{params['id']}/folders/{params['folder_id']}",
        "target": {"contact_id": params["id"], "folder_template_id": params["folder_id"]},
        "action": upload.action if upload else "",
        "fields": fields,
        "accept": ",".join(types),
        "types": type_names(visit.words, types) if types else "",
        "max_size": upload.max_size if upload else 0,
    }
    return visit.render("documents/upload.html", context)


@pages.get("/o/{slug}/contacts/{id}/folders/{folder_id}/uploads/{upload_id}", member("documents.file"))
async def returned(visit: OrganisationVisit) -> Response:
    """Where the store sends the browser after the form: completes the upload and says how it stands.

    A GET with an effect, since stores answer a form with a redirect: asking for one more click would lose the files of
    whoever believes to be done. It is their own upload, named by its id, and to complete it twice changes nothing.
    """
    _, params = visit.words, visit.request.path_params
    folder_href = f"{visit.base}/contacts/{params['id']}/folders/{params['folder_id']}"
    upload_id = params["upload_id"]
    why = ""
    _frame, upload = await visit.together(_completed(visit, upload_id))
    if isinstance(upload, ServiceError):
        why = sentence(_, upload)
    elif upload.state == documents_pb2.UPLOAD_STATE_FILED:
        return visit.redirect(folder_href, _("%(name)s is filed.", name=upload.name))
    elif upload.state in {documents_pb2.UPLOAD_STATE_REFUSED, documents_pb2.UPLOAD_STATE_ABORTED}:
        why = _why(visit, upload)
    context = {"why": why, "folder_href": folder_href, "again": visit.request.url.path}
    answer = visit.render("documents/returned.html", context, status=422 if why else 200)
    if not why:
        answer.headers["Refresh"] = f"2; url={visit.request.url.path}"  # without scripts nothing else looks again
    return answer


async def _completed(visit: OrganisationVisit, upload_id: str) -> documents_pb2.Upload | ServiceError:
    try:
        return await visit.clients.uploads.CompleteUpload(documents_pb2.CompleteUploadRequest(id=upload_id))
    except ServiceError as error:
        if error.kind not in _ABOUT_THE_FILE:
            raise
        return error
