"""What members have otherwise than their profile, when that profile becomes another one."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import rights as rules
from parvis_tenancy.domain.catalogue import ADMINISTRATOR, Right, Rights
from parvis_tenancy.domain.rights import Carried
from parvis_tenancy.models import Membership
from parvis_tenancy.service import authority
from parvis_tenancy.store import personal, rights


async def follow(unit: UnitOfWork, membership: Membership) -> Sequence[Carried]:
    """What a member has otherwise stays so with the profile that they were given; what cannot stand with it is carried
    away. An administrator has nothing otherwise.
    """
    stored = await personal.of_member(unit, membership.id)
    if not stored:
        return ()
    if membership.profile_built_in == ADMINISTRATOR:
        await personal.replace(unit, membership.id, {})
        return ()
    granted = await authority.rights_of_profile(unit, authority.profile_of(membership))
    return await _settle(unit, membership.id, granted, stored, await rights.existing(unit))


async def follow_profile(unit: UnitOfWork, profile_id: UUID, built_in: str = "") -> None:
    """The same for everybody whose profile this is, after it was changed or given to more of them."""
    stored = await personal.of_profile(unit, profile_id)
    if built_in == ADMINISTRATOR:
        for membership_id in stored:
            await personal.replace(unit, membership_id, {})
        return
    if not stored:
        return
    granted, existing = await authority.rights_of_profile(unit, profile_id), await rights.existing(unit)
    for membership_id, difference in stored.items():
        await _settle(unit, membership_id, granted, difference, existing)


async def _settle(
    unit: UnitOfWork, membership_id: UUID, granted: Rights, stored: Mapping[str, int], existing: Mapping[str, Right]
) -> Sequence[Carried]:
    """Nothing counts as just granted here: what lacks something that it requires is narrowed or goes."""
    held = rules.with_difference(granted, stored, existing)
    _, carried = rules.settle(held, held, existing)
    if carried:
        moved = {each.code: int(each.scope or rules.WITHDRAWN) for each in carried}
        kept = {code: scope for code, scope in {**stored, **moved}.items() if scope != granted.get(code, 0)}
        await personal.replace(unit, membership_id, kept)
    return carried
