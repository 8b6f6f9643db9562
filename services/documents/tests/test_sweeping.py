"""What nobody came back for."""

from datetime import timedelta
from uuid import UUID

from documents_stage import ME, PDF, send
from sqlalchemy import text

from parvis.documents.v1 import documents_pb2 as pb
from parvis.documents.v1 import events_pb2
from parvis_kit.errors import unavailable

NEVER = timedelta(days=1000)


async def due(suite, firm):
    async with suite.database.begin(ME, organisation_id=firm.id) as unit:
        await unit.execute(text("UPDATE upload_sweeps SET due_at = now() - interval '1 s' WHERE organisation_id = :o"),
                           {"o": firm.id})  # fmt: skip


async def started(firm, **fields):
    place = {"contact_id": str(firm.client), "folder_template_id": str(firm.folders["invoices"])}
    return await firm.manager.StartUpload(**place, name="a.pdf", size=len(PDF), **fields)


async def queued(suite, firm):
    return await suite.rows(firm.id, "SELECT 1 FROM upload_sweeps WHERE organisation_id = $1", firm.id)


async def test_an_upload_that_was_left_is_given_up_and_its_parts_removed(firm, suite, browser):
    upload = await started(firm)
    await send(upload, PDF)
    sweep = suite.sweep(NEVER)

    await due(suite, firm)
    await sweep.once()
    assert (await firm.manager.GetUpload(id=upload.id)).state == pb.UPLOAD_STATE_ABORTED
    await due(suite, firm)
    await sweep.once()

    assert (await browser.put(upload.parts[0].url, content=PDF)).status_code == 404
    assert not await queued(suite, firm)


async def test_the_object_of_a_completion_that_nobody_repeated_is_removed(firm, suite):
    upload = await started(firm)
    await send(upload, PDF)
    row = (await suite.rows(firm.id, "SELECT object_key, multipart_id FROM uploads"))[0]
    parts = await suite.objects.list_parts(row["object_key"], row["multipart_id"])
    await suite.objects.complete(row["object_key"], row["multipart_id"], parts)

    for _ in range(2):
        await due(suite, firm)
        await suite.sweep(NEVER).once()

    assert await suite.objects.size(row["object_key"]) is None


async def test_an_upload_that_is_not_due_is_left_alone(firm, suite):
    upload = await started(firm)

    await suite.sweep(NEVER).once()

    assert (await firm.manager.GetUpload(id=upload.id)).state == pb.UPLOAD_STATE_SENDING
    assert await queued(suite, firm)


async def test_an_object_that_the_store_keeps_holds_up_no_other_and_is_tried_again(firm, suite, monkeypatch):
    first, _ = [await started(firm) for _ in range(2)]
    await due(suite, firm)
    await suite.sweep(NEVER).once()
    await due(suite, firm)
    [row] = await suite.rows(firm.id, "SELECT object_key FROM uploads WHERE id = $1", UUID(first.id))
    remove = suite.objects.remove

    async def refuses_one(key):
        if key == row["object_key"]:
            raise unavailable("store_unavailable")
        await remove(key)

    monkeypatch.setattr(suite.objects, "remove", refuses_one)

    assert await suite.sweep(NEVER).once() == 1
    left = await suite.rows(firm.id, "SELECT upload_id FROM upload_sweeps WHERE organisation_id = $1", firm.id)
    assert [str(each["upload_id"]) for each in left] == [first.id]

    monkeypatch.undo()
    await due(suite, firm)
    await suite.sweep(NEVER).once()
    assert not await queued(suite, firm)


async def test_a_look_that_is_asked_for_meanwhile_is_not_forgotten(firm, suite, monkeypatch):
    upload = await started(firm)
    await due(suite, firm)
    await suite.sweep(NEVER).once()
    await due(suite, firm)
    remove = suite.objects.remove

    async def remove_while_somebody_completes(key):
        await remove(key)
        await due(suite, firm)

    monkeypatch.setattr(suite.objects, "remove", remove_while_somebody_completes)
    await suite.sweep(NEVER).once()

    [left] = await suite.rows(firm.id, "SELECT upload_id FROM upload_sweeps WHERE organisation_id = $1", firm.id)
    assert str(left["upload_id"]) == upload.id


async def test_a_filed_document_is_never_swept(firm, suite):
    await firm.filed()
    assert not await queued(suite, firm)
    form = await firm.portal.StartFormUpload(
        contact_id=str(firm.client),
        folder_template_id=str(firm.folders["deposits"]),
        return_url="http://localhost:8600/done",
    )
    import httpx

    async with httpx.AsyncClient() as client:
        await client.post(form.action, data=dict(form.fields), files={"file": ("a.pdf", PDF)})
    await firm.portal.CompleteUpload(id=form.id)
    await firm.decided(firm.portal, form.id)

    await due(suite, firm)
    await suite.sweep(NEVER).once()

    for row in await suite.rows(firm.id, "SELECT object_key, size FROM versions"):
        assert await suite.objects.size(row["object_key"]) == row["size"]
    assert not await queued(suite, firm)


async def test_a_verification_that_was_lost_is_asked_for_again(firm, suite):
    upload = await started(firm)
    await send(upload, PDF)
    row = (await suite.rows(firm.id, "SELECT object_key, multipart_id FROM uploads"))[0]
    parts = await suite.objects.list_parts(row["object_key"], row["multipart_id"])
    await suite.objects.complete(row["object_key"], row["multipart_id"], parts)
    async with suite.database.begin(ME, organisation_id=firm.id) as unit:
        await unit.execute(text("UPDATE uploads SET state = 'verifying'"))

    await due(suite, firm)
    await suite.sweep(NEVER).once()

    assert (await firm.decided(firm.manager, upload.id)).state == pb.UPLOAD_STATE_FILED
    assert len(await suite.told(firm.id, events_pb2.UploadCompleted)) == 1


async def test_parts_that_no_row_knows_are_removed_by_their_age(suite, objects):
    from datetime import UTC, datetime
    from uuid import uuid4

    key = f"organisations/{uuid4()}/{uuid4()}"
    multipart_id = await objects.create_multipart(key)

    assert await objects.abort_older(datetime.now(UTC) - timedelta(days=1)) == 0
    assert await objects.list_parts(key, multipart_id) == []


async def test_parts_that_no_row_knows_are_found_on_every_page(objects):
    from datetime import UTC, datetime
    from uuid import uuid4

    await objects.abort_older(datetime.now(UTC) + timedelta(days=1))
    left = [f"organisations/{uuid4()}/{uuid4()}" for _ in range(6)]
    left += left[:1]  # one key, two uploads
    for key in left:
        await objects.create_multipart(key)

    later = datetime.now(UTC) + timedelta(days=1)
    assert await objects.abort_older(later, page_size=2) == len(left)
    assert await objects.abort_older(later) == 0
