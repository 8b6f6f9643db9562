"""Folder templates (S4) and the folders of a contact that follow from them."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
from sqlalchemy.exc import IntegrityError

from parvis.documents.v1 import events_pb2
from parvis_documents import messages
from parvis_documents.domain import PATHS, Audience, LinkTarget, NotifyTo, RefusalError, SignatureSide, file_name
from parvis_documents.models import FolderTemplate
from parvis_documents.service.contacts import Contacts
from parvis_documents.store import contacts as contact_store
from parvis_documents.store import folders
from parvis_documents.store.sight import Sight, sight_of
from parvis_kit.errors import Violation, conflict, invalid, not_found
from parvis_kit.ids import uuid7
from parvis_kit.text import search_key
from parvis_kit.unit import UnitOfWork

_LONGEST_PATH = 1000


async def list_templates(unit: UnitOfWork, audience: Audience | None) -> Sequence[FolderTemplate]:
    """The templates of an audience (None: all), in their order."""
    found = await folders.templates(unit, audience)
    if not found and await add_shipped(unit):
        found = await folders.templates(unit, audience)
    return found


async def add_shipped(unit: UnitOfWork) -> bool:
    """Gives an organisation that has no template yet those that ship, and tells the others. False when it had some."""
    made = await folders.add_shipped(unit)
    for row in made:
        _tell(unit, row)
    return bool(made)


async def list_folders(unit: UnitOfWork, known: Contacts, contact_id: UUID) -> tuple[Sight, list[asyncpg.Record]]:
    """The folders of a contact that the caller sees, with counts. Raises NOT_FOUND contact."""
    sight = sight_of(unit, "documents.read")
    found = await folders.folders(unit, sight, contact_id)
    if not found and await catch_up(unit, known, contact_id):
        found = await folders.folders(unit, sight, contact_id)
    if not found and not await contact_store.sees(unit, sight, contact_id):
        raise not_found("contact")
    return sight, found


async def catch_up(unit: UnitOfWork, known: Contacts, contact_id: UUID) -> bool:
    """Makes up for news that has not arrived: of the organisation, of the contact. True when that changed something."""
    news_of_organisation = await add_shipped(unit)
    return await known.catch_up(unit, contact_id) or news_of_organisation


async def save_template(
    unit: UnitOfWork,
    *,
    template_id: UUID | None,
    audience: Audience | None,
    name: str,
    path: str,
    portal: bool,
    signature: SignatureSide,
    notification: bool,
    notify_to: NotifyTo,
    link_to: LinkTarget,
    deposits: bool,
    media_types: Sequence[str],
    position: int,
    version: int,
) -> FolderTemplate:
    """Makes a template (no id) or changes one; its audience never changes.

    Raises INVALID folder (violations), NOT_FOUND folder, CONFLICT stale_version, name_taken, path_taken.
    """
    await add_shipped(unit)
    row = await _load(unit, template_id, version) if template_id else None
    audience = Audience(row.audience) if row else audience
    if audience is None:
        raise invalid("folder", [Violation("audience", "required")])
    name, path = _names(audience, name, path)
    types = sorted({each.strip().lower() for each in media_types if each.strip()})
    _check(types, portal=portal, deposits=deposits, audience=audience, notify_to=notify_to)
    await _check_taken(unit, template_id, audience, name, path)
    if row is None:
        row = FolderTemplate(
            organisation_id=unit.organisation_id,
            id=uuid7(),
            audience=audience.value,
            name=name,
            name_key="",
            path=path,
            path_key="",
            position=position or await folders.next_position(unit, audience),
            version=0,
        )
        unit.add(row)
    row.name, row.name_key = name, search_key(name)
    row.path, row.path_key = path, folders.path_key(path)
    row.portal, row.deposits, row.notification = portal, deposits, notification
    row.signature, row.notify_to, row.link_to = signature.value, notify_to.value, link_to.value
    row.media_types = types
    row.position = position or row.position
    row.version += 1
    try:
        await unit.flush()
    except IntegrityError as error:  # somebody else was faster since `_check_taken` looked
        taken = "path_taken" if "folder_templates_by_path" in str(error.orig) else "name_taken"
        raise conflict(taken, name=name, path=path) from error
    _tell(unit, row)
    unit.record(
        "folder_template.created" if template_id is None else "folder_template.changed",
        target_kind="folder_template",
        target_id=row.id,
        name=name,
        portal=str(portal),
        notification=str(notification),
        notify_to=notify_to.value,
        link_to=link_to.value,
        deposits=str(deposits),
    )
    return row


def _tell(unit: UnitOfWork, row: FolderTemplate) -> None:
    """Tells the other services of a template as it is now."""
    event = events_pb2.FolderTemplateChanged(template=messages.template(row))
    unit.emit(event, aggregate_id=row.id, version=row.version)


async def _load(unit: UnitOfWork, template_id: UUID, version: int) -> FolderTemplate:
    row = await folders.template(unit, template_id, lock=True)
    if row is None:
        raise not_found("folder")
    if row.version != version:
        raise conflict("stale_version", version=str(row.version))
    return row


def _names(audience: Audience, name: str, path: str) -> tuple[str, str]:
    """Name and path as they are kept; the path follows from the name when none is given."""
    try:
        name = file_name(name)
    except RefusalError as error:
        raise invalid("folder", [Violation("name", error.reason, error.params)]) from None
    path = path.strip().strip("/") or f"{PATHS[audience]}/{name}"
    try:
        path = "/".join(file_name(step) for step in path.split("/"))
    except RefusalError as error:
        raise invalid("folder", [Violation("path", error.reason, error.params)]) from None
    if len(path) > _LONGEST_PATH:
        raise invalid("folder", [Violation("path", "name_too_long", {"limit": str(_LONGEST_PATH)})])
    return name, path


def _check(
    media_types: Sequence[str], *, portal: bool, deposits: bool, audience: Audience, notify_to: NotifyTo
) -> None:
    violations = []
    if deposits and not portal:
        violations.append(Violation("deposits", "deposits_need_portal"))
    if audience is Audience.EMPLOYEE and notify_to is not NotifyTo.MAIN:
        violations.append(Violation("notify_to", "employees_have_one_address"))
    violations += [
        Violation("media_types", "not_a_media_type", {"type": each}) for each in media_types if each.count("/") != 1
    ]
    if violations:
        raise invalid("folder", violations)


async def _check_taken(unit: UnitOfWork, template_id: UUID | None, audience: Audience, name: str, path: str) -> None:
    for other in await folders.templates(unit):
        if other.id == template_id:
            continue
        if other.audience == audience and other.name_key == search_key(name):
            raise conflict("name_taken", name=other.name)
        if other.path_key == folders.path_key(path):
            raise conflict("path_taken", path=other.path)
