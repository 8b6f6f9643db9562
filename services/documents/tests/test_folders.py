"""Folder templates and what tenancy tells."""

import asyncio
from uuid import UUID

import pytest
from documents_stage import refusal

from parvis.documents.v1 import documents_pb2 as pb
from parvis.documents.v1 import events_pb2
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis.tenancy.v1 import tenancy_pb2
from parvis_documents.store import folders as folder_store
from parvis_kit.errors import Kind
from parvis_kit.ids import uuid7


async def named(firm, name, audience=tenancy_pb2.CONTACT_KIND_CLIENT):
    found = await firm.manager.ListFolderTemplates(audience=audience)
    return next(each for each in found.templates if each.name == name)


async def test_an_organisation_that_appears_gets_the_folders_that_ship(suite):
    provider, customer = uuid7(), uuid7()
    event = tenancy_events.OrganisationChanged(organisation=tenancy_pb2.Organisation(id=str(customer), version=1))
    await suite.tell(provider, event, aggregate_id=customer, version=1)
    await suite.tell(customer, event, aggregate_id=customer, version=2)

    rows = await suite.eventually(customer, "SELECT audience, name, deposits FROM folder_templates ORDER BY position")

    assert [row["name"] for row in rows if row["audience"] == "client"] == [
        "Contrats à signer", "Devis à signer", "Contrats", "Devis", "Factures", "Pièces à nous transmettre",
    ]  # fmt: skip
    assert {row["audience"] for row in rows} == {"client", "employee", "supplier"}
    assert await suite.rows(provider, "SELECT 1 FROM folder_templates") == []


async def test_every_template_is_told_once_when_it_ships_and_whenever_it_changes(suite, firm):
    organisation_id = uuid7()
    event = tenancy_events.OrganisationChanged(organisation=tenancy_pb2.Organisation(id=str(organisation_id)))
    await asyncio.gather(*(suite.tell(organisation_id, event, aggregate_id=organisation_id) for _ in range(4)))
    rows = await suite.eventually(organisation_id, "SELECT id::text, portal FROM folder_templates")
    await asyncio.sleep(0.3)
    told = await suite.told(organisation_id, events_pb2.FolderTemplateChanged)
    assert sorted((each.template.id, each.template.portal) for each in told) == sorted(map(tuple, rows))

    invoices = await named(firm, "Factures")
    invoices.portal = False
    saved = await firm.manager.SaveFolderTemplate(template=invoices)
    told = await suite.told(firm.id, events_pb2.FolderTemplateChanged)
    assert [each.template for each in told] == [saved]
    query = "SELECT version FROM outbox WHERE aggregate_id = $1"
    assert [row["version"] for row in await suite.rows(firm.id, query, UUID(saved.id))] == [2]


async def test_invoices_are_shared_announced_and_go_to_the_billing_address(firm):
    invoices = await named(firm, "Factures")

    assert (invoices.portal, invoices.notification, invoices.deposits) == (True, True, False)
    assert (invoices.notify_to, invoices.link_to) == (pb.NOTIFY_TO_BILLING, pb.LINK_TARGET_DOCUMENT)
    assert (invoices.built_in, invoices.path) == ("invoices", "CLIENTS/Factures")


async def test_settings_are_saved_with_the_version_that_was_read(firm):
    invoices = await named(firm, "Factures")
    invoices.notification = False
    invoices.link_to = pb.LINK_TARGET_INVOICES

    saved = await firm.manager.SaveFolderTemplate(template=invoices)

    assert (saved.version, saved.notification, saved.link_to) == (2, False, pb.LINK_TARGET_INVOICES)
    assert await named(firm, "Factures") == saved
    stale = await refusal(firm.manager.SaveFolderTemplate(template=invoices))
    assert (stale.kind, stale.reason) == (Kind.CONFLICT, "stale_version")


@pytest.mark.parametrize(
    ("others", "reason"),
    [({}, "name_taken"), ({"audience": tenancy_pb2.CONTACT_KIND_EMPLOYEE, "path": "CLIENTS/Bilans"}, "path_taken")],
)
async def test_of_two_who_save_one_name_or_path_at_one_instant_one_is_told_that_it_is_taken(
    firm, monkeypatch, others, reason
):
    looked = asyncio.Barrier(2)
    templates = folder_store.templates

    async def look_together(unit, audience=None):
        found = await templates(unit, audience)
        if audience is None:
            await looked.wait()
        return found

    monkeypatch.setattr(folder_store, "templates", look_together)
    first = pb.FolderTemplate(name="Bilans", audience=tenancy_pb2.CONTACT_KIND_CLIENT)
    second = pb.FolderTemplate(name="Bilans", audience=tenancy_pb2.CONTACT_KIND_CLIENT)
    second.MergeFrom(pb.FolderTemplate(**others))
    calls = (firm.staff().SaveFolderTemplate(template=each) for each in (first, second))
    answers = await asyncio.gather(*calls, return_exceptions=True)

    [error] = [each for each in answers if isinstance(each, Exception)]
    assert (error.kind, error.reason) == (Kind.CONFLICT, reason)


async def test_a_firm_makes_a_folder_of_its_own(firm):
    made = await firm.manager.SaveFolderTemplate(
        template=pb.FolderTemplate(name=" Bilans ", audience=tenancy_pb2.CONTACT_KIND_CLIENT, portal=True)
    )

    assert (made.name, made.path, made.built_in, made.version) == ("Bilans", "CLIENTS/Bilans", "", 1)
    folders = (await firm.portal.ListFolders(contact_id=str(firm.client))).folders
    assert folders[-1].template == made


@pytest.mark.parametrize(
    ("fields", "kind", "reason", "field"),
    [
        ({"name": "FACTURES"}, Kind.CONFLICT, "name_taken", None),
        ({"name": "Autre", "path": "clients/factures"}, Kind.CONFLICT, "path_taken", None),
        ({"name": ""}, Kind.INVALID, "folder", "name"),
        ({"name": "a/b"}, Kind.INVALID, "folder", "name"),
        ({"name": "Autre", "path": "A//B"}, Kind.INVALID, "folder", "path"),
        ({"name": "Autre", "deposits": True}, Kind.INVALID, "folder", "deposits"),
        ({"name": "Autre", "media_types": ["pdf"]}, Kind.INVALID, "folder", "media_types"),
        ({"name": "Autre", "audience": 0}, Kind.INVALID, "folder", "audience"),
        (
            {"name": "Autre", "audience": tenancy_pb2.CONTACT_KIND_EMPLOYEE, "notify_to": pb.NOTIFY_TO_BILLING},
            Kind.INVALID,
            "folder",
            "notify_to",
        ),
    ],
)
async def test_a_folder_that_makes_no_sense_is_refused(firm, fields, kind, reason, field):
    wanted = pb.FolderTemplate(**{"audience": tenancy_pb2.CONTACT_KIND_CLIENT, **fields})

    error = await refusal(firm.manager.SaveFolderTemplate(template=wanted))

    assert (error.kind, error.reason) == (kind, reason)
    assert [violation.field for violation in error.violations] == ([field] if field else [])


async def test_a_folder_of_another_organisation_cannot_be_changed(firm, make_firm):
    other = await make_firm()
    invoices = await named(firm, "Factures")

    error = await refusal(other.manager.SaveFolderTemplate(template=invoices))

    assert (error.kind, error.reason) == (Kind.NOT_FOUND, "folder")


async def test_older_news_of_a_contact_changes_nothing(firm, suite):
    contact_id, adviser = uuid7(), uuid7()

    def told(name, version, advisers):
        return tenancy_events.ContactChanged(
            contact=tenancy_pb2.Contact(
                id=str(contact_id),
                kind=tenancy_pb2.CONTACT_KIND_CLIENT,
                name=name,
                version=version,
                advisers=[tenancy_pb2.Adviser(membership_id=str(each)) for each in advisers],
            )
        )

    await suite.tell(firm.id, told("Nouveau nom", 3, [adviser]), version=3)
    await suite.eventually(firm.id, "SELECT 1 FROM contacts WHERE id = $1 AND version = 3", contact_id)
    await suite.tell(firm.id, told("Ancien nom", 2, []), version=2)
    await suite.tell(firm.id, told("Dernier nom", 4, [adviser, uuid7()]), version=4)
    await suite.eventually(firm.id, "SELECT 1 FROM contacts WHERE id = $1 AND version = 4", contact_id)

    adviser_only = firm.staff(frozenset({adviser}))
    assert len((await adviser_only.ListFolders(contact_id=str(contact_id))).folders) == 6
    assert [
        row["name"] for row in await suite.rows(firm.id, "SELECT name FROM contacts WHERE id = $1", contact_id)
    ] == ["Dernier nom"]


async def test_names_of_people_come_from_their_memberships(firm, suite):
    document_id = await firm.filed()
    membership_id = firm.manager.caller.membership_id
    event = tenancy_events.MembershipChanged(
        membership_id=str(membership_id), given_name="Nolwenn", family_name="Cariou"
    )
    await suite.tell(firm.id, event, aggregate_id=membership_id, version=1)
    await suite.eventually(firm.id, "SELECT 1 FROM people WHERE membership_id = $1", membership_id)

    assert (await firm.portal.GetDocument(id=document_id)).document.filed_by == "Nolwenn Cariou"
