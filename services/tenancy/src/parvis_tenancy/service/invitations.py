"""Inviting people to the staff: the account, the membership, the mail."""

from dataclasses import dataclass
from uuid import UUID

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import events_pb2
from parvis_kit.errors import conflict, not_found
from parvis_kit.ids import uuid7
from parvis_kit.text import search_key
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.directory import Hand
from parvis_tenancy.domain.states import MembershipKind, MembershipState, RequestState
from parvis_tenancy.models import Membership, Organisation, Profile
from parvis_tenancy.service import authority
from parvis_tenancy.service.accounts import PersonName
from parvis_tenancy.store import members, organisations, personal, requests, structures
from parvis_tenancy.store.search import sort_key


@dataclass(frozen=True, slots=True)
class Invitation:
    """Who is to join, as what."""

    mail: str
    name: PersonName
    function: str = ""
    structure_id: UUID | None = None


async def enrol(
    unit: UnitOfWork, invitation: Invitation, account: identity_pb2.Account, profile: Profile, revision: int
) -> Membership:
    """The membership of the account, in state invited: a new one, or one that was withdrawn.

    Names are those that the firm typed, until the person changes their own: an invitation does not tell whose mail
    it is. Raises CONFLICT already_member, NOT_FOUND structure_not_found when it was deleted meanwhile.
    """
    place, account_id, tier_id = invitation.structure_id, UUID(account.id), await authority.limit(unit)
    if place is not None and place not in await structures.parents(unit):
        raise not_found("structure_not_found")
    quota = await authority.quota(unit)
    membership = await members.of_account(unit, account_id)
    if membership is not None and membership.state != MembershipState.WITHDRAWN:
        raise conflict("already_member", membership=str(membership.id))
    if membership is None:
        membership = Membership(
            organisation_id=unit.organisation_id,
            id=uuid7(),
            account_id=account_id,
            kind=int(MembershipKind.STAFF),
            state=int(MembershipState.INVITED),
            given_name="",
            family_name="",
            mail="",
            invited_at=unit.now,
            version=0,
            created_at=unit.now,
        )
        unit.add(membership)
    membership.state = int(MembershipState.INVITED)
    membership.given_name = invitation.name.given_name
    membership.family_name = invitation.name.family_name
    membership.mail = account.mail or invitation.mail
    membership.locale = account.locale or invitation.name.locale
    membership.function = invitation.function
    membership.structure_id = place
    # Whoever administers a part of the organisation makes nobody who administers more, and whoever may grant so many
    # accesses nobody who may grant more. Of what somebody was before their invitation was withdrawn, nothing is left.
    membership.tier_id, membership.access_quota = tier_id, quota
    membership.manager_id = None
    membership.directory, membership.cut_by_directory = int(Hand.NONE), False
    membership.profile_id = profile.id
    membership.profile_name = profile.name
    membership.profile_built_in = profile.built_in
    membership.invited_at = unit.now
    membership.activated_at = None
    membership.version += 1
    refresh_keys(membership)
    await unit.flush()
    await personal.replace(unit, membership.id, {})
    # Whoever is a member by now waits for nothing any more, whether they were accepted or invited meanwhile.
    await requests.settle(unit, account_id, RequestState.ACCEPTED)
    authority.membership_changed(unit, membership)
    authority.grants_changed(unit, revision, membership.id)
    return membership


async def announce(unit: UnitOfWork, membership: Membership, organisation: Organisation, inviter_name: str) -> UUID:
    """Asks for the welcome mail, with a link of its own. Returns the link's id."""
    link_id = uuid7()
    event = events_pb2.MemberInvited(
        membership_id=str(membership.id),
        account_id=str(membership.account_id),
        mail=membership.mail,
        given_name=membership.given_name,
        family_name=membership.family_name,
        locale=membership.locale,
        organisation_name=organisation.name,
        organisation_slug=organisation.slug,
        inviter_name=inviter_name,
        profile_name=membership.profile_name,
        link_id=str(link_id),
    )
    unit.emit(event, aggregate_id=membership.id)
    return link_id


async def own_name(unit: UnitOfWork) -> str:
    """The caller's name; empty when a service acts in its own name."""
    if unit.caller.membership_id is None:
        return ""
    row = await members.one(unit, unit.caller.membership_id)
    return "" if row is None else f"{row['given_name']} {row['family_name']}"


async def own_organisation(unit: UnitOfWork) -> Organisation:
    """The organisation of the transaction."""
    found = await organisations.load(unit)
    if found is None:
        raise not_found()
    return found


def refresh_keys(membership: Membership) -> None:
    """What lists sort by and searches look into: family name first."""
    names = f"{membership.family_name} {membership.given_name}"
    membership.sort_key = sort_key(names)
    membership.search_key = search_key(names, membership.mail, membership.function, membership.identifier)
