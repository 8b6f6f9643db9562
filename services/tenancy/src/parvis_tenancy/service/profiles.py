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
from parvis_tenancy.service import members as staff
from parvis_tenancy.service.fields import Fields
from parvis_tenancy.store import declared, directory, members, rights
from parvis_tenancy.store.search import sort_key

#: Of those who have a profile that is to be deleted.
_NAMED = 5


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
    if profile_id is not None and (profile.name, profile.inactive) != (name, wanted.inactive):
        await authority.below_ceiling(unit, rules.above(old, await authority.own_rights(unit)))
    async with authority.below_law(unit):
        await _write(unit, profile, name, new, inactive=wanted.inactive)
        await differences.follow_profile(unit, profile.id)
    if profile_id is not None:
        authority.grants_changed(unit, revision)
    unit.record(act, target_kind="profile", target_id=profile.id, name=name, rights=rules.told(new))
    answer = (await _messages(unit, profile.id))[0]
    answer.carried.extend(messages.carried(carried))
    return answer


async def duplicate(unit: UnitOfWork, profile_id: UUID, name: str, reason: str) -> tenancy_pb2.Profile:
    """Makes a profile that grants what another one does; of *Administrator*, all that exists now.

    Raises FORBIDDEN above_ceiling, CONFLICT name_taken, NOT_FOUND profile_not_found, INVALID fields_invalid.
    """
    fields, existing = Fields(), await rights.existing(unit)
    clean = fields.text("name", name, required=True, longest=80)
    why = fields.reason(reason)
    fields.settle()
    await rights.next_revision(unit, "profile.duplicated", why)
    copied = await authority.rights_of_profile(unit, profile_id)
    new, _ = rules.settle({}, copied, existing)
    await authority.may_change(unit, {}, copied, new)
    made, _ = await _load(unit, None, 0)
    await _write(unit, made, clean, new)
    details = {"name": clean, "rights": rules.told(new), "of": str(profile_id)}
    unit.record("profile.duplicated", target_kind="profile", target_id=made.id, **details)
    return (await _messages(unit, made.id))[0]


async def delete(
    unit: UnitOfWork, profile_id: UUID, replacement_id: UUID | None, *, version: int, reason: str
) -> tenancy_pb2.DeleteProfileResponse:
    """Deletes a profile; whoever has it gets the replacement, all at once.

    Raises PRECONDITION profile_in_use (how many have it, and names), profile_mapped (the directory's mapping gives it),
    built_in, profile_inactive, FORBIDDEN above_ceiling, CONFLICT stale_version, NOT_FOUND profile_not_found, INVALID
    fields_invalid.
    """
    fields = Fields()
    why = fields.reason(reason)
    if replacement_id == profile_id:
        fields.wrong("replacement_id", "unknown")
    fields.settle()
    revision = await rights.next_revision(unit, "profile.deleted", why)
    profile, old = await _load(unit, profile_id, version)
    held = await authority.own_rights(unit)
    await authority.below_ceiling(unit, rules.above(old, held))
    count, names = await members.holders(unit, profile_id, _NAMED)
    if count and replacement_id is None:
        raise precondition("profile_in_use", name=profile.name, members=str(count), names=", ".join(names))
    if await directory.gives(unit, profile_id):
        if replacement_id is None:
            raise precondition("profile_mapped", name=profile.name)
        await staff.may_give(unit, replacement_id)
        await staff.giveable(unit, replacement_id)
        await directory.give_instead(unit, profile_id, replacement_id)
    # Invitations that were withdrawn keep a profile, which is given by nobody: they are invited anew with another.
    heir = replacement_id or await members.least_profile(unit, profile_id)
    if heir is not None:
        async with authority.below_law(unit):
            await _replace(unit, profile_id, heir, count)
    await members.replace_rights(unit, profile_id, {})
    await unit.session.delete(profile)
    await unit.flush()
    if count:
        authority.grants_changed(unit, revision)
    details = {"name": profile.name, "members": str(count), "replacement": str(replacement_id or "")}
    unit.record("profile.deleted", target_kind="profile", target_id=profile_id, **details)
    return tenancy_pb2.DeleteProfileResponse(moved=count)


async def _replace(unit: UnitOfWork, profile_id: UUID, heir: UUID, count: int) -> None:
    if not count:
        found = await members.profile(unit, heir)
        if found is not None:
            await members.give_instead(unit, profile_id, found)
        return
    await staff.may_give(unit, heir)
    replacement = await staff.giveable(unit, heir)
    await members.give_instead(unit, profile_id, replacement)
    await differences.follow_profile(unit, heir, replacement.built_in)


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
