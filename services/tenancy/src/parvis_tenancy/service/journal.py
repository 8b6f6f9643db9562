"""What the page of the audit trail shows beside the trail: names of today, people, and that somebody exports it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from parvis_kit.errors import Violation, invalid
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.store import names as store

_MOST = 500
FORMATS = ("csv", "proof")


async def names(unit: UnitOfWork, things: Sequence[tuple[str, str]]) -> Mapping[tuple[str, UUID], str]:
    """Kind and identifier → name, of what is there; identifiers that are none name nothing. Raises INVALID."""
    if len(things) > _MOST:
        raise invalid("malformed_request", [Violation("things", "too_many", {"most": str(_MOST)})])
    wanted: dict[str, set[UUID]] = defaultdict(set)
    for kind, text in things:
        try:
            wanted[kind].add(UUID(text))
        except ValueError:
            continue  # acts also name what is no row: a mail domain, a template
    return await store.of_things(unit, wanted)


def record_export(unit: UnitOfWork, form: str) -> None:
    """Somebody exports the trail. Raises INVALID."""
    if form not in FORMATS:
        raise invalid("malformed_request", [Violation("format", "unknown")])
    unit.record("trail.exported", target_kind="organisation", target_id=unit.organisation_id, format=form)
