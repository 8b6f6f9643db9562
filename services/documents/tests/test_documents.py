"""Lists, opened marks, deposits, the home page."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest
from documents_stage import ME, PDF, refusal, send
from sqlalchemy.exc import DBAPIError

from parvis.documents.v1 import documents_pb2 as pb
from parvis.documents.v1 import events_pb2
from parvis_kit import paging
from parvis_kit.errors import Kind
from parvis_kit.ids import uuid7
from parvis_watch.metrics import STATEMENTS


@pytest.fixture
async def deposit_id(firm):
    return await firm.filed(someone=firm.portal, folder="deposits", name="Relevé bancaire.pdf")


async def test_pages_are_newest_first_and_complete(firm):
    ids = [await firm.filed(name=f"Facture {number}.pdf") for number in range(5)]
    seen, token = [], ""
    while True:
        page = await firm.portal.ListDocuments(page_size=2, page_token=token)
        assert page.total == 5
        seen += [document.id for document in page.documents]
        token = page.next_page_token
        if not token:
            break

    assert seen == ids[::-1]


async def test_a_cursor_that_is_none_is_refused(firm):
    far = (str(paging.Cursor(key, UUID(int=1), 1)) for key in ("", "yesterday", "9" * 30))
    for token in ("nonsense", "AAAA", "é", *far):
        error = await refusal(firm.manager.ListDocuments(page_token=token))
        assert (error.kind, [each.field for each in error.violations]) == (Kind.INVALID, ["page_token"])


async def test_lists_are_narrowed_by_folder_name_and_what_is_unread(firm):
    invoice = await firm.filed(name="Facture d'Été.pdf")
    contract = await firm.filed(name="Contrat.pdf", folder="contracts")
    await firm.portal.GetDownload(id=contract)

    async def listed(**fields):
        return [each.id for each in (await firm.portal.ListDocuments(**fields)).documents]

    assert await listed(folder_template_id=str(firm.folders["contracts"])) == [contract]
    assert await listed(query="ETE") == [invoice]
    assert await listed(query="100%_") == []
    assert await listed(unread_only=True) == [invoice]
    assert await listed(contact_id=str(firm.other_client)) == []


async def test_the_first_opening_of_a_contact_is_kept_and_told_once(firm, suite):
    document_id = await firm.filed()
    assert (await firm.portal.ListDocuments()).documents[0].unread
    assert not (await firm.manager.GetDocument(id=document_id)).document.HasField("opened_at")
    async with suite.database.begin(ME, organisation_id=firm.id) as unit:
        from parvis_documents.store.contacts import save_person

        await save_person(unit, firm.portal.caller.membership_id, name="Yann Kerautret", version=1)

    await firm.manager.GetDownload(id=document_id)
    for _ in range(3):
        await firm.portal.GetDownload(id=document_id, inline=True)

    record = await firm.manager.GetDocument(id=document_id)
    assert record.document.HasField("opened_at")
    assert [(opening.name, opening.version) for opening in record.openings] == [("Yann Kerautret", 1)]
    assert not (await firm.portal.GetDocument(id=document_id)).openings
    assert not (await firm.portal.ListDocuments()).documents[0].unread
    opened = await suite.told(firm.id, events_pb2.DocumentOpened)
    assert [(event.document_id, event.contact_id, event.version) for event in opened] == [
        (document_id, str(firm.client), 1)
    ]


async def test_one_reading_in_the_page_is_one_mark_however_often_its_bytes_are_asked_for(firm, suite):
    document_id = await firm.filed()
    await asyncio.gather(*(firm.portal.GetDownload(id=document_id, inline=True) for _ in range(6)))
    await asyncio.gather(*(firm.manager.GetDownload(id=document_id, inline=True) for _ in range(6)))
    query = "SELECT act, count(*) AS times FROM audit WHERE target_id = $1 GROUP BY act"

    async def marks():
        rows = await suite.rows(firm.id, query, document_id)
        return {row["act"]: row["times"] for row in rows if row["act"] != "document.filed"}

    assert await marks() == {"document.read": 2, "document.opened": 1}
    assert len(await suite.told(firm.id, events_pb2.DocumentOpened)) == 1

    firm.portal.caller = replace(firm.portal.caller, session_id=uuid7())
    await firm.portal.GetDownload(id=document_id, inline=True)
    await firm.portal.GetDownload(id=document_id)
    await firm.portal.GetDownload(id=document_id)
    assert await marks() == {"document.read": 3, "document.opened": 1, "document.downloaded": 2}


async def test_whoever_views_as_somebody_else_opens_nothing(firm, suite):
    document_id = await firm.filed()
    firm.portal.caller = replace(firm.portal.caller, actor=firm.manager.caller.account_id)

    with pytest.raises(DBAPIError, match="read-only transaction"):
        await firm.portal.GetDownload(id=document_id)

    assert not (await firm.manager.GetDocument(id=document_id)).document.HasField("opened_at")
    assert await suite.told(firm.id, events_pb2.DocumentOpened) == []


async def test_a_deposit_is_told_to_the_advisers_and_unread_until_the_firm_opens_it(firm, suite, deposit_id):
    received = await suite.told(firm.id, events_pb2.DepositReceived)
    assert [event.adviser_ids[:] for event in received] == [[str(firm.adviser.caller.membership_id)]]
    assert received[0].document.deposit
    assert await suite.told(firm.id, events_pb2.DocumentFiled) == []
    assert (await firm.adviser.GetOverview()).unread_total == 1
    assert (await firm.portal.GetOverview()).unread_total == 0
    folder = next(
        each for each in (await firm.adviser.ListFolders(contact_id=str(firm.client))).folders if each.template.deposits
    )
    assert (folder.documents, folder.unread) == (1, 1)

    await firm.portal.GetDownload(id=deposit_id)
    assert (await firm.adviser.GetOverview()).unread_total == 1
    await firm.adviser.GetDownload(id=deposit_id)

    assert (await firm.adviser.GetOverview()).unread_total == 0
    assert not (await firm.adviser.ListDocuments()).documents[0].unread


async def test_a_deposit_gets_no_version_from_the_firm(firm, deposit_id):
    error = await refusal(firm.manager.StartUpload(document_id=deposit_id, name="a.pdf", size=1))

    assert (error.kind, error.reason) == (Kind.PRECONDITION, "deposit_has_no_versions")


async def test_what_is_filed_is_told_with_the_folders_settings(firm, suite):
    document_id = await firm.filed()

    told = (await suite.told(firm.id, events_pb2.DocumentFiled))[0]

    assert (told.document.id, told.document.contact_name) == (document_id, "Menuiserie Kerautret")
    assert told.document.unread
    assert (told.folder.notification, told.folder.notify_to) == (True, pb.NOTIFY_TO_BILLING)


async def test_the_home_page_shows_five_unread_and_five_recent_in_two_statements(firm):
    ids = [await firm.filed(name=f"{number}.pdf") for number in range(6)]
    await firm.portal.GetDownload(id=ids[5])
    before = sum(STATEMENTS.labels(origin)._value.get() for origin in ("request", "background"))

    overview = await firm.portal.GetOverview()

    after = sum(STATEMENTS.labels(origin)._value.get() for origin in ("request", "background"))
    assert [document.id for document in overview.unread] == ids[4::-1]
    assert overview.unread_total == 5
    assert [document.id for document in overview.recent] == ids[5:0:-1]
    assert after - before <= 2


async def test_staff_without_the_right_to_read_have_an_empty_home(firm, deposit_id):
    nobody = firm.staff(rights=())

    assert (await nobody.GetOverview()).unread_total == 0


async def test_a_download_expires_and_serves_its_method_its_host_and_its_object_only(firm, browser):
    from datetime import UTC, datetime, timedelta

    document_id = await firm.filed()
    download = await firm.manager.GetDownload(id=document_id)
    left = download.expires_at.ToDatetime(UTC) - datetime.now(UTC)
    assert timedelta(seconds=50) < left <= timedelta(seconds=60)
    assert "X-Amz-Expires=60&" in download.url

    assert (await browser.put(download.url, content=b"x")).status_code == 403
    assert (await browser.delete(download.url)).status_code == 403
    assert (await browser.get(download.url, headers={"Host": "evil.example"})).status_code == 403
    assert (await browser.get(download.url.replace("attachment", "inline"))).status_code == 403
    assert (await browser.get(download.url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"))).status_code == 403
    answer = await browser.get(download.url)
    assert (answer.content, answer.headers["content-disposition"].partition(";")[0]) == (PDF, "attachment")


async def test_an_expired_address_is_refused(objects, firm, browser, suite):
    from datetime import timedelta

    await firm.filed()
    key = (await suite.rows(firm.id, "SELECT object_key FROM versions"))[0]["object_key"]
    url = objects._outside.get_presigned_url("GET", "parvis-test", key, expires=timedelta(seconds=1))
    import asyncio

    await asyncio.sleep(2.1)

    assert (await browser.get(url)).status_code == 403


async def test_only_safe_types_are_shown_in_the_page(firm, browser):
    word = b"PK\x03\x04" + b"\0" * 26 + b"[Content_Types].xml" + b"\0" * 40
    document_id = await firm.filed(name="Lettre.docx", data=word)

    answer = await browser.get((await firm.portal.GetDownload(id=document_id, inline=True)).url)

    assert answer.headers["content-disposition"].startswith("attachment;")


async def test_every_act_leaves_its_trace(firm, suite):
    document_id = await firm.filed()
    await firm.portal.GetDownload(id=document_id)
    upload = await firm.manager.StartUpload(
        contact_id=str(firm.client), folder_template_id=str(firm.folders["invoices"]), name="a.txt", size=2
    )
    await send(upload, b"\0\1")
    await firm.manager.CompleteUpload(id=upload.id)
    await firm.decided(firm.manager, upload.id)

    acts = [row["act"] for row in await suite.rows(firm.id, "SELECT act FROM audit ORDER BY at, id")]

    assert sorted(acts) == sorted([
        "upload.started", "upload.completed", "document.filed", "document.downloaded", "document.opened",
        "upload.started", "upload.completed", "upload.refused",
    ])  # fmt: skip
