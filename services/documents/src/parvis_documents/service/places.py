"""Where a file may be put: who may file into which folder of which contact."""

from dataclasses import dataclass
from uuid import UUID

from parvis_documents.models import FolderTemplate
from parvis_documents.service.contacts import Contacts
from parvis_documents.service.folders import catch_up
from parvis_documents.store import contacts as contact_store
from parvis_documents.store import documents, folders
from parvis_documents.store.sight import Sight, sight_of, staff_sight
from parvis_kit.errors import Violation, forbidden, invalid, not_found, precondition
from parvis_kit.unit import UnitOfWork


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of a contact that the caller may file into; with the document that gets a new version, if any."""

    contact_id: UUID
    folder: FolderTemplate
    document_id: UUID | None = None


async def place(
    unit: UnitOfWork,
    known: Contacts,
    *,
    contact_id: UUID | None,
    folder_template_id: UUID | None,
    built_in: str = "",
    document_id: UUID | None = None,
) -> Place:
    """The place that the caller names and may file into.

    Raises NOT_FOUND folder or document for what they may not see; FORBIDDEN right_missing, out_of_scope or
    deposits_closed for what they see and may not do; PRECONDITION deposit_has_no_versions, filed_by_a_service;
    INVALID contact_required.
    """
    if document_id is not None:
        return await _of_document(unit, document_id)
    if contact_id is None:
        raise invalid("contact_required", [Violation("contact_id", "required")])
    if folder_template_id is None:
        folder_template_id = await _built_in(unit, known, contact_id, built_in)
    if not await may_file(unit, contact_id, folder_template_id):
        if not await catch_up(unit, known, contact_id):
            raise not_found("folder")
        if not await may_file(unit, contact_id, folder_template_id):
            raise not_found("folder")
    folder = await folders.template(unit, folder_template_id)
    if folder is None:
        raise not_found("folder")
    return Place(contact_id, folder)


async def may_file(unit: UnitOfWork, contact_id: UUID, folder_template_id: UUID) -> bool:
    """Whether the caller may file there; False when they do not even see it. Raises FORBIDDEN, see `place`."""
    if unit.caller.is_staff:
        files = staff_sight(unit.grants.require("documents.file"))
        if await folders.sees(unit, files, contact_id, folder_template_id):
            return True
        reads = unit.grants.scope("documents.read")
        if reads is None or not await folders.sees(unit, staff_sight(reads), contact_id, folder_template_id):
            return False
        raise forbidden("out_of_scope", right="documents.file")
    if not await folders.sees(unit, sight_of(unit, "documents.file"), contact_id, folder_template_id):
        return False
    if unit.caller.is_portal:
        folder = await folders.template(unit, folder_template_id)
        if folder is None or not folder.deposits:
            raise forbidden("deposits_closed")
    return True


async def _of_document(unit: UnitOfWork, document_id: UUID) -> Place:
    """The place of a document that gets a new version; portal accesses deposit new documents only."""
    if unit.caller.is_staff:
        reads = unit.grants.scope("documents.read")
        sight = staff_sight(reads) if reads is not None else staff_sight(unit.grants.require("documents.file"))
    else:
        sight = sight_of(unit, "documents.file")
    row = await documents.one(unit, sight, document_id)
    if row is None:
        raise not_found("document")
    if unit.caller.is_portal:
        raise forbidden("right_missing", right="documents.file")
    if row["deposit"]:
        raise precondition("deposit_has_no_versions")
    if row["external_reference"]:
        raise precondition("filed_by_a_service")
    folder = await folders.template(unit, row["folder_template_id"])
    if folder is None or not await may_file(unit, row["contact_id"], folder.id):
        raise not_found("document")
    return Place(row["contact_id"], folder, document_id)


async def _built_in(unit: UnitOfWork, known: Contacts, contact_id: UUID, kind: str) -> UUID:
    if not kind or not unit.caller.is_service:
        raise invalid("folder_required", [Violation("folder_template_id", "required")])
    found = await folders.built_in(unit, contact_id, kind)
    if found is None and await catch_up(unit, known, contact_id):
        found = await folders.built_in(unit, contact_id, kind)
    if found is None or not await contact_store.sees(unit, Sight(), contact_id):
        raise not_found("folder")
    return found.id
