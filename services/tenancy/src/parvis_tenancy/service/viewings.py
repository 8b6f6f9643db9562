"""Who may see the portal as somebody else sees it: never as who holds more, never across firms (requirement S16)."""

from collections.abc import Iterable
from uuid import UUID

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError, not_found, precondition
from parvis_kit.grants import from_message
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.decisions import CompiledRight
from parvis_tenancy.domain.states import MembershipKind, MembershipState
from parvis_tenancy.models import Membership
from parvis_tenancy.service import authority, reach
from parvis_tenancy.service.rights import compiled
from parvis_tenancy.store import accesses, members, rights

AS_CLIENT, AS_MEMBER = "accesses.view_as", "members.view_as"
#: What a portal access shows of its contacts: whoever looks at it this way must see as much of them anyway.
_SHOWN = ("contacts.read", "documents.read", "invoices.read")


async def resolve(
    unit: UnitOfWork, account_id: UUID, organisation_id: UUID, membership_id: UUID
) -> tenancy_pb2.ViewingSubject:
    """See RightsService.ResolveViewing. It asks the tables, not what is remembered: a right that is gone is gone."""
    await unit.enter(organisation_id)
    viewer = await members.of_account(unit, account_id, lock=False)
    if viewer is None or viewer.kind != MembershipKind.STAFF or viewer.state != MembershipState.ACTIVE:
        raise not_found("no_membership")
    unit.grants = from_message(await compiled(unit, viewer.id))
    subject = await unit.get(Membership, (organisation_id, membership_id))
    portal = subject is not None and subject.kind == MembershipKind.PORTAL
    await _hold(unit, AS_CLIENT if portal else AS_MEMBER)
    if subject is None:
        raise not_found("membership_not_found")
    if portal:
        await _reach(unit, membership_id)
    if subject.account_id == account_id:
        raise precondition("viewing_oneself")
    if not portal:
        await _in_tier(unit, viewer, subject)
        await authority.below_ceiling(unit, await _above(unit, viewer.id, membership_id))
    # Last: who is told this may read who viewed as them before.
    if subject.state != MembershipState.ACTIVE:
        raise precondition("access_not_in_use")
    return tenancy_pb2.ViewingSubject(
        account_id=str(subject.account_id),
        kind=subject.kind,  # type: ignore[arg-type] # the numbers of the contract
        name=_name(subject),
        viewer_name=_name(viewer),
        viewer_membership_id=str(viewer.id),
    )


async def _hold(unit: UnitOfWork, right: str) -> None:
    if not unit.grants.allows(right):
        raise await authority.refusal(unit, "right_missing", right)


async def _in_tier(unit: UnitOfWork, viewer: Membership, subject: Membership) -> None:
    """Raises FORBIDDEN out_of_tier when the subject is not in the part of the organisation that the viewer
    administers.
    """
    top = viewer.tier_id
    if top is not None and subject.structure_id not in await authority.parts(unit, top):
        raise await authority.out_of_tier(unit, AS_MEMBER, top, but=viewer.id)


async def _reach(unit: UnitOfWork, membership_id: UUID) -> None:
    """Raises NOT_FOUND membership_not_found where the viewer may not know the contacts of a portal access, FORBIDDEN
    right_missing or out_of_scope where it shows what they may not see of them.
    """
    for row in await accesses.read(unit, membership_id):
        try:
            advisers = await reach.advisers_of_visible(unit, row["contact_id"])
        except ServiceError as error:
            raise not_found("membership_not_found") from error
        for right in (AS_CLIENT, *_SHOWN):
            await _hold(unit, right)
            await reach.may_act(unit, advisers, right)


async def _above(unit: UnitOfWork, viewer_id: UUID, subject_id: UUID) -> tuple[str, ...]:
    """The rights that a member holds and their viewer does not, or over fewer contacts."""
    held = await rights.holder(unit, viewer_id)
    shown = await rights.holder(unit, subject_id)
    if held is None or shown is None:
        raise not_found("membership_not_found")
    return above(held.compiled.rights, shown.compiled.rights)


def above(held: Iterable[CompiledRight], shown: Iterable[CompiledRight]) -> tuple[str, ...]:
    """The codes of `shown` that reach where `held` does not: to view as a colleague shows the contacts of theirs."""
    reached = {right.code: right for right in held}
    return tuple(right.code for right in shown if not _covers(reached.get(right.code), right))


def _covers(held: CompiledRight | None, shown: CompiledRight) -> bool:
    if held is None:
        return False
    if held.structures is not None and not (shown.structures is not None and shown.structures <= held.structures):
        return False
    if held.advisers is None:
        return True
    return shown.advisers is not None and shown.advisers <= held.advisers


def _name(membership: Membership) -> str:
    return f"{membership.given_name} {membership.family_name}".strip() or membership.identifier or membership.mail
