"""Mails to a person who is erased: found by digests of their addresses, since mails to clients name no membership."""

from collections.abc import Collection, Mapping

from parvis_kit.unit import UnitOfWork
from parvis_notify import store
from parvis_notify.domain.deliveries import NOBODY


async def erase_mails(unit: UnitOfWork, digests: Collection[str]) -> Mapping[str, int]:
    """Empties mails of the unit's organisation; without one, those that are of no firm. What waits is not sent."""
    if unit.organisation_or_none is None:
        await unit.enter(NOBODY)
    return await store.erase_mails(unit, digests)
