"""Who sees and does what: the rightful caller succeeds, each wrong one does not, with the same identifiers."""

import pytest
from documents_stage import PDF, refusal

from parvis.documents.v1 import documents_pb2 as pb
from parvis_kit.errors import Kind
from parvis_kit.grants import ALL
from parvis_kit.ids import uuid7


@pytest.fixture
async def document_id(firm):
    return await firm.filed()


def wrong_readers(firm, other):
    invoices, contracts = firm.folders["invoices"], firm.folders["contracts"]
    return {
        "another organisation's manager": other.manager,
        "another organisation's service": other.billing,
        "staff out of scope": firm.staff(frozenset({uuid7()})),
        "staff without advisers": firm.staff(frozenset()),
        "a portal access of another contact": firm.access({firm.other_client: None}),
        "a portal access limited to another folder": firm.access({firm.client: frozenset({contracts})}),
        "a portal access of another contact with that folder": firm.access({firm.other_client: frozenset({invoices})}),
        "a portal access without contacts": firm.access({}),
        "a portal access of another organisation with this contact": other.access({firm.client: None}),
    }


async def test_rightful_readers_see_a_document(firm, document_id):
    readers = [
        firm.manager,
        firm.adviser,
        firm.portal,
        firm.access({firm.client: frozenset({firm.folders["invoices"]})}),
    ]
    for reader in readers:
        assert (await reader.GetDocument(id=document_id)).document.id == document_id
        assert [each.id for each in (await reader.ListDocuments()).documents] == [document_id]
        assert (await reader.GetDownload(id=document_id)).url


async def test_wrong_readers_see_nothing(firm, make_firm, document_id):
    for who, reader in wrong_readers(firm, await make_firm()).items():
        for call in (reader.GetDocument(id=document_id), reader.GetDownload(id=document_id)):
            error = await refusal(call)
            assert (error.kind, error.reason) == (Kind.NOT_FOUND, "document"), who
        listed = await reader.ListDocuments(contact_id=str(firm.client))
        assert (listed.total, len(listed.documents)) == (0, 0), who
        assert (await reader.GetOverview()).unread_total == 0, who
        assert not (await reader.GetOverview()).recent, who


async def test_a_portal_access_loses_sight_of_a_folder_that_is_no_longer_shared(firm, document_id):
    templates = (await firm.manager.ListFolderTemplates()).templates
    invoices = next(each for each in templates if each.id == str(firm.folders["invoices"]))
    invoices.portal = False
    await firm.manager.SaveFolderTemplate(template=invoices)

    assert (await refusal(firm.portal.GetDocument(id=document_id))).kind is Kind.NOT_FOUND
    assert (await firm.portal.ListDocuments()).total == 0
    folders = (await firm.portal.ListFolders(contact_id=str(firm.client))).folders
    assert "Factures" not in {folder.template.name for folder in folders}
    assert (await firm.manager.GetDocument(id=document_id)).document.shared is False


async def test_folders_of_a_contact_are_not_found_by_wrong_readers(firm, make_firm):
    other = await make_firm()
    limited = firm.access({firm.client: frozenset({firm.folders["contracts"]})})
    for reader in (other.manager, firm.staff(frozenset({uuid7()})), firm.access({firm.other_client: None})):
        error = await refusal(reader.ListFolders(contact_id=str(firm.client)))
        assert (error.kind, error.reason) == (Kind.NOT_FOUND, "contact")
    names = [folder.template.name for folder in (await limited.ListFolders(contact_id=str(firm.client))).folders]
    assert names == ["Contrats"]
    assert len((await firm.manager.ListFolders(contact_id=str(firm.client))).folders) == 6


async def test_a_document_by_id_is_for_the_services_of_its_organisation(firm, make_firm, document_id):
    mine = await firm.billing.BatchGetDocuments(ids=[document_id, str(uuid7())])
    assert [document.id for document in mine.documents] == [document_id]
    other = await make_firm()
    assert not (await other.billing.BatchGetDocuments(ids=[document_id])).documents
    assert (await refusal(firm.billing.BatchGetDocuments(ids=[document_id] * 201))).reason == "too_many"


async def start(someone, firm, folder="invoices", **fields):
    place = {"contact_id": str(firm.client), "folder_template_id": str(firm.folders[folder])}
    return await someone.StartUpload(**{**place, "name": "a.pdf", "size": len(PDF), **fields})


async def test_whoever_may_file_starts_an_upload(firm):
    for someone in (firm.manager, firm.adviser, firm.billing):
        assert (await start(someone, firm)).state == pb.UPLOAD_STATE_SENDING
    assert (await start(firm.portal, firm, "deposits")).state == pb.UPLOAD_STATE_SENDING


async def test_who_does_not_see_the_folder_finds_none_to_file_into(firm, make_firm):
    for who, someone in wrong_readers(firm, await make_firm()).items():
        error = await refusal(start(someone, firm))
        assert (error.kind, error.reason) == (Kind.NOT_FOUND, "folder"), who


async def test_staff_who_see_but_may_not_file_are_told_so(firm):
    reader = firm.staff(ALL)
    reader.grants.rights["documents.file"] = frozenset({uuid7()})

    error = await refusal(start(reader, firm))

    assert (error.kind, error.reason, error.params) == (Kind.FORBIDDEN, "out_of_scope", {"right": "documents.file"})


async def test_a_portal_access_files_only_where_deposits_are_open(firm):
    closed = await refusal(start(firm.portal, firm))
    assert (closed.kind, closed.reason) == (Kind.FORBIDDEN, "deposits_closed")
    limited = firm.access({firm.client: frozenset({firm.folders["invoices"]})})
    assert (await refusal(start(limited, firm, "deposits"))).kind is Kind.NOT_FOUND
    foreign = await refusal(start(firm.portal, firm, "deposits", contact_id=str(firm.other_client)))
    assert foreign.kind is Kind.NOT_FOUND


async def test_a_portal_access_adds_no_version(firm, document_id, make_firm):
    error = await refusal(start(firm.portal, firm, document_id=document_id))
    assert (error.kind, error.reason) == (Kind.FORBIDDEN, "right_missing")
    unseen = await refusal(start((await make_firm()).manager, firm, document_id=document_id))
    assert (unseen.kind, unseen.reason) == (Kind.NOT_FOUND, "document")


async def test_a_folder_of_another_audience_is_no_folder_of_a_contact(firm):
    error = await refusal(start(firm.manager, firm, contact_id=str(firm.employee)))

    assert (error.kind, error.reason) == (Kind.NOT_FOUND, "folder")


async def test_an_upload_belongs_to_whoever_started_it(firm, make_firm):
    upload = await start(firm.adviser, firm)
    other = await make_firm()
    for someone in (firm.manager, firm.portal, firm.billing, other.manager, other.billing):
        for call in (someone.GetUpload, someone.SignParts, someone.CompleteUpload, someone.AbortUpload):
            error = await refusal(call(id=upload.id))
            assert (error.kind, error.reason) == (Kind.NOT_FOUND, "upload")
    assert (await firm.adviser.GetUpload(id=upload.id)).id == upload.id


async def test_whoever_lost_the_contact_cannot_finish_an_upload(firm):
    upload = await start(firm.adviser, firm)
    firm.adviser.grants.rights["documents.file"] = frozenset()
    firm.adviser.grants.rights["documents.read"] = frozenset()

    for call in (firm.adviser.SignParts, firm.adviser.CompleteUpload):
        assert (await refusal(call(id=upload.id))).kind is Kind.NOT_FOUND
