"""The ceiling, and telling everyone that rights changed. What changes rights never rests on a cached grant set."""

from uuid import UUID

from parvis.tenancy.v1 import events_pb2
from parvis_kit.errors import ServiceError, forbidden, invalid, not_found, precondition
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import catalogue
from parvis_tenancy.domain import rights as rules
from parvis_tenancy.domain.catalogue import Right, Rights
from parvis_tenancy.domain.scopes import Scope
from parvis_tenancy.domain.states import MembershipKind, MembershipState
from parvis_tenancy.models import Membership
from parvis_tenancy.store import decisions, rights

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


async def granters(unit: UnitOfWork, right: str, scope: Scope = Scope.ALL) -> list[str]:
    """Names of those beside the caller who can give the right, as far as `scope`: they change profiles or members, and
    hold it themselves. Nobody where it does not exist.
    """
    meant = (await rights.existing(unit)).get(right)
    if meant is None:
        return []
    through = ("members.manage", "profiles.manage")
    found = await decisions.granters(unit, meant, scope, through)
    return [name for each, name in found if each != unit.caller.membership_id][:_MOST_NAMED]


async def refusal(unit: UnitOfWork, reason: str, right: str) -> ServiceError:
    """FORBIDDEN with the right that is missing and who can help."""
    return forbidden(reason, right=right, helpers=await helpers(unit, right))


async def below_ceiling(unit: UnitOfWork, codes: tuple[str, ...]) -> None:
    """Raises FORBIDDEN above_ceiling when an act touches rights that its caller does not hold."""
    if codes:
        helpful = await helpers(unit, codes[0])
        raise forbidden("above_ceiling", right=codes[0], rights=", ".join(codes), helpers=helpful)


async def rights_of_profile(unit: UnitOfWork, profile_id: UUID) -> Rights:
    """The rights of a profile named in a request. Raises NOT_FOUND profile_not_found."""
    found = await rights.rights_of_profile(unit, profile_id)
    if found is None:
        raise not_found("profile_not_found")
    return found


async def may_act_on(unit: UnitOfWork, membership: Membership, new_profile: UUID | None = None) -> None:
    """Raises FORBIDDEN above_ceiling when the member, or the profile that they would get, is above the caller."""
    held = await own_rights(unit)
    old = await rights_of_profile(unit, _profile(membership))
    new = await rights_of_profile(unit, new_profile) if new_profile is not None else old
    await below_ceiling(unit, rules.above_when_moving(old, new, held))


async def keep_an_administrator(unit: UnitOfWork, membership: Membership) -> None:
    """Raises PRECONDITION last_administrator when nobody else could give rights. Only under `next_revision`."""
    administers = membership.profile_built_in == catalogue.ADMINISTRATOR and membership.state == MembershipState.ACTIVE
    if administers and await rights.other_administrators(unit, membership.id) == 0:
        raise precondition("last_administrator")


def grants_changed(unit: UnitOfWork, revision: int, *membership_ids: UUID) -> None:
    """Broadcasts that these memberships (none named: all) may do something else from this revision on."""
    event = events_pb2.GrantsChanged(membership_ids=map(str, membership_ids), revision=revision)
    unit.emit(event, aggregate_id=unit.organisation_id, version=revision)


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


def _profile(membership: Membership) -> UUID:
    if membership.kind != MembershipKind.STAFF or membership.profile_id is None:
        raise not_found()
    return membership.profile_id
