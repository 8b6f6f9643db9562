"""The way of a file into a folder."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from documents_stage import ME, PDF, digest, refusal, send

from parvis.documents.v1 import documents_pb2 as pb
from parvis.documents.v1 import events_pb2
from parvis_documents.domain import MEBIBYTE
from parvis_kit.errors import Kind, unavailable
from parvis_kit.ids import uuid7
from parvis_kit.testing import eventually

LONG = PDF + b"x" * (8 * MEBIBYTE + 1000)


def place(firm, folder="invoices"):
    return {"contact_id": str(firm.client), "folder_template_id": str(firm.folders[folder])}


async def test_a_file_becomes_a_document_with_the_bytes_that_were_sent(firm, browser):
    document_id = await firm.filed(name="Facture n° 12 – été.pdf", sha256=digest(PDF).upper())

    listed = await firm.manager.ListDocuments(contact_id=str(firm.client))
    assert [document.id for document in listed.documents] == [document_id]
    document = listed.documents[0]
    assert (document.name, document.media_type, document.size) == (
        "Facture n° 12 – été.pdf",
        "application/pdf",
        len(PDF),
    )
    assert (document.sha256, document.version, document.folder_name) == (digest(PDF), 1, "Factures")
    download = await firm.manager.GetDownload(id=document_id, inline=True)
    answer = await browser.get(download.url)
    assert answer.content == PDF
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].startswith('inline; filename="Facture n_ 12')
    assert (
        "filename*=UTF-8''Facture%20n%C2%B0%2012%20%E2%80%93%20%C3%A9t%C3%A9.pdf"
        in answer.headers["content-disposition"]
    )


async def test_an_upload_that_was_cut_is_resumed_with_the_parts_that_lack(firm):
    upload = await firm.manager.StartUpload(**place(firm), name="long.pdf", size=len(LONG))
    assert [part.size for part in upload.parts] == [8 * MEBIBYTE, len(LONG) - 8 * MEBIBYTE]
    await send(upload, LONG, numbers={2})

    cut = await refusal(firm.manager.CompleteUpload(id=upload.id))
    assert (cut.kind, cut.reason, cut.params["parts"]) == (Kind.PRECONDITION, "parts_missing", "1")

    resumed = await firm.manager.SignParts(id=upload.id)
    assert [(part.sent, bool(part.url)) for part in resumed.parts] == [(False, True), (True, False)]
    assert resumed.sent_bytes == len(LONG) - 8 * MEBIBYTE
    await send(resumed, LONG)
    await firm.manager.CompleteUpload(id=upload.id)
    filed = await firm.decided(firm.manager, upload.id)
    document = await firm.manager.GetDocument(id=filed.document_id)
    assert document.document.sha256 == digest(LONG)


async def test_the_store_takes_a_part_of_the_announced_size_only(firm, browser):
    upload = await firm.manager.StartUpload(**place(firm), name="a.pdf", size=len(PDF))

    for wrong in (PDF + b"more", PDF[:-1], b""):
        assert (await browser.put(upload.parts[0].url, content=wrong)).status_code == 403

    assert (await refusal(firm.manager.CompleteUpload(id=upload.id))).reason == "parts_missing"
    await send(upload, PDF)
    assert (await firm.manager.CompleteUpload(id=upload.id)).state == pb.UPLOAD_STATE_VERIFYING


async def test_parts_of_another_size_than_announced_are_not_completed(firm, suite, browser):
    upload = await firm.manager.StartUpload(**place(firm), name="a.pdf", size=len(PDF))
    row = (await suite.rows(firm.id, "SELECT object_key, multipart_id FROM uploads"))[0]
    longer = suite.objects.sign_part(row["object_key"], row["multipart_id"], 1, len(PDF) + 4)
    await browser.put(longer, content=PDF + b"more")

    error = await refusal(firm.manager.CompleteUpload(id=upload.id))

    assert (error.kind, error.reason) == (Kind.PRECONDITION, "size_differs")
    assert error.params == {"announced": str(len(PDF)), "found": str(len(PDF) + 4)}
    assert (await firm.manager.GetUpload(id=upload.id)).state == pb.UPLOAD_STATE_SENDING


@pytest.mark.parametrize(
    ("name", "data", "fields", "reason"),
    [
        ("a.pdf", PDF, {"sha256": digest(b"other")}, "checksum_differs"),
        ("a.pdf", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, {}, "type_differs"),
        ("a.pdf", b"only text", {}, "type_differs"),
        ("notes.txt", b"MZ\x90\x00\x03\x00\x00\x00" + b"\0" * 60, {}, "type_refused"),
        ("notes.txt", b"#!/bin/sh\nrm -rf /\n", {}, "type_refused"),
        ("notes.txt", b"  <!DOCTYPE html><html><script>alert(1)</script>", {}, "type_refused"),
        ("export.xml", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', {}, "type_refused"),
        ("unknown.dat", b"\x7fELF" + b"\0" * 60, {}, "type_refused"),
    ],
)
async def test_what_is_not_what_it_says_is_refused_and_removed(firm, suite, name, data, fields, reason):
    upload = await firm.file(name=name, data=data, **fields)

    assert (upload.state, upload.reason) == (pb.UPLOAD_STATE_REFUSED, reason)
    assert (await firm.manager.ListDocuments()).total == 0
    refused = await suite.told(firm.id, events_pb2.UploadRefused)
    assert [(event.upload_id, event.reason) for event in refused] == [(upload.id, reason)]
    row = (await suite.rows(firm.id, "SELECT object_key FROM uploads"))[0]

    async def removed():
        return await suite.objects.size(row["object_key"]) is None

    assert await eventually(removed)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": "virus.exe"}, "type_refused"),
        ({"name": "page.html"}, "type_refused"),
        ({"name": "logo.svg", "media_type": "image/svg+xml"}, "type_refused"),
        ({"name": "a", "media_type": "text/html"}, "type_refused"),
        ({"size": 0}, "size_refused"),
        ({"size": 1 << 60}, "size_refused"),
        ({"name": "../../etc/passwd"}, "name_refused"),
        ({"name": "a\x00.pdf"}, "name_refused"),
        ({"name": "facture\u202efdp.exe.pdf"}, "name_refused"),
        ({"name": " . "}, "name_refused"),
        ({"name": "é" * 130 + ".pdf"}, "name_refused"),
        ({"sha256": "abc"}, "checksum_malformed"),
    ],
)
async def test_what_cannot_be_accepted_is_refused_before_a_byte_is_sent(firm, fields, reason):
    error = await refusal(firm.manager.StartUpload(**{**place(firm), "name": "a.pdf", "size": 10, **fields}))

    assert (error.kind, error.reason) == (Kind.INVALID, reason)
    assert error.violations


async def test_a_folder_takes_only_the_types_that_it_names(firm):
    templates = await firm.manager.ListFolderTemplates()
    invoices = next(each for each in templates.templates if each.id == str(firm.folders["invoices"]))
    invoices.media_types[:] = ["application/pdf"]
    await firm.manager.SaveFolderTemplate(template=invoices)

    error = await refusal(firm.manager.StartUpload(**place(firm), name="a.png", size=10))

    assert error.reason == "type_refused"
    assert (await firm.file(name="a.pdf")).state == pb.UPLOAD_STATE_FILED


async def test_nothing_can_be_sent_after_completion(firm, browser):
    upload = await firm.manager.StartUpload(**place(firm), name="a.pdf", size=len(PDF))
    await send(upload, PDF)
    await firm.manager.CompleteUpload(id=upload.id)
    filed = await firm.decided(firm.manager, upload.id)

    answer = await browser.put(upload.parts[0].url, content=PDF[::-1])

    assert answer.status_code == 404
    download = await firm.manager.GetDownload(id=filed.document_id)
    assert (await browser.get(download.url)).content == PDF


async def test_concurrent_completions_make_one_document(firm, suite):
    upload = await firm.manager.StartUpload(**place(firm), name="a.pdf", size=len(PDF))
    await send(upload, PDF)

    answers = await asyncio.gather(*(firm.manager.CompleteUpload(id=upload.id) for _ in range(5)))

    assert {answer.state for answer in answers} <= {pb.UPLOAD_STATE_VERIFYING, pb.UPLOAD_STATE_FILED}
    await firm.decided(firm.manager, upload.id)
    assert (await firm.manager.ListDocuments()).total == 1
    assert len(await suite.told(firm.id, events_pb2.UploadCompleted)) == 1
    assert len(await suite.told(firm.id, events_pb2.DocumentFiled)) == 1


async def test_a_completion_that_was_killed_before_its_commit_is_completed_again(firm, suite):
    upload = await firm.manager.StartUpload(**place(firm), name="a.pdf", size=len(PDF))
    await send(upload, PDF)
    row = (await suite.rows(firm.id, "SELECT object_key, multipart_id FROM uploads"))[0]
    parts = await suite.objects.list_parts(row["object_key"], row["multipart_id"])
    await suite.objects.complete(row["object_key"], row["multipart_id"], parts)

    await firm.manager.CompleteUpload(id=upload.id)

    assert (await firm.decided(firm.manager, upload.id)).state == pb.UPLOAD_STATE_FILED


async def test_a_second_delivery_of_the_same_upload_files_nothing_more(firm, suite):
    upload = await firm.file()

    await suite.tell(firm.id, events_pb2.UploadCompleted(upload_id=upload.id))
    await suite.tell(firm.id, events_pb2.UploadCompleted(upload_id=str(uuid4())))

    query = (
        "SELECT 1 FROM inbox WHERE message_id IN (SELECT id FROM outbox WHERE organisation_id = $1) HAVING count(*) = 3"
    )
    await suite.eventually(firm.id, query, firm.id)
    assert (await firm.manager.ListDocuments()).total == 1
    assert len(await suite.told(firm.id, events_pb2.DocumentFiled)) == 1


async def test_an_upload_that_was_given_up_cannot_be_completed(firm, browser):
    upload = await firm.manager.StartUpload(**place(firm), name="a.pdf", size=len(PDF))

    assert (await firm.manager.AbortUpload(id=upload.id)).state == pb.UPLOAD_STATE_ABORTED

    assert (await browser.put(upload.parts[0].url, content=PDF)).status_code == 404
    assert (await firm.manager.CompleteUpload(id=upload.id)).state == pb.UPLOAD_STATE_ABORTED
    assert (await firm.manager.AbortUpload(id=upload.id)).state == pb.UPLOAD_STATE_ABORTED


async def test_a_filed_upload_cannot_be_given_up(firm):
    upload = await firm.file()

    error = await refusal(firm.manager.AbortUpload(id=upload.id))

    assert (error.kind, error.reason) == (Kind.PRECONDITION, "already_complete")


async def test_a_new_version_keeps_the_old_bytes_and_is_unread_again(firm, browser):
    document_id = await firm.filed(name="Contrat.pdf")
    await firm.portal.GetDownload(id=document_id)
    changed = PDF + b"% second version"

    upload = await firm.file(name="Contrat signé.pdf", data=changed, document_id=document_id)

    assert upload.document_id == document_id
    record = await firm.manager.GetDocument(id=document_id)
    assert [(version.number, version.sha256) for version in record.versions] == [(2, digest(changed)), (1, digest(PDF))]
    assert (record.document.name, record.document.version) == ("Contrat signé.pdf", 2)
    assert not record.document.HasField("opened_at")
    newest, first = (
        await firm.manager.GetDownload(id=document_id),
        await firm.manager.GetDownload(id=document_id, version=1),
    )
    assert (await browser.get(newest.url)).content == changed
    assert (await browser.get(first.url)).content == PDF
    assert first.name == "Contrat.pdf"


async def test_the_same_reference_of_a_service_is_the_same_upload_and_document(firm):
    reference = {"external_reference": "invoice:42", "built_in_folder": "invoices", "contact_id": str(firm.client)}
    fields = {**reference, "name": "F42.pdf", "size": len(PDF), "sha256": digest(PDF)}

    started = await asyncio.gather(*(firm.billing.StartUpload(**fields) for _ in range(4)))
    assert len({upload.id for upload in started}) == 1
    await send(started[0], PDF)
    await firm.billing.CompleteUpload(id=started[0].id)
    filed = await firm.decided(firm.billing, started[0].id)

    again = await firm.billing.StartUpload(**fields)
    assert (again.id, again.state, again.document_id) == (filed.id, pb.UPLOAD_STATE_FILED, filed.document_id)
    listed = await firm.manager.ListDocuments()
    assert [(document.external_reference, document.folder_name) for document in listed.documents] == [
        ("invoice:42", "Factures")
    ]

    error = await refusal(firm.manager.StartUpload(document_id=filed.document_id, name="F42.pdf", size=1))
    assert (error.kind, error.reason) == (Kind.PRECONDITION, "filed_by_a_service")


async def test_a_folder_that_takes_pictures_only_still_takes_what_a_service_files(firm):
    templates = (await firm.manager.ListFolderTemplates()).templates
    invoices = next(each for each in templates if each.id == str(firm.folders["invoices"]))
    invoices.media_types[:] = ["image/png"]
    await firm.manager.SaveFolderTemplate(template=invoices)
    reference = {"external_reference": "invoice:44", "built_in_folder": "invoices", "contact_id": str(firm.client)}

    upload = await firm.billing.StartUpload(**reference, name="F44.pdf", size=len(PDF))
    await send(upload, PDF)
    await firm.billing.CompleteUpload(id=upload.id)
    person = await refusal(firm.manager.StartUpload(**place(firm), name="a.pdf", size=1))

    assert (await firm.decided(firm.billing, upload.id)).state == pb.UPLOAD_STATE_FILED
    assert person.reason == "type_refused"


async def test_a_reference_whose_bytes_changed_before_they_were_sent_starts_anew(firm):
    fields = {"external_reference": "invoice:43", "built_in_folder": "invoices", "contact_id": str(firm.client)}
    first = await firm.billing.StartUpload(**fields, name="F43.pdf", size=10)

    second = await firm.billing.StartUpload(**fields, name="F43.pdf", size=len(PDF))

    assert second.id != first.id
    assert (await firm.billing.GetUpload(id=first.id)).state == pb.UPLOAD_STATE_ABORTED


async def test_a_person_cannot_use_a_reference(firm):
    error = await refusal(firm.manager.StartUpload(**place(firm), name="a.pdf", size=1, external_reference="x"))

    assert error.reason == "services_only"


async def test_a_plain_form_deposits_a_file(firm, browser, suite):
    form = await firm.portal.StartFormUpload(**place(firm, "deposits"), return_url="http://localhost:8600/o/a/u/1")
    early = await refusal(firm.portal.CompleteUpload(id=form.id))
    assert early.reason == "parts_missing"

    answer = await browser.post(form.action, data=dict(form.fields), files={"file": ("Relevé d'août.pdf", PDF)})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("http://localhost:8600/o/a/u/1")
    await firm.portal.CompleteUpload(id=form.id)
    upload = await firm.decided(firm.portal, form.id)

    record = await firm.manager.GetDocument(id=upload.document_id)
    assert (record.document.name, record.document.sha256, record.document.deposit) == (
        "Relevé d'août.pdf",
        digest(PDF),
        True,
    )

    async def removed():
        return not await suite.objects.find(f"incoming/{firm.id}/{form.id}/")

    assert await eventually(removed)


async def test_a_form_takes_one_file_of_its_size_at_its_place_and_returns_to_the_portal(firm, browser):
    for elsewhere in ("https://evil.example/", "https://[", "/", ""):
        foreign = await refusal(firm.portal.StartFormUpload(**place(firm, "deposits"), return_url=elsewhere))
        assert foreign.reason == "return_url_refused"

    form = await firm.portal.StartFormUpload(**place(firm, "deposits"), return_url="http://localhost:8600/done")
    fields = dict(form.fields)
    elsewhere = await browser.post(form.action, data={**fields, "key": "organisations/x"}, files={"file": ("a", PDF)})
    empty = await browser.post(form.action, data=fields, files={"file": ("a.pdf", b"")})
    to_evil = {**fields, "success_action_redirect": "https://evil.example/"}
    redirected = await browser.post(form.action, data=to_evil, files={"file": ("a.pdf", PDF)})

    assert elsewhere.status_code == 403
    assert empty.status_code == 400
    assert redirected.status_code == 403


async def test_a_form_with_a_refused_type_is_refused(firm, browser):
    form = await firm.portal.StartFormUpload(**place(firm, "deposits"), return_url="http://localhost:8600/done")
    await browser.post(form.action, data=dict(form.fields), files={"file": ("virus.exe", b"MZ")})

    upload = await firm.portal.CompleteUpload(id=form.id)

    assert (upload.state, upload.reason) == (pb.UPLOAD_STATE_REFUSED, "type_refused")


async def test_a_part_address_serves_its_part_its_method_and_its_host_only(firm, browser):
    upload = await firm.manager.StartUpload(**place(firm), name="long.pdf", size=len(LONG))
    url = upload.parts[1].url

    assert (await browser.get(url)).status_code == 403
    assert (await browser.put(url.replace("partNumber=2", "partNumber=1"), content=b"x")).status_code == 403
    assert (await browser.put(url, content=b"x", headers={"Host": "evil.example"})).status_code == 403
    assert (await browser.put(url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000"), content=b"x")).status_code == 403


async def test_a_contact_made_a_moment_ago_is_asked_for(firm, suite):
    from parvis.tenancy.v1 import tenancy_pb2

    contact_id = uuid7()
    suite.tenancy.contacts[contact_id] = tenancy_pb2.Contact(
        id=str(contact_id), kind=tenancy_pb2.CONTACT_KIND_CLIENT, name="Tout neuf", version=1
    )
    upload = await firm.manager.StartUpload(**{**place(firm), "contact_id": str(contact_id)}, name="a.pdf", size=1)

    assert upload.state == pb.UPLOAD_STATE_SENDING


class Slow:
    """A store that waits in front of one call until it is told to go on, or that is away for it."""

    def __init__(self, objects, call, monkeypatch, *, away=False):
        self.reached, self.go = asyncio.Event(), asyncio.Event()
        real = getattr(objects, call)

        async def slow(*arguments):
            self.reached.set()
            if away:
                raise unavailable("store_unavailable")
            await self.go.wait()
            return await real(*arguments)

        monkeypatch.setattr(objects, call, slow)


@pytest.mark.parametrize("call", ["create_multipart", "list_parts", "complete"])
async def test_a_slow_store_holds_no_connection(firm, suite, monkeypatch, call):
    upload = await firm.manager.StartUpload(**place(firm), name="a.pdf", size=len(PDF))
    await send(upload, PDF)
    slow = Slow(suite.objects, call, monkeypatch)
    asked = firm.manager.StartUpload(**place(firm), name="b.pdf", size=5)
    if call != "create_multipart":
        asked.close()
        asked = firm.manager.CompleteUpload(id=upload.id)
    running = asyncio.create_task(asked)
    await slow.reached.wait()

    query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"

    async def nobody_waits():  # but for the relay, for a moment
        return await suite.rows(firm.id, query) == []

    await eventually(nobody_waits, within=3)
    slow.go.set()
    assert (await running).state in {pb.UPLOAD_STATE_SENDING, pb.UPLOAD_STATE_VERIFYING}


async def test_a_store_that_removes_slowly_holds_no_connection(firm, suite, monkeypatch):
    slow = Slow(suite.objects, "remove", monkeypatch)
    upload = await firm.manager.StartUpload(**place(firm), name="a.pdf", size=len(PDF), sha256=digest(b"other"))
    await send(upload, PDF)
    await firm.manager.CompleteUpload(id=upload.id)
    await slow.reached.wait()

    async def all_are_back():
        return suite.database.connections.taken == 0

    await eventually(all_are_back, within=2)
    slow.go.set()


async def test_an_upload_that_the_store_did_not_take_is_given_up_at_once(firm, suite, monkeypatch):
    Slow(suite.objects, "create_multipart", monkeypatch, away=True)
    error = await refusal(firm.manager.StartUpload(**place(firm), name="a.pdf", size=len(PDF)))
    assert (error.kind, error.reason) == (Kind.UNAVAILABLE, "store_unavailable")
    assert [row["state"] for row in await suite.rows(firm.id, "SELECT state FROM uploads")] == ["aborted"]


async def test_a_completion_that_the_store_did_not_take_can_be_repeated_at_once(firm, suite, monkeypatch):
    upload = await firm.manager.StartUpload(**place(firm), name="a.pdf", size=len(PDF))
    await send(upload, PDF)
    with monkeypatch.context() as patch:
        Slow(suite.objects, "complete", patch, away=True)
        assert (await refusal(firm.manager.CompleteUpload(id=upload.id))).kind is Kind.UNAVAILABLE
    assert (await firm.manager.CompleteUpload(id=upload.id)).state == pb.UPLOAD_STATE_VERIFYING


async def test_what_is_being_completed_is_neither_aborted_nor_swept(firm, suite, monkeypatch):
    upload = await firm.manager.StartUpload(**place(firm), name="a.pdf", size=len(PDF))
    await send(upload, PDF)
    slow = Slow(suite.objects, "complete", monkeypatch)
    running = asyncio.create_task(firm.manager.CompleteUpload(id=upload.id))
    await slow.reached.wait()

    assert (await refusal(firm.manager.AbortUpload(id=upload.id))).reason == "already_complete"
    async with suite.database.begin(ME, organisation_id=firm.id) as unit:
        await unit.fetch("UPDATE upload_sweeps SET due_at = now() - interval '1 s' WHERE upload_id = $1", upload.id)
    await suite.sweep(timedelta(days=1000)).once()
    assert (await firm.manager.GetUpload(id=upload.id)).state == pb.UPLOAD_STATE_SENDING
    slow.go.set()
    assert (await running).state == pb.UPLOAD_STATE_VERIFYING


async def test_a_service_goes_on_with_an_upload_whose_start_was_killed_before_the_store(firm, suite):
    fields = {"name": "f.pdf", "size": len(PDF), "built_in_folder": "invoices", "external_reference": "invoice:k"}
    first = await firm.billing.StartUpload(contact_id=str(firm.client), **fields)
    async with suite.database.begin(ME, organisation_id=firm.id) as unit:
        await unit.fetch("UPDATE uploads SET multipart_id = '' WHERE id = $1", first.id)

    again = await asyncio.gather(*(firm.billing.StartUpload(contact_id=str(firm.client), **fields) for _ in range(3)))

    assert {upload.id for upload in again} == {first.id}
    await send(again[0], PDF)
    assert (await firm.billing.CompleteUpload(id=first.id)).state == pb.UPLOAD_STATE_VERIFYING


async def test_a_person_has_so_many_uploads_under_way_and_no_more(firm):
    started = [await firm.manager.StartUpload(**place(firm), name=f"{n}.pdf", size=5) for n in range(18)]
    started += [
        await firm.manager.StartFormUpload(**place(firm), return_url="http://localhost:8600/") for _ in range(2)
    ]
    for call in (
        firm.manager.StartUpload(**place(firm), name="more.pdf", size=5),
        firm.manager.StartFormUpload(**place(firm), return_url="http://localhost:8600/"),
    ):
        error = await refusal(call)
        assert (error.kind, error.reason) == (Kind.LIMIT, "too_many_uploads")
        assert error.params == {"uploads": "20", "gibibytes": "20"}
    await firm.adviser.StartUpload(**place(firm), name="of somebody else.pdf", size=5)
    await firm.manager.AbortUpload(id=started[0].id)
    at_once = (firm.manager.StartUpload(**place(firm), name=f"again {n}.pdf", size=5) for n in range(3))
    answers = await asyncio.gather(*at_once, return_exceptions=True)
    assert len([each for each in answers if isinstance(each, pb.Upload)]) == 1


async def test_a_person_has_so_many_bytes_announced_and_no_more(firm):
    for number in range(4):
        await firm.portal.StartUpload(**place(firm, "deposits"), name=f"{number}.zip", size=5 << 30)
    error = await refusal(firm.portal.StartUpload(**place(firm, "deposits"), name="more.zip", size=1))
    assert (error.kind, error.reason) == (Kind.LIMIT, "too_many_uploads")


async def test_a_service_has_no_such_limit(firm):
    for number in range(21):
        await firm.billing.StartUpload(
            contact_id=str(firm.client),
            built_in_folder="invoices",
            name="f.pdf",
            size=5,
            external_reference=f"i:{number}",
        )


async def test_a_refused_upload_does_not_keep_its_reference(firm):
    fields = {"name": "f.pdf", "size": len(PDF), "built_in_folder": "invoices", "external_reference": "invoice:r",
              "contact_id": str(firm.client)}  # fmt: skip
    wrong = await firm.billing.StartUpload(**fields, sha256=digest(b"other"))
    await send(wrong, PDF)
    await firm.billing.CompleteUpload(id=wrong.id)
    assert (await firm.decided(firm.billing, wrong.id)).state == pb.UPLOAD_STATE_REFUSED

    again = await firm.billing.StartUpload(**fields, sha256=digest(PDF))
    await send(again, PDF)
    await firm.billing.CompleteUpload(id=again.id)

    assert again.id != wrong.id
    assert (await firm.decided(firm.billing, again.id)).state == pb.UPLOAD_STATE_FILED
