"""Profiles and the rights that exist."""

from uuid import UUID

from sqlalchemy.exc import IntegrityError

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import conflict, not_found, precondition
from parvis_kit.ids import uuid7
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import rights as rules
from parvis_tenancy.domain.catalogue import ADMINISTRATOR, Rights
from parvis_tenancy.models import Profile
from parvis_tenancy.service import authority, differences, messages
from parvis_tenancy.service.fields import Fields
from parvis_tenancy.store import declared, members, rights
from parvis_tenancy.store.search import sort_key


async def every(unit: UnitOfWork) -> list[tenancy_pb2.Profile]:
    """All profiles by name."""
    return await _messages(unit, None)


async def catalogue(unit: UnitOfWork) -> list[tenancy_pb2.Right]:
    """The rights that exist in the organisation, in the order of the grid."""
    names = await declared.names(unit)
    return [
        tenancy_pb2.Right(code=right.code, group=right.group, scoped=right.scoped, **names.get(right.code, {}))
        for right in (await rights.existing(unit)).values()
    ]


async def save(
    unit: UnitOfWork, wanted: tenancy_pb2.Profile, profile_id: UUID | None, reason: str
) -> tenancy_pb2.Profile:
    """Makes (no id) or changes a profile. A starter profile that is renamed becomes the organisation's own.

    Raises FORBIDDEN above_ceiling, PRECONDITION built_in (*Administrator* never changes), CONFLICT stale_version or
    name_taken, INVALID fields_invalid.
    """
    fields, existing = Fields(), await rights.existing(unit)
    name = fields.text("name", wanted.name, required=True, longest=80)
    clean = fields.reason(reason)
    asked = fields.rights("rights", [(right.code, int(right.scope)) for right in wanted.rights], existing)
    fields.settle()
    act = "profile.made" if profile_id is None else "profile.changed"
    revision = await rights.next_revision(unit, act, clean)
    profile, old = await _load(unit, profile_id, wanted.version)
    new, carried = rules.settle(old, asked, existing)
    await authority.may_change(unit, old, asked, new)
    async with authority.below_law(unit):
        await _write(unit, profile, name, new, inactive=wanted.inactive)
        await differences.follow_profile(unit, profile.id)
    if profile_id is not None:
        authority.grants_changed(unit, revision)
    unit.record(act, target_kind="profile", target_id=profile.id, name=name, rights=rules.told(new))
    answer = (await _messages(unit, profile.id))[0]
    answer.carried.extend(messages.carried(carried))
    return answer


async def _write(unit: UnitOfWork, profile: Profile, name: str, new: Rights, *, inactive: bool = False) -> None:
    """Raises CONFLICT name_taken."""
    renamed = profile.name != name
    if renamed:
        profile.name, profile.built_in, profile.sort_key = name, "", sort_key(name)
    profile.inactive = inactive
    profile.version += 1
    unit.add(profile)
    try:
        await unit.flush()
    except IntegrityError as error:
        raise conflict("name_taken", name=name) from error
    if renamed:
        await members.rename_profile(unit, profile.id, name, "")
    await members.replace_rights(unit, profile.id, new)


async def _load(unit: UnitOfWork, profile_id: UUID | None, version: int) -> tuple[Profile, Rights]:
    """The profile to change and its rights: a new one when no id is given."""
    if profile_id is None:
        fresh = Profile(
            organisation_id=unit.organisation_id, id=uuid7(), name="", sort_key="", version=0, created_at=unit.now
        )
        return fresh, {}
    profile = await members.profile(unit, profile_id, lock=True)
    if profile is None:
        raise not_found("profile_not_found")
    if profile.built_in == ADMINISTRATOR:
        raise precondition("built_in")
    if profile.version != version:
        raise conflict("stale_version", version=str(profile.version))
    return profile, await authority.rights_of_profile(unit, profile_id)


async def _messages(unit: UnitOfWork, profile_id: UUID | None) -> list[tenancy_pb2.Profile]:
    existing = await rights.existing(unit)
    return [
        messages.profile(
            row,
            rules.of_profile(row["built_in"], zip(row["codes"], row["scopes"], strict=True), existing),
        )
        for row in await members.profiles(unit, profile_id)
    ]
