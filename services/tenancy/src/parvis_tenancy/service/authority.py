"""The ceiling, and telling everyone that rights changed. What changes rights never rests on a cached grant set.

Acts that could lift somebody are first held against the rights of whoever acts, which names what is missing; then what
they did is measured on the facts (`below_law`), whichever way it took.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

from parvis.tenancy.v1 import events_pb2
from parvis_kit.errors import ServiceError, forbidden, invalid, not_found, precondition
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import catalogue, ceiling
from parvis_tenancy.domain import rights as rules
from parvis_tenancy.domain.catalogue import Right, Rights
from parvis_tenancy.domain.facts import Facts
from parvis_tenancy.domain.scopes import Scope
from parvis_tenancy.domain.states import MembershipKind, MembershipState
from parvis_tenancy.models import Membership
from parvis_tenancy.store import accesses, decisions, delegations, facts, members, rights, structures
from parvis_tenancy.store.facts import Moment

INVITE, MANAGE = "members.invite", "members.manage"

_MOST_NAMED = 5


async def own_rights(unit: UnitOfWork) -> Rights:
    """What the caller holds now, as the tables say."""
    membership_id = unit.caller.membership_id
    found = await rights.holder(unit, membership_id) if membership_id is not None else None
    if found is None or found.state != MembershipState.ACTIVE:
        return {}
    return found.rights


async def helpers(unit: UnitOfWork, right: str) -> str:
    """Names of those who can give the right, for the page that says so: "Ana Ruiz, Paul Petit"."""
    return ", ".join(await granters(unit, right))


async def granters(
    unit: UnitOfWork, right: str, scope: Scope = Scope.ALL, *, everywhere: bool = False, but: UUID | None = None
) -> list[str]:
    """Names of those beside the caller (or `but`) who can give the right, as far as `scope`: they change profiles or
    members, and hold it themselves, `everywhere`: over the whole organisation. Nobody where it does not exist.
    """
    meant = (await rights.existing(unit)).get(right)
    if meant is None:
        return []
    meant = replace(meant, whole=meant.whole or everywhere)
    reader = but or unit.caller.membership_id
    through = ("members.manage", "profiles.manage")
    found = await decisions.granters(unit, meant, scope, through)
    return [name for each, name in found if each != reader][:_MOST_NAMED]


async def refusal(unit: UnitOfWork, reason: str, right: str) -> ServiceError:
    """FORBIDDEN with the right that is missing and who can help."""
    return forbidden(reason, right=right, helpers=await helpers(unit, right))


async def below_ceiling(unit: UnitOfWork, codes: tuple[str, ...]) -> None:
    """Raises FORBIDDEN above_ceiling when an act touches rights that its caller does not hold."""
    if codes:
        helpful = await helpers(unit, codes[0])
        raise forbidden("above_ceiling", right=codes[0], rights=", ".join(codes), helpers=helpful)


def proven(unit: UnitOfWork, given: Rights | None = None) -> None:
    """Raises PRECONDITION step_up_required when the caller has not just proven who they are. `given`: what an act gives
    somebody; only that which administers asks for a proof.
    """
    sensitive = given is None or not catalogue.ADMINISTRATIVE.isdisjoint(given)
    if sensitive and not unit.caller.is_fresh:
        raise precondition("step_up_required")


async def may_change(unit: UnitOfWork, old: Rights, asked: Rights, new: Rights) -> None:
    """Raises FORBIDDEN above_ceiling when a change of rights touches what the caller does not hold: what was `asked`
    first, then what it carried along.
    """
    held = await own_rights(unit)
    first = rules.above_when_saving(old, asked, held)
    codes = (*first, *(code for code in rules.above_when_saving(old, new, held) if code not in first))
    await below_ceiling(unit, codes)


async def rights_of_profile(unit: UnitOfWork, profile_id: UUID) -> Rights:
    """The rights of a profile named in a request. Raises NOT_FOUND profile_not_found."""
    found = await rights.rights_of_profile(unit, profile_id)
    if found is None:
        raise not_found("profile_not_found")
    return found


async def may_act_on(
    unit: UnitOfWork, membership: Membership, new_profile: UUID | None = None, *, right: str = MANAGE
) -> None:
    """Raises FORBIDDEN out_of_tier when the member is not in the part that the caller administers, above_ceiling when
    they, or the profile that they would get, are above the caller.
    """
    tier = await own_tier(unit)
    await in_tier(unit, membership.structure_id, right=right, tier=tier)
    held = await own_rights(unit)
    found = await rights.holder(unit, membership.id)
    if found is None or found.kind != MembershipKind.STAFF:
        raise not_found()
    new = await rights_of_profile(unit, new_profile) if new_profile is not None else {}
    above = set(rules.above_when_moving(found.rights, new, held))
    if tier is not None and membership.tier_id not in tier:
        above |= {code for code in found.rights if code in catalogue.RIGHTS and catalogue.RIGHTS[code].tiered}
    await below_ceiling(unit, tuple(sorted(above)))


async def limit(unit: UnitOfWork) -> UUID | None:
    """The structure to which the caller's administration of people is limited; None: it is not."""
    own = unit.caller.membership_id
    found = await unit.get(Membership, (unit.organisation_id, own)) if own is not None else None
    return None if found is None else found.tier_id


async def quota(unit: UnitOfWork) -> int | None:
    """How many accesses the caller may have granted; None: any number."""
    own = unit.caller.membership_id
    return None if own is None else (await accesses.quota(unit, own))[0]


async def own_tier(unit: UnitOfWork) -> frozenset[UUID] | None:
    """That structure with all its parts."""
    top = await limit(unit)
    return None if top is None else await parts(unit, top)


async def parts(unit: UnitOfWork, top: UUID) -> frozenset[UUID]:
    """A structure with all its parts."""
    return Facts({}, structures=await structures.parents(unit)).structures_within(top)


async def in_tier(
    unit: UnitOfWork, structure_id: UUID | None, *, right: str, tier: frozenset[UUID] | None = None
) -> None:
    """Raises FORBIDDEN out_of_tier when a place (None: no structure) is outside the part that the caller administers.
    `tier`: as `own_tier` says, when it was asked already.
    """
    tier = tier if tier is not None else await own_tier(unit)
    if tier is not None and structure_id not in tier:
        top = await limit(unit)
        raise await out_of_tier(unit, right, top)


async def out_of_tier(unit: UnitOfWork, right: str, top: UUID | None, but: UUID | None = None) -> ServiceError:
    """FORBIDDEN for whoever administers the structure `top` only (the caller, or `but`), with its name and who can
    help: who administers the whole organisation.
    """
    place = await members.structure(unit, top) if top is not None else None
    helpful = ", ".join(await granters(unit, right, everywhere=True, but=but))
    return forbidden("out_of_tier", right=right, structure="" if place is None else place.name, helpers=helpful)


@asynccontextmanager
async def below_law(unit: UnitOfWork) -> AsyncIterator[None]:
    """What is done inside lifts nobody above what the caller could give: else raises FORBIDDEN above_ceiling. Only
    under `next_revision`, so that nobody else changes what is measured.
    """
    if await _gives_anything(unit):
        yield
        return
    before = await everybody(unit)
    yield
    await below_ceiling(unit, ceiling.beyond(before, await everybody(unit), unit.caller.membership_id, unit.now))


async def everybody(unit: UnitOfWork) -> Facts:
    """All facts about members as the ceiling looks at them: who is invited counts as active."""
    read = await facts.of_staff(unit, Moment(unit.now))
    invited = [each for each, state in read.states.items() if state == MembershipState.INVITED]
    return ceiling.as_when_all_arrived(read.facts, invited)


async def _gives_anything(unit: UnitOfWork) -> bool:
    """Whether the caller holds all that exists, over everything and everybody: there is nothing to measure then."""
    held = await own_rights(unit)
    exist = await rights.existing(unit)
    return all(held.get(code) is Scope.ALL for code in exist) and await own_tier(unit) is None


async def keep_an_administrator(unit: UnitOfWork, membership: Membership) -> None:
    """Raises PRECONDITION last_administrator when nobody else could give rights. Only under `next_revision`."""
    active = membership.state == MembershipState.ACTIVE
    administers = active and membership.profile_built_in == catalogue.ADMINISTRATOR and membership.tier_id is None
    if administers and not await rights.other_administrators(unit, membership.id):
        raise precondition("last_administrator")


def grants_changed(unit: UnitOfWork, revision: int, *membership_ids: UUID) -> None:
    """Broadcasts that these memberships (none named: all) may do something else from this revision on."""
    event = events_pb2.GrantsChanged(membership_ids=map(str, membership_ids), revision=revision)
    unit.emit(event, aggregate_id=unit.organisation_id, version=revision)


async def rights_changed(unit: UnitOfWork, revision: int, membership_id: UUID) -> None:
    """Broadcasts that a member holds something else of their own from this revision on: so do those who stand in for
    them.
    """
    grants_changed(unit, revision, membership_id, *await delegations.deputies(unit, membership_id))


def membership_changed(unit: UnitOfWork, membership: Membership, contact_ids: tuple[UUID, ...] = ()) -> None:
    """Tells the others how a membership is now."""
    event = events_pb2.MembershipChanged(
        membership_id=str(membership.id),
        account_id=str(membership.account_id),
        kind=membership.kind,  # type: ignore[arg-type] # the numbers of the contract
        state=membership.state,  # type: ignore[arg-type] # idem
        given_name=membership.given_name,
        family_name=membership.family_name,
        mail=membership.mail,
        locale=membership.locale,
        contact_ids=map(str, contact_ids),
    )
    unit.emit(event, aggregate_id=membership.id, version=membership.version)


async def known_right(unit: UnitOfWork, code: str) -> Right:
    """A right of the catalogue, or of a product that the organisation has. Raises INVALID right_unknown."""
    found = catalogue.RIGHTS.get(code) or (await rights.existing(unit)).get(code)
    if found is None:
        raise invalid("right_unknown", right=code)
    return found


def profile_of(membership: Membership) -> UUID:
    """The profile of a member. Raises NOT_FOUND for a portal access, which has none."""
    if membership.profile_id is None:
        raise not_found()
    return membership.profile_id
