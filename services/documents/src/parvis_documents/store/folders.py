"""Folder templates, and the folders of a contact that follow from them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from parvis_documents.domain import PATHS, SHIPPED, Audience
from parvis_documents.models import Contact, FolderTemplate
from parvis_documents.store.sight import Arguments, Sight
from parvis_kit.ids import uuid7
from parvis_kit.text import search_key
from parvis_kit.unit import UnitOfWork


async def add_shipped(unit: UnitOfWork) -> Sequence[FolderTemplate]:
    """Gives an organisation that has no template yet those that ship; the templates that this made."""
    has_some = (
        select(col(FolderTemplate.id)).where(col(FolderTemplate.organisation_id) == unit.organisation_id).limit(1)
    )
    if await unit.scalar(has_some) is not None:
        return ()
    rows: list[dict[str, Any]] = []
    for position, shipped in enumerate(SHIPPED, start=1):
        path = f"{PATHS[shipped.audience]}/{shipped.name}"
        rows.append(
            {
                "organisation_id": unit.organisation_id,
                "id": uuid7(),
                "audience": shipped.audience.value,
                "name": shipped.name,
                "name_key": search_key(shipped.name),
                "path": path,
                "path_key": path_key(path),
                "built_in": shipped.built_in,
                "portal": shipped.portal,
                "signature": shipped.signature.value,
                "notification": shipped.notification,
                "notify_to": shipped.notify_to.value,
                "link_to": shipped.link_to.value,
                "deposits": shipped.deposits,
                "media_types": [],
                "position": position,
                "version": 1,
            }
        )
    # Two may come at once: the later one makes none, and finds those of the other.
    made = insert(FolderTemplate).values(rows).on_conflict_do_nothing().returning(FolderTemplate)
    return await unit.scalars(made)


def path_key(path: str) -> str:
    """What makes a path unique: its folded steps."""
    return "/".join(search_key(step) for step in path.split("/"))


async def templates(unit: UnitOfWork, audience: Audience | None = None) -> Sequence[FolderTemplate]:
    """The templates of an audience, or all, in their order."""
    query = select(FolderTemplate).where(col(FolderTemplate.organisation_id) == unit.organisation_id)
    if audience is not None:
        query = query.where(col(FolderTemplate.audience) == audience.value)
    found: Sequence[FolderTemplate] = await unit.scalars(
        query.order_by(col(FolderTemplate.audience), col(FolderTemplate.position), col(FolderTemplate.name_key))
    )
    return found


async def template(unit: UnitOfWork, template_id: UUID, *, lock: bool = False) -> FolderTemplate | None:
    """One template."""
    return await unit.get(FolderTemplate, (unit.organisation_id, template_id), lock=lock)


async def next_position(unit: UnitOfWork, audience: Audience) -> int:
    """The position after the last of an audience."""
    query = select(func.coalesce(func.max(FolderTemplate.position), 0)).where(
        col(FolderTemplate.organisation_id) == unit.organisation_id, col(FolderTemplate.audience) == audience.value
    )
    return int(await unit.scalar(query)) + 1


async def built_in(unit: UnitOfWork, contact_id: UUID, kind: str) -> FolderTemplate | None:
    """The template `kind` ("invoices") of a contact's audience."""
    query = (
        select(FolderTemplate)
        .join(
            Contact,
            (col(Contact.organisation_id) == col(FolderTemplate.organisation_id))
            & (col(Contact.kind) == col(FolderTemplate.audience)),
        )
        .where(
            col(FolderTemplate.organisation_id) == unit.organisation_id,
            col(Contact.id) == contact_id,
            col(FolderTemplate.built_in) == kind,
        )
    )
    found: FolderTemplate | None = await unit.scalar(query)
    return found


async def sees(unit: UnitOfWork, sight: Sight, contact_id: UUID, template_id: UUID) -> bool:
    """Whether a contact has this folder and it is seen."""
    arguments = Arguments([unit.organisation_id, contact_id, template_id])
    condition = sight.of_folders(arguments, contact="c.id", template="t", organisation="$1")
    query = f"""
        SELECT FROM contacts c
        JOIN folder_templates t ON t.organisation_id = c.organisation_id AND t.audience = c.kind
        WHERE c.organisation_id = $1 AND c.id = $2 AND t.id = $3{condition}"""
    return bool(await unit.fetch(query, *arguments))


async def folders(unit: UnitOfWork, sight: Sight, contact_id: UUID) -> list[asyncpg.Record]:
    """The folders of a contact that are seen, in their order: the template, and counts `documents` and `unread`."""
    arguments = Arguments([unit.organisation_id, contact_id])
    condition = sight.of_folders(arguments, contact="c.id", template="t", organisation="$1")
    query = f"""
        SELECT t.*, count(d.id) AS documents, count(d.id) FILTER (WHERE {unread(sight)}) AS unread
        FROM contacts c
        JOIN folder_templates t ON t.organisation_id = c.organisation_id AND t.audience = c.kind
        LEFT JOIN documents d ON d.organisation_id = c.organisation_id AND d.contact_id = c.id
            AND d.folder_template_id = t.id
        WHERE c.organisation_id = $1 AND c.id = $2{condition}
        GROUP BY t.organisation_id, t.id
        ORDER BY t.position, t.name_key"""  # noqa: S608 - placeholders only
    return await unit.fetch(query, *arguments)


def unread(sight: Sight) -> str:
    """Not opened yet by the caller's side: by the contact for what the firm files, by the firm for a deposit."""
    return "NOT d.deposit AND d.opened_at IS NULL" if sight.is_portal else "d.deposit AND d.read_at IS NULL"
