"""Colleagues who are of the directory without its knowing: they leave with the person that the directory knows."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.catalogue import ADMINISTRATOR
from parvis_tenancy.domain.states import OPEN_STATES, MembershipKind, MembershipState
from parvis_tenancy.models import Membership
from parvis_tenancy.service import authority, members, notices, seats
from parvis_tenancy.store import delegations, rights


async def beside(unit: UnitOfWork, account_ids: Collection[UUID], leaver: UUID) -> None:
    """Cuts what these accounts have as staff, as if somebody had cut it: the directory does not open it again.
    `leaver`: the account of the directory's person. An administrator's access stays: whoever writes to the directory
    may be given less than administrators are, and those who set it up decide.
    """
    await rights.hold_revision(unit)
    statement = select(Membership).where(
        col(Membership.organisation_id) == unit.organisation_id,
        col(Membership.account_id).in_(account_ids),
        col(Membership.kind) == MembershipKind.STAFF,
        col(Membership.state).in_(OPEN_STATES),
    )
    found = await unit.scalars(statement.order_by(col(Membership.id)).with_for_update())
    if not found:
        return
    leaving, ended = [each for each in found if each.profile_built_in != ADMINISTRATOR], list[UUID]()
    for each in found:
        if each not in leaving:
            unit.record("directory.not_cut_beside", **_told(each, leaver), reason="administrator")
            name = f"{each.given_name} {each.family_name}".strip()
            await notices.tell(unit, "directory_leaver_kept", {"person": name}, about=each.id, but=each.id)
    if not leaving:
        return
    revision = await rights.next_revision(unit, "directory.cut_beside")
    for each in leaving:
        if each.state == MembershipState.INVITED:
            each.state = int(MembershipState.WITHDRAWN)
            await seats.give_up(unit, each)
        else:
            members.end_access(unit, each)
            each.state, each.cut_by_directory = int(MembershipState.CUT), False
        each.version += 1
        authority.membership_changed(unit, each)
        unit.record("directory.cut_beside", **_told(each, leaver))
        await unit.flush()
        ended.append(each.id)
    if ended:
        authority.grants_changed(unit, revision, *ended, *await delegations.deputies(unit, *ended))


def _told(membership: Membership, leaver: UUID) -> dict[str, Any]:
    return {"target_kind": "membership", "target_id": membership.id, "leaver": str(leaver), "why": "same_mail"}
