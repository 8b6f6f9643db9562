"""Settings of folders (S4): what the form sends, and what is said when it cannot be saved."""

from parvis.documents.v1 import documents_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Violation, conflict, invalid
from parvis_web.testing import Suite, text_of

FOLDER = "0192f000-0000-7000-8000-0000000000a1"
PATH = f"/o/durand/settings/folders/{FOLDER}"
FORM = {"name": "Factures", "audience": "client", "notify_to": "billing", "link_to": "invoices", "version": "3"}


async def test_every_setting_is_sent(suite: Suite):
    typed = FORM | {"portal": "1", "deposits": "1", "notification": "1", "signature": "right", "types": "pdf"}
    answer = await suite.post(PATH, typed)
    assert answer.status_code == 303
    sent = suite.services.last("SaveFolderTemplate").template
    assert (sent.portal, sent.deposits, sent.notification) == (True, True, True)
    assert sent.signature == documents_pb2.SIGNATURE_SIDE_RIGHT
    assert sent.notify_to == documents_pb2.NOTIFY_TO_BILLING
    assert sent.link_to == documents_pb2.LINK_TARGET_INVOICES
    assert list(sent.media_types) == ["application/pdf"]
    assert sent.version == 3


async def test_a_type_that_the_form_does_not_offer_survives(suite: Suite):
    folder = documents_pb2.FolderTemplate(id=FOLDER, name="Plans", media_types=["application/pdf", "image/vnd.dwg"])
    suite.services.answers["ListFolderTemplates"] = documents_pb2.ListFolderTemplatesResponse(templates=[folder])
    answer = await suite.get(PATH)
    assert 'value="image/vnd.dwg"' in answer.text
    await suite.post(PATH, FORM | {"types": "pdf", "other_types": "image/vnd.dwg"})
    sent = suite.services.last("SaveFolderTemplate").template
    assert list(sent.media_types) == ["application/pdf", "image/vnd.dwg"]


async def test_deposits_without_the_portal_are_refused_at_the_field(suite: Suite):
    suite.services.answers["SaveFolderTemplate"] = invalid("folder", [Violation("deposits", "deposits_need_portal")])
    answer = await suite.post(PATH, FORM | {"deposits": "1"})
    assert answer.status_code == 422
    assert 'href="#f-deposits"' in answer.text


async def test_when_somebody_was_faster_what_was_typed_is_kept(suite: Suite):
    suite.services.answers["SaveFolderTemplate"] = conflict("stale_version", version="9")
    answer = await suite.post(PATH, FORM)
    assert answer.status_code == 422
    assert 'name="version" value="9"' in answer.text
    assert 'value="Factures"' in answer.text


async def test_the_list_is_of_one_audience(suite: Suite):
    answer = await suite.get("/o/durand/settings/folders?audience=employee")
    assert suite.services.last("ListFolderTemplates").audience == tenancy_pb2.CONTACT_KIND_EMPLOYEE
    assert "No folder for them yet" in text_of(answer)


async def test_a_folder_of_nobody_is_not_found(suite: Suite):
    assert (await suite.get(PATH)).status_code == 404
