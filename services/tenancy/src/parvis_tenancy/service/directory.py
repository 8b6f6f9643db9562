"""What the groups and claims of the firm's directory give: read, tried, saved; and whom the directory decides over."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from uuid import UUID

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.errors import conflict, not_found, precondition
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.directory import Act, Hand, Place, Rule, Said
from parvis_tenancy.domain.states import OPEN_STATES, MembershipState
from parvis_tenancy.service import authority, members, messages, settling
from parvis_tenancy.service.fields import LINE, NAME, Fields
from parvis_tenancy.service.settling import Giver, Step
from parvis_tenancy.store import directory as store
from parvis_tenancy.store import organisations, rights
from parvis_tenancy.store.directory import Mapped
from parvis_tenancy.store.search import sort_key

MOST_RULES = 500
_SEEN, _TROUBLES, _CHANGES = 200, 50, 100
#: People who are looked through at a time.
BATCH = 300
_HELD = "member.directory_hand"


async def current(unit: UnitOfWork) -> tenancy_pb2.DirectoryMapping:
    """What is in force, what of it its owner cannot give, and how the directory's people stand."""
    mapped = await store.mapping(unit)
    answer = await _message(unit, mapped)
    for row in await store.seen(unit, _SEEN):
        answer.seen.add(claim=row["claim"], value=row["value"], people=row["people"])
    for row in await store.counts(unit):
        answer.people.add(outcome=row["outcome"], people=row["people"])
    for row, said in await store.troubles(unit, _TROUBLES):
        answer.troubles.add(
            account_id=str(row["account_id"]),
            membership_id=str(row["membership_id"] or ""),
            name=_name(said),
            user_name=said.user_name,
            outcome=row["outcome"],
            reason=row["reason"],
        )
    return answer


async def save(unit: UnitOfWork, wanted: tenancy_pb2.DirectoryMapping) -> tenancy_pb2.DirectoryMapping:
    """Puts a mapping into force under the caller's rights; people follow by `DirectoryMappingSaved`. Whoever saves
    could give all that it gave before, too: nobody takes away what they could not give.

    Raises FORBIDDEN above_ceiling, PRECONDITION profile_inactive, CONFLICT stale_version, NOT_FOUND, INVALID.
    """
    rules, default = _typed(wanted)
    mapped = await _of_caller(unit, rules, default)
    await rights.hold_revision(unit)
    before = await store.mapping(unit)
    giver = await Giver.of(unit, mapped)
    await _exist(unit, giver, mapped, kept=before.profiles)
    if before.version != wanted.version:
        raise conflict("stale_version", version=str(before.version))
    await authority.below_ceiling(unit, _above(giver, mapped.profiles | before.profiles))
    await store.save(unit, replace(mapped, version=before.version + 1, saved_at=unit.now))
    event = events_pb2.DirectoryMappingSaved(version=before.version + 1)
    unit.emit(event, aggregate_id=unit.organisation_id, version=before.version + 1)
    told = "; ".join(f"{each.claim or 'groups'}={each.value}" for each in rules)[:LINE]
    unit.record("directory.mapping_saved", target_kind="organisation", target_id=unit.organisation_id, rules=told)
    return await current(unit)


async def preview(unit: UnitOfWork, wanted: tenancy_pb2.DirectoryMapping) -> tenancy_pb2.DirectoryPreview:
    """Who would change if the caller saved it so. Raises what `save` does, but for above_ceiling, which is told."""
    rules, default = _typed(wanted)
    before = await store.mapping(unit)
    mapped = await _of_caller(unit, rules, default)
    giver = await Giver.of(unit, mapped)
    await _exist(unit, giver, mapped, kept=before.profiles)
    names = {each.id: each.name for each in await organisations.structures(unit)}
    found: list[tuple[str, tenancy_pb2.DirectoryChange]] = []
    after: UUID | None = None
    while accounts := await store.accounts_after(unit, after, BATCH):
        after = accounts[-1]
        for step in await settling.planned(unit, mapped, accounts):
            if step.act not in (Act.NOTHING, Act.KNOW):
                found += [await _change(giver, step, names)]
    found.sort(key=lambda each: each[0])
    above = _above(giver, mapped.profiles | before.profiles)
    return tenancy_pb2.DirectoryPreview(changes=[each for _, each in found[:_CHANGES]], total=len(found), above=above)


async def set_hand(
    unit: UnitOfWork, membership_id: UUID, *, followed: bool, version: int, reason: str
) -> tenancy_pb2.Member:
    """Takes a member out of the directory's hand, or gives them back: then what it says is done at once.

    Raises PRECONDITION not_of_directory, withdrawn, CONFLICT stale_version, FORBIDDEN above_ceiling, out_of_tier.
    """
    fields = Fields()
    clean = fields.reason(reason)
    fields.settle()
    await rights.hold_revision(unit)
    membership = await members.load(unit, membership_id)
    if membership.version != version:
        raise conflict("stale_version", version=str(membership.version))
    if membership.directory == Hand.NONE:
        raise precondition("not_of_directory")
    if membership.state == MembershipState.WITHDRAWN:
        raise precondition("withdrawn")
    await authority.may_act_on(unit, membership)
    hand = Hand.FOLLOWED if followed else Hand.HELD_HERE
    if membership.directory != hand:
        membership.directory = int(hand)
        membership.version += 1
        unit.record(_HELD, target_kind="membership", target_id=membership_id, hand=hand.name.lower(), reason=clean)
        await unit.flush()
        if followed:
            await settling.settle(unit, [membership.account_id])
    return await members.one(unit, membership_id)


async def settle_everybody(unit: UnitOfWork, after: UUID | None) -> UUID | None:
    """Settles the next of the directory's people; returns whom to go on after, None at the end."""
    accounts = await store.accounts_after(unit, after, BATCH)
    await settling.settle(unit, accounts)
    return accounts[-1] if accounts else None


def _typed(wanted: tenancy_pb2.DirectoryMapping) -> tuple[list[Rule], UUID | None]:
    """Raises INVALID fields_invalid."""
    fields = Fields()
    found: list[Rule] = []
    if len(wanted.rules) > MOST_RULES:
        fields.wrong("rules", "too_many", most=str(MOST_RULES))
    for index, each in enumerate(wanted.rules[:MOST_RULES]):
        field = f"rules[{index}]"
        rule = Rule(
            fields.text(f"{field}.claim", each.claim, longest=NAME),
            fields.text(f"{field}.value", each.value, longest=NAME, required=True),
            fields.identifier(f"{field}.profile_id", each.profile_id),
            fields.identifier(f"{field}.structure_id", each.structure_id),
        )
        if not (each.profile_id or each.structure_id):
            fields.wrong(field, "gives_nothing")
        if any((rule.claim, rule.value) == (other.claim, other.value) for other in found):
            fields.wrong(field, "twice")
        found.append(rule)
    default = fields.identifier("default_profile_id", wanted.default_profile_id)
    fields.settle()
    return found, default


async def _of_caller(unit: UnitOfWork, rules: list[Rule], default: UUID | None) -> Mapped:
    own = unit.caller.membership_id
    return Mapped(
        rules=rules,
        default_profile_id=default,
        owner_id=own,
        owner_open=True,
        owner_tier=await authority.limit(unit),
        owner_quota=await authority.quota(unit),
    )


async def _exist(unit: UnitOfWork, giver: Giver, mapped: Mapped, *, kept: Collection[UUID]) -> None:
    """Raises NOT_FOUND profile_not_found, structure_not_found, PRECONDITION profile_inactive."""
    for each in sorted(mapped.profiles):
        if each not in giver.profiles:
            raise not_found("profile_not_found")
        profile, inactive = giver.profiles[each]
        if inactive and each not in kept:
            raise precondition("profile_inactive", name=profile.name)
    for structure_id in {rule.structure_id for rule in mapped.rules} - {None}:
        await members.existing_structure(unit, str(structure_id))


def _above(giver: Giver, profiles: Collection[UUID]) -> tuple[str, ...]:
    return tuple(sorted({code for each in profiles for code in giver.above(each)}))


async def _change(giver: Giver, step: Step, names: Mapping[UUID, str]) -> tuple[str, tenancy_pb2.DirectoryChange]:
    """One line of the preview, with what it is sorted by."""
    person, standing = step.known.person, step.standing
    before = Place(None, None)
    if standing is not None and standing.state in OPEN_STATES:
        before = Place(standing.profile_id, standing.structure_id)
    after, reason = before, await giver.refuses(step)
    if step.act is Act.CUT:
        after = Place(None, None)
    elif not reason:
        after = Place(settling.profile_after(step), step.given.structure_id or before.structure_id)

    def profile(place: Place) -> str:
        return giver.profiles[place.profile_id][0].name if place.profile_id is not None else ""

    def structure(place: Place) -> str:
        return names.get(place.structure_id, "") if place.structure_id is not None else ""

    told = tenancy_pb2.DirectoryChange(
        account_id=str(person.account_id),
        name=_name(person.latest),
        profile_before=profile(before),
        profile_after=profile(after),
        structure_before=structure(before),
        structure_after=structure(after),
        reason=reason,
    )
    return sort_key(f"{person.latest.family_name} {person.latest.given_name}"), told


async def _message(unit: UnitOfWork, mapped: Mapped) -> tenancy_pb2.DirectoryMapping:
    giver = await Giver.of(unit, mapped)
    places = {each.id: each.name for each in await organisations.structures(unit)}

    def named(profile_id: UUID | None) -> str:
        return giver.profiles[profile_id][0].name if profile_id is not None else ""

    return tenancy_pb2.DirectoryMapping(
        rules=[
            tenancy_pb2.DirectoryRule(
                claim=each.claim,
                value=each.value,
                profile_id=str(each.profile_id or ""),
                profile_name=named(each.profile_id),
                structure_id=str(each.structure_id or ""),
                structure_name=places.get(each.structure_id, "") if each.structure_id else "",
                above=giver.above(each.profile_id),
            )
            for each in mapped.rules
        ],
        default_profile_id=str(mapped.default_profile_id or ""),
        default_profile_name=named(mapped.default_profile_id),
        default_above=giver.above(mapped.default_profile_id),
        version=mapped.version,
        owner_id=str(mapped.owner_id or ""),
        owner_name=mapped.owner_name,
        owner_left=mapped.owner_id is not None and not mapped.owner_open,
        saved_at=messages.instant(mapped.saved_at),
    )


def _name(said: Said) -> str:
    return f"{said.given_name} {said.family_name}".strip() or said.mail or said.user_name
