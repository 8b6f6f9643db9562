"""Decisions: who belongs where, and what they may do."""

from uuid import UUID

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import not_found, precondition
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.decisions import Question, Reason, decide
from parvis_tenancy.domain.states import OPEN_STATES, MembershipKind, MembershipState
from parvis_tenancy.models import Membership
from parvis_tenancy.service import authority, messages
from parvis_tenancy.store import accesses, closings, decisions, members, organisations, products, rights
from parvis_tenancy.store.known import Asked, Known

#: Organisations that are looked through for the one in which a product is meant; whoever has more says which.
_MOST_LOOKED_AT = 20
#: How close somebody is to a product: their organisation has it, it is theirs.
_SUBSCRIBED, _ASSIGNED = 1, 2
ASSIGN = "products.assign"
#: Of one organisation, told at once.
MOST_STAFF = 20_000
#: Of one account.
MOST_EMPLOYMENTS = 100


async def resolve_membership(unit: UnitOfWork, account_id: UUID, organisation_id: UUID) -> tenancy_pb2.Membership:
    """The open membership of an account. Raises NOT_FOUND.

    Identity asks when a person who has signed in enters the organisation: that is how an invitation to an account which
    was in use already is accepted, so an invited membership becomes active here.
    """
    await unit.enter(organisation_id)
    found = await members.of_account(unit, account_id, lock=False)
    if found is None or found.state not in OPEN_STATES:
        found = await members.of_linked(unit, account_id)  # a person's own membership comes first
    if found is None or found.state not in OPEN_STATES:
        raise not_found("no_membership")
    if found.state == MembershipState.INVITED:
        await rights.hold_revision(unit)
        found = await members.load(unit, found.id, kind=None)
        if found is None or found.state not in OPEN_STATES:
            raise not_found("no_membership")
        await activate(unit, found)
    contact_ids = [row["contact_id"] for row in await accesses.read(unit, found.id)]
    answer = messages.membership(found.model_dump(), organisation_id, contact_ids)
    answer.profile_id = str(found.profile_id or "")
    return answer


async def staff(unit: UnitOfWork, organisation_id: UUID) -> tenancy_pb2.ListStaffResponse:
    """See RightsService.ListStaff."""
    await unit.enter(organisation_id)
    return tenancy_pb2.ListStaffResponse(
        staff=[
            tenancy_pb2.StaffAccount(
                account_id=str(row["account_id"]),
                profile_id=str(row["profile_id"]),
                name=row["name"],
                mail=row["mail"],
                membership_id=str(row["id"]),
            )
            for row in await members.staff(unit, most=MOST_STAFF)
        ],
        profile_ids=[str(each) for each in await members.profile_ids(unit)],
    )


async def employments(unit: UnitOfWork, account_id: UUID) -> tenancy_pb2.ListEmploymentsResponse:
    """See RightsService.ListEmployments."""
    await unit.as_account(account_id)
    rows, _ = await organisations.page_of_account(unit, organisations.Mine(account_id), [], None, MOST_EMPLOYMENTS)
    return tenancy_pb2.ListEmploymentsResponse(
        employments=[
            tenancy_pb2.Employment(
                organisation=messages.face(row, organisation_id=row["id"], kind=row["organisation_kind"]),
                profile_id=str(row["profile_id"] or ""),
            )
            for row in rows
            if row["kind"] == MembershipKind.STAFF
        ]
    )


async def activate(unit: UnitOfWork, membership: Membership) -> None:
    """An invited membership, locked under `hold_revision`, is in use from now on. Does nothing in any other state."""
    if membership.state != MembershipState.INVITED:
        return
    revision = await rights.next_revision(unit, "membership.activated")
    membership.state = MembershipState.ACTIVE
    membership.activated_at = membership.activated_at or unit.now
    membership.version += 1
    contact_ids = tuple(row["contact_id"] for row in await accesses.read(unit, membership.id))
    authority.membership_changed(unit, membership, contact_ids)
    authority.grants_changed(unit, revision, membership.id)
    unit.record("membership.activated", target_kind="membership", target_id=membership.id)


async def grant_set(unit: UnitOfWork, membership_id: UUID, organisation_id: UUID) -> tenancy_pb2.GrantSet:
    """The compiled rights of a membership that is in use. Raises NOT_FOUND."""
    await unit.enter(organisation_id)
    return await compiled(unit, membership_id)


async def compiled(unit: UnitOfWork, membership_id: UUID) -> tenancy_pb2.GrantSet:
    """As `grant_set`, of the organisation of the transaction."""
    found = await rights.holder(unit, membership_id)
    if found is None or found.state != MembershipState.ACTIVE:
        raise not_found("no_membership")
    answer = compiled_message(unit, membership_id, found)
    closes_at = await closings.closes_at(unit, unit.organisation_id)
    if closes_at is not None:
        answer.closes_at.FromDatetime(closes_at)
    return answer


def compiled_message(unit: UnitOfWork, membership_id: UUID, found: rights.Holder) -> tenancy_pb2.GrantSet:
    """What a membership may do, as it travels."""
    return tenancy_pb2.GrantSet(
        membership_id=str(membership_id),
        organisation_id=str(unit.organisation_id),
        kind=found.kind.value,  # type: ignore[arg-type] # the numbers of the contract
        state=found.state,  # type: ignore[arg-type] # idem
        revision=found.revision,
        advisers_revision=found.advisers_revision,
        rights=[
            tenancy_pb2.CompiledRight(
                code=right.code,
                all=right.advisers is None,
                adviser_ids=map(str, sorted(right.advisers or ())),
                structure_ids=map(str, sorted(right.structures or ())),
            )
            for right in found.compiled.rights
        ],
        product_ids=map(str, found.compiled.products),
        contacts=[
            tenancy_pb2.ContactGrant(contact_id=str(contact_id), folder_template_ids=map(str, folders))
            for contact_id, folders in found.compiled.contacts.items()
        ],
        valid_until=messages.instant(found.compiled.valid_until),
    )


async def check(unit: UnitOfWork, known: Known, right: str, contact_id: UUID | None) -> tenancy_pb2.Decision:
    """Whether the caller holds a right, on a contact when one is named: as the tables say, not as a cache remembers.

    Raises INVALID right_unknown; NOT_FOUND when the caller may not know the contact.
    """
    await authority.known_right(unit, right)
    membership_id = unit.caller.membership_id
    if membership_id is None:
        raise not_found("no_membership")
    asked = await known.for_question(unit, membership_id, right, contact_id)
    if asked.read.states.get(membership_id) != MembershipState.ACTIVE:
        raise not_found("no_membership")
    if contact_id is not None:
        unseen = _reason_against(unit, asked, membership_id, "contacts.read", contact_id)
        if unseen or not asked.contact_exists:
            raise not_found("contact_not_found")
    reason = _reason_against(unit, asked, membership_id, right, contact_id)
    if not reason:
        return tenancy_pb2.Decision(allowed=True)
    return tenancy_pb2.Decision(reason=reason, granters=await authority.granters(unit, right))


def _reason_against(unit: UnitOfWork, asked: Asked, membership_id: UUID, right: str, contact_id: UUID | None) -> Reason:
    if right not in asked.read.facts.catalogue:  # not of this kind of organisation
        return "right_missing"
    question = Question(membership_id, right, "contact" if contact_id is not None else "", contact_id)
    return decide(asked.read.facts, question, unit.now).reason


async def resolve_product(
    unit: UnitOfWork, account_id: UUID, client_id: str, organisation_id: UUID | None
) -> tenancy_pb2.ProductGrant:
    """What a product is told of its user.

    Without an organisation: the only one in which the product is assigned to the account, else the only one that has
    it, else the only one there is. Raises PRECONDITION choose_organisation, NOT_FOUND.
    """
    if not client_id.isprintable():
        raise not_found("no_membership")
    await unit.as_account(account_id)
    candidates: list[tuple[int, UUID, UUID]] = []
    places = await members.organisations_of_account(unit, account_id)
    if organisation_id is None and len(places) > _MOST_LOOKED_AT:
        raise precondition("choose_organisation")
    for each in places if organisation_id is None else {organisation_id} & set(places):
        await unit.enter(each)
        found = await members.of_account(unit, account_id, lock=False)
        if found is None or found.kind != MembershipKind.STAFF or found.state not in OPEN_STATES:
            continue
        product = await products.of_client(unit, client_id, found.id)
        if product is not None:
            closeness = _ASSIGNED if product["assigned"] else _SUBSCRIBED if product["subscribed"] else 0
            candidates.append((closeness, each, found.id))
    if not candidates:
        raise not_found("no_membership")
    closest = max(closeness for closeness, _, _ in candidates)
    chosen = [candidate for candidate in candidates if candidate[0] == closest]
    if len(chosen) > 1:
        raise precondition("choose_organisation")
    _, where, membership_id = chosen[0]
    await unit.enter(where)
    return await _product_grant(unit, where, membership_id, closest)


async def _product_grant(
    unit: UnitOfWork, organisation_id: UUID, membership_id: UUID, closeness: int
) -> tenancy_pb2.ProductGrant:
    assigned = closeness == _ASSIGNED
    entry = await organisations.entry(unit, organisation_id)
    if entry is None:
        raise not_found("no_membership")
    assigners = [] if assigned else await decisions.names_of_holders(unit, ASSIGN, but=membership_id)
    held = None if assigned else await rights.holder(unit, membership_id)
    may_assign = closeness == _SUBSCRIBED and held is not None and ASSIGN in held.rights
    face = messages.face(entry.model_dump(), organisation_id=organisation_id, kind=entry.kind)
    return tenancy_pb2.ProductGrant(
        assigned=assigned,
        organisation=face,
        membership_id=str(membership_id),
        assigners=assigners,
        may_assign=may_assign,
    )
