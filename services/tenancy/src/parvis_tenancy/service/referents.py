"""Referents (D7): members who are charged with some of the provider's mail; and whom the provider charges with its
customers, as these may see.
"""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import not_found, precondition
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.catalogue import RIGHTS
from parvis_tenancy.domain.duties import MOST, Duty
from parvis_tenancy.domain.states import MembershipState
from parvis_tenancy.service import invitations, messages
from parvis_tenancy.service.fields import Fields
from parvis_tenancy.store import decisions, members, referents, rights

#: What lets the provider's staff act for a customer.
OVER_CUSTOMERS = ("organisations.manage", "products.manage")
_MOST_FORMER = 50
_MOST_STAFF = 200


async def listed(unit: UnitOfWork) -> tenancy_pb2.ListReferentsResponse:
    """Who is charged with what, and who was before."""
    return tenancy_pb2.ListReferentsResponse(
        referents=map(_message, await referents.now(unit)),
        former=map(_message, await referents.before(unit, _MOST_FORMER)),
    )


async def charge(unit: UnitOfWork, duty: int, membership_ids: Sequence[str]) -> tenancy_pb2.ListReferentsResponse:
    """Charges exactly these members with a duty. Raises INVALID fields_invalid, NOT_FOUND member_not_found,
    PRECONDITION referent_not_active.
    """
    fields = Fields()
    if duty not in set(Duty):
        fields.wrong("duty", "unknown")
    chosen = fields.identifiers("membership_ids", membership_ids)
    if duty in set(Duty) and len(chosen) > MOST[Duty(duty)]:
        fields.wrong("membership_ids", "too_many", most=str(MOST[Duty(duty)]))
    fields.settle()
    await rights.next_revision(unit, "referents.set")
    for each in chosen:
        membership = await members.load(unit, each)
        if membership is None:
            raise not_found("member_not_found")
        if membership.state != MembershipState.ACTIVE:
            name = f"{membership.given_name} {membership.family_name}"
            raise precondition("referent_not_active", name=name)
    if await referents.charge(unit, duty, chosen):
        details = {"duty": Duty(duty).name.lower(), "members": str(len(chosen))}
        unit.record("referents.set", target_kind="organisation", target_id=unit.organisation_id, **details)
    return await listed(unit)


async def provider_staff(unit: UnitOfWork) -> tenancy_pb2.ListProviderStaffResponse:
    """Active staff of the provider who manage customers or their products: who they are, and which of both."""
    own = await invitations.own_organisation(unit)
    # Chosen by the organisation's own row, and only to read what customers may know.
    await unit.enter(own.provider_id)
    provider = await invitations.own_organisation(unit)
    held = defaultdict[UUID, list[str]](list)
    for right in OVER_CUSTOMERS:
        for holder in await decisions.subjects(unit, RIGHTS[right], None, after=None, size=_MOST_STAFF):
            held[holder.id].append(right)
    return tenancy_pb2.ListProviderStaffResponse(
        provider_name=provider.name,
        staff=[
            tenancy_pb2.ProviderStaff(name=row["name"], function=row["function"], rights=held[row["id"]])
            for row in await referents.staff(unit, list(held))
        ],
    )


def _message(row: Record) -> tenancy_pb2.Referent:
    return tenancy_pb2.Referent(
        duty=row["duty"],
        membership_id=str(row["membership_id"]),
        name=row["name"],
        mail=row["mail"] if row["until"] is None else "",
        function=row["function"],
        since=messages.instant(row["since"]),
        until=messages.instant(row["until"]),
    )
