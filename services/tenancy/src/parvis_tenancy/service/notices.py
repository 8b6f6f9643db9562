"""Whoever sets up how the organisation signs in is told: notify knows addresses, not rights."""

from collections.abc import Mapping
from uuid import UUID

from parvis.tenancy.v1 import events_pb2
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.catalogue import RIGHTS
from parvis_tenancy.store import decisions

#: People who are written to about one thing.
MOST_TOLD = 20


async def tell(unit: UnitOfWork, kind: str, values: Mapping[str, str], *, about: UUID, but: UUID | None = None) -> None:
    """`kind`: of notify; `about`: the aggregate of the event; `but`: the membership of whom it is about."""
    told = await decisions.subjects(unit, RIGHTS["sign_in.manage"], None, after=None, size=MOST_TOLD)
    members = [str(each.id) for each in told if each.id != but]
    event = events_pb2.AdministratorsNoticed(kind=kind, values=values, membership_ids=members)
    unit.emit(event, aggregate_id=about)
