"""No organisation loses its last administrator by an erasure."""

from collections.abc import Iterable

from parvis_identity.service.organisations import Administration
from parvis_identity.store import erasures as store
from parvis_kit.unit import UnitOfWork


async def alone_in(unit: UnitOfWork, administered: list[Administration]) -> list[Administration]:
    """Of the organisations that somebody administers, those that nobody else will: accounts that are about to be erased
    do not count.
    """
    staying = await store.staying(unit, {other for each in administered for other in each.others})
    return [each for each in administered if not staying.intersection(each.others)]


def named(organisations: Iterable[Administration]) -> str:
    """Their names, for a sentence."""
    return ", ".join(each.name for each in organisations)
