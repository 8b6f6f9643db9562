"""Documents and uploads: who sees what, how bytes travel, what a refusal says."""

from datetime import UTC, datetime

import pytest

from parvis.documents.v1 import documents_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Violation, forbidden, invalid, limit, unavailable
from parvis_web.testing import ORIGIN, Suite, make_frame, text_of

CONTACT, FOLDER, DOCUMENT, UPLOAD = (f"0192f000-0000-7000-8000-0000000000e{n}" for n in range(4))
FOLDER_PATH = f"/o/durand/contacts/{CONTACT}/folders/{FOLDER}"


def a_template(**changes: object) -> documents_pb2.FolderTemplate:
    template = documents_pb2.FolderTemplate(
        id=FOLDER, name="Bulletins", built_in="payslips", portal=True, notification=True, deposits=True
    )
    for name, value in changes.items():
        setattr(template, name, value)
    return template


def a_document(media_type: str = "application/pdf", **changes: object) -> documents_pb2.Document:
    document = documents_pb2.Document(
        id=DOCUMENT, contact_id=CONTACT, contact_name="Kerautret", folder_template_id=FOLDER, folder_name="Bulletins",
        name="Novembre.pdf", media_type=media_type, size=1200, sha256="ab" * 32, version=1, shared=True, unread=True,
    )  # fmt: skip
    for name, value in changes.items():
        setattr(document, name, value)
    document.filed_at.FromDatetime(datetime(2026, 11, 20, 9, tzinfo=UTC))
    return document


@pytest.fixture
def served(suite: Suite) -> Suite:
    folder = documents_pb2.Folder(template=a_template(), contact_id=CONTACT, documents=1, unread=1)
    suite.services.answers |= {
        "ListFolders": lambda _: documents_pb2.ListFoldersResponse(folders=[folder]),
        "ListDocuments": lambda _: documents_pb2.ListDocumentsResponse(documents=[a_document()], total=1),
        "GetDocument": lambda _: documents_pb2.DocumentRecord(
            document=a_document(),
            folder=a_template(),
            versions=[documents_pb2.Version(number=1, size=1200)],
            openings=[documents_pb2.Opening(name="Yann Kerautret", version=1, at=a_document().filed_at)],
        ),
        "GetDownload": lambda _: documents_pb2.Download(url="http://127.0.0.1:8601/parvis/object?signed"),
        "GetContact": lambda _: tenancy_pb2.ContactRecord(contact=tenancy_pb2.Contact(id=CONTACT, name="Kerautret")),
    }
    return suite


@pytest.fixture
def client(served: Suite) -> Suite:
    """The same pages, read through a portal access."""
    portal = make_frame(tenancy_pb2.MEMBERSHIP_KIND_PORTAL, ())
    portal.membership.contact_ids.append(CONTACT)
    served.organisations[0].kind = tenancy_pb2.MEMBERSHIP_KIND_PORTAL
    served.services.answers["GetFrame"] = portal
    return served


async def json_of(suite: Suite, method: str, path: str, body: object = None):
    headers = {"X-CSRF": suite.session.csrf, "Origin": ORIGIN}
    return await suite.client.request(method, path, json=body, headers=headers)


async def test_staff_see_who_opened_a_document_and_can_file_a_new_version(served: Suite):
    said = text_of(await served.get(f"/o/durand/documents/{DOCUMENT}"))
    assert "Yann Kerautret" in said
    assert "File a new version" in said
    assert "Proof of content" in said


async def test_a_client_sees_nothing_of_what_is_for_staff(client: Suite):
    answer = await client.get(f"/o/durand/documents/{DOCUMENT}")
    said = text_of(answer)
    assert answer.status_code == 200
    for hidden in ("Opened by", "Notifications", "File a new version", "Proof of content", "Not opened yet"):
        assert hidden not in said
    assert "ListMessages" not in client.services.calls


async def test_a_client_sees_folders_unread_marks_and_where_to_deposit(client: Suite):
    said = text_of(await client.get("/o/durand/documents"))
    assert "Bulletins" in said
    assert "1 unread" in said
    assert "Deposit a document" in said


async def test_the_link_of_a_mail_leads_to_the_folder_it_names(client: Suite):
    answer = await client.get("/o/durand/documents?folder=payslips")
    assert answer.headers["location"] == FOLDER_PATH


async def test_a_folder_without_deposits_offers_none_to_a_client(client: Suite):
    closed = documents_pb2.Folder(template=a_template(deposits=False), contact_id=CONTACT)
    client.services.answers["ListFolders"] = documents_pb2.ListFoldersResponse(folders=[closed])
    answer = await client.get(FOLDER_PATH)
    assert "parvis-upload" not in answer.text


async def test_bytes_come_from_the_store_and_never_through_here(served: Suite):
    shown = await served.get(f"/o/durand/documents/{DOCUMENT}/content")
    kept = await served.get(f"/o/durand/documents/{DOCUMENT}/download")
    assert (shown.status_code, kept.status_code) == (307, 303)
    assert shown.headers["location"] == kept.headers["location"] == "http://127.0.0.1:8601/parvis/object?signed"
    assert [request.inline for name, request in served.services.requests if name == "GetDownload"] == [True, False]


async def test_a_type_that_a_browser_does_not_show_is_downloaded(served: Suite):
    record = documents_pb2.DocumentRecord(document=a_document("application/msword"), folder=a_template())
    served.services.answers["GetDocument"] = record
    answer = await served.get(f"/o/durand/documents/{DOCUMENT}")
    assert "parvis-pdf" not in answer.text
    assert "opens in its own program" in text_of(answer)


async def test_an_upload_answers_with_the_addresses_of_its_parts(served: Suite):
    part = documents_pb2.Part(number=1, size=10, url="http://127.0.0.1:8601/part", sent=False)
    served.services.answers["StartUpload"] = documents_pb2.Upload(id=UPLOAD, part_size=8, parts=[part])
    body = {"name": "a.pdf", "size": 10, "type": "application/pdf", "contact_id": CONTACT, "folder_template_id": FOLDER}
    answer = await json_of(served, "POST", "/o/durand/uploads", body)
    assert answer.status_code == 201
    assert answer.json() == {
        "upload_id": UPLOAD,
        "part_size": 8,
        "parts": [{"number": 1, "url": "http://127.0.0.1:8601/part", "done": False}],
    }


@pytest.mark.parametrize("body", [[], {"name": 3, "size": 1}, {"name": "a", "size": "1"}, {"name": "a", "size": -1}])
async def test_an_announcement_that_is_none_is_refused(served: Suite, body):
    answer = await json_of(served, "POST", "/o/durand/uploads", body)
    assert answer.status_code == 422
    assert "StartUpload" not in served.services.calls


@pytest.mark.parametrize("sent", ['{"name": "\\ud800", "size": 1}', "[" * 50_000, "{", "\xff"])
async def test_json_that_is_none_or_no_text_is_refused(served: Suite, sent):
    headers = {"X-CSRF": served.session.csrf, "Origin": ORIGIN, "Content-Type": "application/json"}
    answer = await served.client.post("/o/durand/uploads", content=sent.encode("latin-1"), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed_request")


async def test_a_form_announces_no_file(served: Suite):
    data = {"csrf": served.session.csrf, "name": "a.pdf", "size": "10"}
    answer = await served.client.post("/o/durand/uploads", data=data, headers={"Origin": ORIGIN})
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed_request")


async def test_too_many_uploads_are_said_with_what_to_do(served: Suite):
    served.services.answers["StartUpload"] = limit("too_many_uploads", uploads="20", gibibytes="20")
    answer = await json_of(served, "POST", "/o/durand/uploads", {"name": "a.pdf", "size": 10, "type": ""})
    assert answer.status_code == 409, "whoever sends files would try 429 again"
    assert answer.json()["detail"].startswith("you have 20 files or 20 GB under way, which is the most. Wait until")


async def test_a_refused_type_is_said_so_that_it_reads_on(served: Suite):
    error = invalid("type_refused", [Violation("media_type", "type_refused", {"type": "exe"})], type="exe")
    served.services.answers["StartUpload"] = error
    answer = await json_of(served, "POST", "/o/durand/uploads", {"name": "a.exe", "size": 10, "type": ""})
    assert (answer.status_code, answer.json()["detail"]) == (422, "this type of file is not accepted here")


async def test_a_closed_folder_is_said_in_words(client: Suite):
    client.services.answers["StartUpload"] = forbidden("deposits_closed")
    answer = await json_of(client, "POST", "/o/durand/uploads", {"name": "a.pdf", "size": 10, "type": ""})
    assert answer.status_code == 403
    assert "does not take deposits" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        (documents_pb2.UPLOAD_STATE_VERIFYING, "", {"state": "checking"}),
        (documents_pb2.UPLOAD_STATE_FILED, "", {"state": "filed", "href": f"/o/durand/documents/{DOCUMENT}"}),
        (
            documents_pb2.UPLOAD_STATE_REFUSED,
            "type_differs",
            {"state": "refused", "detail": "what is in the file is not what its name says"},
        ),
    ],
)  # fmt: skip
async def test_the_state_of_an_upload_is_said_in_words(served: Suite, state, reason, said):
    served.services.answers["GetUpload"] = documents_pb2.Upload(
        id=UPLOAD, state=state, reason=reason, document_id=DOCUMENT
    )
    assert (await json_of(served, "GET", f"/o/durand/uploads/{UPLOAD}")).json() == said


async def test_an_upload_that_is_complete_is_not_taken_up_again(served: Suite):
    served.services.answers["SignParts"] = documents_pb2.Upload(id=UPLOAD, state=documents_pb2.UPLOAD_STATE_FILED)
    assert (await json_of(served, "GET", f"/o/durand/uploads/{UPLOAD}/parts")).status_code == 404


async def test_a_store_that_is_down_can_be_tried_again(served: Suite):
    served.services.answers["CompleteUpload"] = unavailable("store_unavailable")
    answer = await json_of(served, "POST", f"/o/durand/uploads/{UPLOAD}/complete", {"parts": []})
    assert answer.status_code == 503


async def test_without_scripts_the_form_posts_to_the_store_and_comes_back_here(served: Suite):
    served.services.answers["StartFormUpload"] = lambda request: documents_pb2.FormUpload(
        id=UPLOAD,
        action="http://127.0.0.1:8601/parvis",
        fields={"policy": "signed", "success_action_redirect": request.return_url},
        max_size=1000,
    )
    shown = await served.get(FOLDER_PATH)
    chosen = await served.get(f"{FOLDER_PATH}/upload")
    assert f'<noscript><form method="post" action="{FOLDER_PATH}/upload">' in shown.text.replace("\n", "")
    assert f'<form method="post" action="{FOLDER_PATH}/upload">' in chosen.text
    assert "StartFormUpload" not in served.services.calls, "to open a page begins nothing"
    answer = await served.post(f"{FOLDER_PATH}/upload")
    assert 'action="http://127.0.0.1:8601/parvis"' in answer.text
    assert f"{ORIGIN}{FOLDER_PATH}/uploads/{UPLOAD}" in answer.text


async def test_a_client_is_told_that_a_folder_takes_no_deposits_before_choosing_a_file(client: Suite):
    folder = documents_pb2.Folder(template=documents_pb2.FolderTemplate(id=FOLDER, name="Factures"))
    client.services.answers["ListFolders"] = documents_pb2.ListFoldersResponse(folders=[folder])
    answer = await client.get(f"{FOLDER_PATH}/upload")
    assert answer.status_code == 403
    assert "does not take deposits" in text_of(answer)


#: Stores put their own parameters behind it.
RETURN = f"{FOLDER_PATH}/uploads/{UPLOAD}?bucket=parvis&key=incoming"


async def test_the_page_that_the_store_leads_to_completes_the_upload(served: Suite):
    served.services.answers["CompleteUpload"] = documents_pb2.Upload(
        state=documents_pb2.UPLOAD_STATE_FILED, name="a.pdf"
    )
    answer = await served.get(RETURN)
    assert answer.headers["location"] == FOLDER_PATH


@pytest.mark.parametrize(
    ("state", "status", "said"),
    [
        (documents_pb2.UPLOAD_STATE_VERIFYING, 200, "It is being checked"),
        (documents_pb2.UPLOAD_STATE_REFUSED, 422, "was not accepted"),
    ],
)
async def test_the_page_after_the_form_says_how_it_stands(served: Suite, state, status, said):
    served.services.answers["CompleteUpload"] = documents_pb2.Upload(state=state, reason="type_refused")
    answer = await served.get(RETURN)
    assert answer.status_code == status
    assert said in text_of(answer)
    assert ("refresh" in answer.headers) == (status == 200)
