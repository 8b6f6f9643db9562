"""The staff of an organisation."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit import paging
from parvis_kit.errors import conflict, not_found, precondition
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import catalogue
from parvis_tenancy.domain import rights as rules
from parvis_tenancy.domain.directory import Hand
from parvis_tenancy.domain.rights import Carried
from parvis_tenancy.domain.states import MembershipState
from parvis_tenancy.models import Membership, Profile
from parvis_tenancy.service import authority, differences, hands, invitations, messages, seats
from parvis_tenancy.service.accounts import Identity, PersonName
from parvis_tenancy.service.fields import Fields
from parvis_tenancy.service.invitations import Invitation
from parvis_tenancy.store import members, organisations, rights
from parvis_tenancy.store.search import by_name, patterns

_SHOWN = (MembershipState.INVITED, MembershipState.ACTIVE, MembershipState.CUT)


async def page(unit: UnitOfWork, request: tenancy_pb2.ListMembersRequest) -> tuple[list[tenancy_pb2.Member], str, int]:
    """A page of members by name, the token of the next page, and how many match. State 0: all but withdrawn."""
    fields = Fields()
    states = fields.choice("state", request.state, MembershipState)
    product_id = fields.identifier("product_id", request.product_id)
    fields.settle()
    size = paging.size(request.page_size)
    rows, total = await members.page(
        unit,
        states=states if request.state else [int(each) for each in _SHOWN],
        patterns=patterns(request.query),
        product_id=product_id,
        after=paging.cursor(request.page_token),
        size=size + 1,
    )
    shown, token = paging.cut(rows, size, by_name(total))
    return [messages.member(row, unit.caller.membership_id) for row in shown], token, total


async def one(unit: UnitOfWork, membership_id: UUID) -> tenancy_pb2.Member:
    """A member. Raises NOT_FOUND."""
    row = await members.one(unit, membership_id)
    if row is None:
        raise not_found("member_not_found")
    answer = messages.member(row, unit.caller.membership_id)
    if row["directory"] == Hand.FOLLOWED:
        answer.directory_decides.extend(sorted(await hands.decided(unit, row["account_id"])))
    return answer


async def own(unit: UnitOfWork) -> list[tuple[UUID, UUID]]:
    """Organisation and membership of each membership of the caller's account, ended ones too. Raises PRECONDITION
    door_closed where only a firm's provider vouched for it.
    """
    if unit.caller.acr == "0" and unit.caller.organisation_id is None:
        raise precondition("door_closed", step="own")
    if unit.caller.account_id is None:
        raise not_found()
    return await members.every_of_account(unit, unit.caller.account_id)


async def administrations(unit: UnitOfWork, account_id: UUID) -> list[tenancy_pb2.Administration]:
    """The organisations that an account administers, and who else does."""
    await unit.as_account(account_id)
    found = []
    for organisation_id, membership_id in await rights.administered(unit, account_id):
        await unit.enter(organisation_id)
        entry = await organisations.entry(unit, organisation_id)
        if entry is not None:
            others = map(str, await rights.other_administrators(unit, membership_id))
            found.append(tenancy_pb2.Administration(slug=entry.slug, name=entry.name, other_account_ids=others))
    return found


async def invite(
    unit: UnitOfWork, identity: Identity, request: tenancy_pb2.InviteMemberRequest, profile_id: UUID
) -> tenancy_pb2.Member:
    """Invites a person, with all the products that are named, or not at all.

    Raises CONFLICT already_member, FORBIDDEN above_ceiling, right_missing, NOT_FOUND, INVALID fields_invalid,
    PRECONDITION not_subscribed, seats_exhausted, step_up_required (for a profile that administers).
    """
    fields = Fields()
    product_ids = fields.identifiers("product_ids", request.product_ids)
    mail = fields.mail("mail", request.mail, required=True)
    person = PersonName(
        given_name=fields.person_name("given_name", request.given_name),
        family_name=fields.person_name("family_name", request.family_name),
        locale=fields.locale("locale", request.locale),
    )
    function = fields.text("function", request.function)
    fields.settle()
    structure_id = await place_of_new(unit, request.structure_id)
    await may_give(unit, profile_id)
    await seats.may_be_taken(unit, product_ids, structure_id)
    # Before anything is locked: nobody waits for identity.
    account = await identity.personal_account(mail, person)
    revision = await rights.next_revision(unit, "member.invited")
    await may_give(unit, profile_id)
    invitation = Invitation(mail, person, function, structure_id)
    async with authority.below_law(unit):
        membership = await invitations.enrol(unit, invitation, account, await giveable(unit, profile_id), revision)
    await seats.take(unit, membership, product_ids)
    organisation = await invitations.own_organisation(unit)
    await invitations.announce(unit, membership, organisation, await invitations.own_name(unit))
    unit.record("member.invited", target_kind="membership", target_id=membership.id, profile=membership.profile_name)
    return await one(unit, membership.id)


async def resend(unit: UnitOfWork, identity: Identity, membership_id: UUID) -> tenancy_pb2.Member:
    """Sends the welcome mail again with a new link. Raises PRECONDITION not_invited."""
    membership = await _invited(unit, membership_id)
    await authority.may_act_on(unit, membership, right=authority.INVITE)
    await identity.revoke_links(membership.account_id)
    membership.invited_at = unit.now
    membership.version += 1
    organisation = await invitations.own_organisation(unit)
    await invitations.announce(unit, membership, organisation, await invitations.own_name(unit))
    authority.membership_changed(unit, membership)
    unit.record("member.invited_again", target_kind="membership", target_id=membership.id)
    return await one(unit, membership_id)


async def withdraw(unit: UnitOfWork, identity: Identity, membership_id: UUID) -> tenancy_pb2.Member:
    """Takes an invitation back; its link stops working. Raises PRECONDITION not_invited."""
    revision = await rights.next_revision(unit, "member.withdrawn")
    membership = await _invited(unit, membership_id)
    await authority.may_act_on(unit, membership, right=authority.INVITE)
    await identity.revoke_links(membership.account_id)
    await _set_state(unit, membership, MembershipState.WITHDRAWN, revision)
    await seats.give_up(unit, membership)
    unit.record("member.withdrawn", target_kind="membership", target_id=membership.id)
    return await one(unit, membership_id)


async def cut(unit: UnitOfWork, membership_id: UUID, reason: str = "") -> tenancy_pb2.Member:
    """Cuts an access at once; does nothing when it is cut.

    Raises PRECONDITION last_administrator, own_access or not_active (an invitation is withdrawn instead), FORBIDDEN
    above_ceiling.
    """
    revision = await rights.next_revision(unit, "member.cut", _reason(reason))
    membership = await load(unit, membership_id)
    if membership.state != MembershipState.CUT:
        await authority.keep_an_administrator(unit, membership)
        if membership.id == unit.caller.membership_id:
            raise precondition("own_access")
        if membership.state != MembershipState.ACTIVE:
            raise precondition("not_active")
        await authority.may_act_on(unit, membership)
        end_access(unit, membership)
        await _set_state(unit, membership, MembershipState.CUT, revision)
        unit.record("member.cut", target_kind="membership", target_id=membership.id)
    return await one(unit, membership_id)


async def reopen(unit: UnitOfWork, membership_id: UUID, reason: str = "") -> tenancy_pb2.Member:
    """Opens an access that was cut, with the products that a seat is free for: the answer names the others.

    Raises PRECONDITION withdrawn, directory_decides, step_up_required (for whoever administers), FORBIDDEN
    above_ceiling.
    """
    lost: list[str] = []
    revision = await rights.next_revision(unit, "member.reopened", _reason(reason))
    membership = await load(unit, membership_id)
    if membership.state == MembershipState.WITHDRAWN:
        raise precondition("withdrawn")
    if membership.state == MembershipState.CUT:
        if membership.cut_by_directory and membership.directory == Hand.FOLLOWED:
            raise precondition("directory_decides")
        await authority.may_act_on(unit, membership)
        found = await rights.holder(unit, membership_id)
        authority.proven(unit, found.rights if found else None)
        membership.cut_by_directory = False
        lost = await seats.take_again(unit, membership)
        async with authority.below_law(unit):
            await _set_state(unit, membership, MembershipState.ACTIVE, revision)
        unit.record("member.reopened", target_kind="membership", target_id=membership.id)
    answer = await one(unit, membership_id)
    answer.products_lost.extend(lost)
    return answer


@dataclass(frozen=True, slots=True)
class MemberChange:
    """What a member becomes, and why."""

    function: str
    profile_id: UUID
    structure_id: str
    version: int
    reason: str = ""


async def update(unit: UnitOfWork, membership_id: UUID, change: MemberChange) -> tenancy_pb2.Member:
    """Changes function, profile or structure. What differs from the profile stays so, as far as it can.

    Raises CONFLICT stale_version, PRECONDITION last_administrator, withdrawn, profile_inactive, directory_decides,
    step_up_required (for another profile), FORBIDDEN above_ceiling, out_of_tier, NOT_FOUND, INVALID fields_invalid.
    """
    fields = Fields()
    function = fields.text("function", change.function)
    reason = fields.reason(change.reason)
    fields.settle()
    revision = await rights.next_revision(unit, "member.changed", reason)
    membership = await load(unit, membership_id)
    if membership.version != change.version:
        raise conflict("stale_version", version=str(membership.version))
    if membership.state == MembershipState.WITHDRAWN:
        raise precondition("withdrawn")
    await authority.in_tier(unit, membership.structure_id, right=authority.MANAGE)
    structure_id = await existing_structure(unit, change.structure_id)
    elsewhere = structure_id != membership.structure_id
    asked = {"profile": change.profile_id != membership.profile_id, "structure": elsewhere}
    if asked["profile"]:
        authority.proven(unit)
    await hands.left_to(unit, membership, {**asked, "function": function != membership.function})
    carried: Sequence[Carried] = ()
    if change.profile_id != membership.profile_id or structure_id != membership.structure_id:
        async with authority.below_law(unit):
            await _place(unit, membership, structure_id)
            carried = await _move(unit, membership, change.profile_id)
        await authority.rights_changed(unit, revision, membership.id)
    membership.function = function
    membership.version += 1
    invitations.refresh_keys(membership)
    authority.membership_changed(unit, membership)
    unit.record("member.changed", target_kind="membership", target_id=membership.id, profile=membership.profile_name)
    answer = await one(unit, membership_id)
    answer.carried.extend(messages.carried(carried))
    return answer


def end_access(unit: UnitOfWork, membership: Membership) -> None:
    """Puts the end of a membership on the revocation stream."""
    event = events_pb2.MembershipCut(membership_id=str(membership.id), account_id=str(membership.account_id))
    unit.emit(event, aggregate_id=membership.id)


async def _place(unit: UnitOfWork, membership: Membership, structure_id: UUID | None) -> None:
    """Moves a member to another structure."""
    if structure_id == membership.structure_id:
        return
    await authority.may_act_on(unit, membership)
    await authority.in_tier(unit, structure_id, right=authority.MANAGE)
    membership.structure_id = structure_id


async def _move(unit: UnitOfWork, membership: Membership, profile_id: UUID) -> Sequence[Carried]:
    """Gives a member another profile; returns what it carried away of what they have otherwise."""
    if profile_id == membership.profile_id:
        return ()
    await authority.may_act_on(unit, membership, profile_id)
    profile = await giveable(unit, profile_id)
    if profile.built_in != catalogue.ADMINISTRATOR:
        await authority.keep_an_administrator(unit, membership)
    membership.profile_id = profile.id
    membership.profile_name = profile.name
    membership.profile_built_in = profile.built_in
    return await differences.follow(unit, membership)


async def _set_state(unit: UnitOfWork, membership: Membership, state: MembershipState, revision: int) -> None:
    membership.state = int(state)
    membership.version += 1
    authority.membership_changed(unit, membership)
    await authority.rights_changed(unit, revision, membership.id)


async def may_give(unit: UnitOfWork, profile_id: UUID) -> None:
    """Raises FORBIDDEN above_ceiling when a profile holds what the caller does not, NOT_FOUND profile_not_found,
    PRECONDITION step_up_required when it administers and the caller has not just proven who they are.
    """
    wanted = await authority.rights_of_profile(unit, profile_id)
    await authority.below_ceiling(unit, rules.above(wanted, await authority.own_rights(unit)))
    authority.proven(unit, wanted)


async def giveable(unit: UnitOfWork, profile_id: UUID) -> Profile:
    """A profile that can be given. Raises NOT_FOUND profile_not_found, PRECONDITION profile_inactive."""
    profile = await members.profile(unit, profile_id)
    if profile is None:
        raise not_found("profile_not_found")
    if profile.inactive:
        raise precondition("profile_inactive", name=profile.name)
    return profile


async def place_of_new(unit: UnitOfWork, structure_id: str) -> UUID | None:
    """Where somebody new is: the structure that was chosen; for whoever administers a part, one in it, that part itself
    by default. Raises FORBIDDEN out_of_tier, and what `existing_structure` raises.
    """
    chosen = await existing_structure(unit, structure_id) or await authority.limit(unit)
    await authority.in_tier(unit, chosen, right=authority.INVITE)
    return chosen


async def existing_structure(unit: UnitOfWork, structure_id: str, field: str = "structure_id") -> UUID | None:
    """A structure that was chosen, or none. Raises NOT_FOUND structure_not_found, INVALID fields_invalid."""
    fields = Fields()
    chosen = fields.identifier(field, structure_id)
    fields.settle()
    if chosen is not None and await members.structure(unit, chosen) is None:
        raise not_found("structure_not_found")
    return chosen


def _reason(typed: str) -> str:
    fields = Fields()
    clean = fields.reason(typed)
    fields.settle()
    return clean


async def load(unit: UnitOfWork, membership_id: UUID) -> Membership:
    """A member to change, locked. Raises NOT_FOUND member_not_found."""
    membership = await members.load(unit, membership_id)
    if membership is None:
        raise not_found("member_not_found")
    return membership


async def _invited(unit: UnitOfWork, membership_id: UUID) -> Membership:
    membership = await load(unit, membership_id)
    if membership.state != MembershipState.INVITED:
        raise precondition("not_invited")
    return membership
