"""Structures: the parts of an organisation, as a tree."""

from uuid import UUID

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import conflict, invalid, not_found, precondition
from parvis_kit.ids import uuid7
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.models import Structure
from parvis_tenancy.service import authority
from parvis_tenancy.service.fields import Fields
from parvis_tenancy.store import directory, members, organisations, rights, structures
from parvis_tenancy.store.search import sort_key


async def every(unit: UnitOfWork) -> list[tenancy_pb2.Structure]:
    """All structures: parents before children, siblings by name."""
    children: dict[UUID | None, list[Structure]] = {}
    for each in await organisations.structures(unit):
        children.setdefault(each.parent_id, []).append(each)
    ordered: list[Structure] = []
    waiting = list(reversed(children.get(None, [])))
    while waiting:
        each = waiting.pop()
        ordered.append(each)
        waiting += reversed(children.get(each.id, []))
    return [_message(each) for each in ordered]


async def create(unit: UnitOfWork, name: str, parent_id: UUID | None) -> tenancy_pb2.Structure:
    """Makes a structure. Raises NOT_FOUND structure_not_found for the parent, INVALID fields_invalid."""
    clean = _name(name)
    await rights.next_revision(unit, "structure.created")
    if parent_id is not None and await members.structure(unit, parent_id) is None:
        raise not_found("structure_not_found")
    made = Structure(
        organisation_id=unit.organisation_id,
        id=uuid7(),
        parent_id=parent_id,
        name=clean,
        sort_key=sort_key(clean),
        created_at=unit.now,
    )
    unit.add(made)
    unit.record("structure.created", target_kind="structure", target_id=made.id, name=clean)
    return _message(made)


async def update(
    unit: UnitOfWork, structure_id: UUID, *, name: str, parent_id: UUID | None, version: int
) -> tenancy_pb2.Structure:
    """Renames a structure, or moves it with all below it. Raises INVALID structure_cycle, fields_invalid, CONFLICT
    stale_version, FORBIDDEN above_ceiling, NOT_FOUND structure_not_found.
    """
    clean = _name(name)
    revision = await rights.next_revision(unit, "structure.changed")
    found = await _load(unit, structure_id)
    if found.version != version:
        raise conflict("stale_version", version=str(found.version))
    if parent_id != found.parent_id:
        await _may_move(unit, structure_id, parent_id)
        async with authority.below_law(unit):
            found.parent_id = parent_id
            await unit.flush()
        authority.grants_changed(unit, revision)
    found.name, found.sort_key = clean, sort_key(clean)
    found.version += 1
    await unit.flush()
    details = {"name": clean, "parent": str(parent_id or "")}
    unit.record("structure.changed", target_kind="structure", target_id=structure_id, **details)
    return _message(found)


async def delete(unit: UnitOfWork, structure_id: UUID) -> None:
    """Deletes a structure that is not used. Raises PRECONDITION structure_in_use, structure_mapped, NOT_FOUND."""
    await rights.next_revision(unit, "structure.deleted")
    found = await _load(unit, structure_id)
    uses = await structures.uses(unit, structure_id)
    if any(uses.values()):
        raise precondition(
            "structure_in_use",
            name=found.name,
            structures=str(uses["structures"]),
            members=str(uses["members"]),
            tiers=str(uses["tiers"]),
            products=str(uses["products"]),
        )
    if await directory.gives(unit, structure_id):
        raise precondition("structure_mapped", name=found.name)
    await structures.forget_withdrawn(unit, structure_id)
    await unit.session.delete(found)
    unit.record("structure.deleted", target_kind="structure", target_id=structure_id, name=found.name)


async def _may_move(unit: UnitOfWork, structure_id: UUID, parent_id: UUID | None) -> None:
    """Raises INVALID structure_cycle, NOT_FOUND structure_not_found."""
    tree, place = await structures.parents(unit), parent_id
    if place is not None and place not in tree:
        raise not_found("structure_not_found")
    while place is not None:
        if place == structure_id:
            raise invalid("structure_cycle")
        place = tree[place]


def _name(name: str) -> str:
    fields = Fields()
    clean = fields.text("name", name, required=True)
    fields.settle()
    return clean


async def _load(unit: UnitOfWork, structure_id: UUID) -> Structure:
    found = await members.structure(unit, structure_id)
    if found is None:
        raise not_found("structure_not_found")
    return found


def _message(row: Structure) -> tenancy_pb2.Structure:
    return tenancy_pb2.Structure(id=str(row.id), parent_id=str(row.parent_id or ""), name=row.name, version=row.version)
