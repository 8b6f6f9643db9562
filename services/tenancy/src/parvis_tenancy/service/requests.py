"""Requests for an account: they arrive proven from identity, wait for whoever may invite, and end once.

Whoever asked is no member. They see their own request through their account; nothing names the organisation for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit import paging
from parvis_kit.caller import Caller
from parvis_kit.errors import not_found, precondition
from parvis_kit.paging import Cursor
from parvis_kit.unit import Database, UnitOfWork
from parvis_tenancy.domain.catalogue import RIGHTS
from parvis_tenancy.domain.states import VOUCHED_ACR, MembershipState, RequestOutcome, RequestState
from parvis_tenancy.models import AccessRequest, Membership
from parvis_tenancy.service import authority, invitations, members, messages, provision, seats
from parvis_tenancy.service import rights as decisions
from parvis_tenancy.service.accounts import Identity, PersonName
from parvis_tenancy.service.fields import Fields
from parvis_tenancy.service.invitations import Invitation
from parvis_tenancy.store import decisions as holding
from parvis_tenancy.store import members as memberships
from parvis_tenancy.store import organisations, requests, rights
from parvis_watch import jobs

RIGHT = "members.invite"
LONGEST_REASON = 500
#: People who are told of a request, at most.
_TOLD = 50
_SWEEP_EVERY = 900.0  # s
_AT_ONCE = 100
_SELF = Caller("tenancy")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request waits, and how long whoever was declined waits before the next one."""

    answer: timedelta
    again: timedelta


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as identity tells of it."""

    id: UUID
    account_id: UUID
    mail: str
    given_name: str
    family_name: str
    locale: str
    message: str


async def receive(unit: UnitOfWork, asked: Asked, patience: Patience) -> None:
    """Keeps a request whose address is proven and tells who may answer; or tells the person why there is nothing to
    answer. A membership is never touched, and a second request beside an open one changes nothing.
    """
    organisation = await invitations.own_organisation(unit)
    # Held until the commit, so that nobody is made a member meanwhile.
    await rights.hold_revision(unit)
    membership = await memberships.of_account(unit, asked.account_id)
    if (outcome := _membership_against(membership)) is not None:
        return _not_kept(unit, asked, outcome)
    if not organisation.accepts_requests:
        return _not_kept(unit, asked, RequestOutcome.CLOSED)
    # The sweep comes by now and then: what is over by now does not stand in the way of a new one.
    await expire(unit, asked.account_id)
    last = await requests.last(unit, asked.account_id)
    if last is not None and last["state"] == RequestState.DECLINED:
        again = last["answered_at"] + patience.again
        if again > unit.now:
            return _not_kept(unit, asked, RequestOutcome.TOO_SOON, again_on=_day(again, organisation.time_zone))
    if last is not None and last["state"] == RequestState.OPEN:
        return None
    request = AccessRequest(
        organisation_id=unit.organisation_id,
        id=asked.id,
        account_id=asked.account_id,
        state=int(RequestState.OPEN),
        mail=asked.mail,
        given_name=asked.given_name,
        family_name=asked.family_name,
        locale=asked.locale,
        message=asked.message,
        asked_at=unit.now,
        expires_at=unit.now + patience.answer,
    )
    if not await requests.insert_unless_there(unit, request):
        return None
    event = events_pb2.AccessRequestReceived(
        request_id=str(asked.id),
        mail=asked.mail,
        given_name=asked.given_name,
        family_name=asked.family_name,
        message=asked.message,
        approver_ids=map(str, await _approvers(unit)),
    )
    unit.emit(event, aggregate_id=asked.id)
    unit.record("request.received", target_kind="request", target_id=asked.id, account=str(asked.account_id))
    return None


async def page(
    unit: UnitOfWork, page_size: int, page_token: str, only: UUID | None
) -> tuple[list[tenancy_pb2.AccessRequest], str, int, bool]:
    """Open requests (or the one asked for), the token of the next page, the total; whether new ones are taken."""
    size = paging.size(page_size)
    rows, total = await requests.page(unit, paging.cursor(page_token), size + 1, only)
    shown, token = paging.cut(rows, size, lambda row: Cursor("", row["id"], total))
    accepted = (await invitations.own_organisation(unit)).accepts_requests
    return [messages.access_request(row) for row in shown], token, total, accepted


async def accept(
    unit: UnitOfWork, identity: Identity, wanted: tenancy_pb2.AcceptRequestRequest, request_id: UUID, profile_id: UUID
) -> tenancy_pb2.Member:
    """Makes the person a member who is in, with all the products that are named, or not at all. Raises PRECONDITION
    request_answered, account_closed, not_subscribed, seats_exhausted or step_up_required (for a profile that
    administers), FORBIDDEN above_ceiling or right_missing, NOT_FOUND, INVALID fields_invalid.
    """
    fields = Fields()
    clean = fields.text("function", wanted.function)
    product_ids = fields.identifiers("product_ids", wanted.product_ids)
    fields.settle()
    structure = await members.place_of_new(unit, wanted.structure_id)
    revision = await rights.next_revision(unit, "request.accepted")
    request = await _open(unit, request_id)
    await members.may_give(unit, profile_id)
    profile = await members.giveable(unit, profile_id)
    person = PersonName(request.given_name, request.family_name, request.locale)
    # The address that the person proved may be somebody else's by now.
    account = await identity.account(request.account_id)
    request.mail = account.mail
    invitation = Invitation(request.mail, person, clean, structure)
    async with authority.below_law(unit):
        membership = await invitations.enrol(unit, invitation, account, profile, revision)
    await seats.take(unit, membership, product_ids)
    await decisions.activate(unit, membership)
    request.state, request.answered_at = int(RequestState.ACCEPTED), unit.now
    _tell(unit, request, RequestOutcome.ACCEPTED)
    unit.record("request.accepted", target_kind="request", target_id=request_id, profile=profile.name)
    return await members.one(unit, membership.id)


async def decline(unit: UnitOfWork, request_id: UUID, reason: str, patience: Patience) -> None:
    """Says no. Raises PRECONDITION request_answered, INVALID fields_invalid, NOT_FOUND."""
    fields = Fields()
    clean = fields.text("reason", reason, longest=LONGEST_REASON)
    fields.settle()
    request = await _open(unit, request_id)
    request.state, request.answered_at, request.reason = int(RequestState.DECLINED), unit.now, clean
    zone = (await invitations.own_organisation(unit)).time_zone
    _tell(unit, request, RequestOutcome.DECLINED, reason=clean, again_on=_day(unit.now + patience.again, zone))
    unit.record("request.declined", target_kind="request", target_id=request_id)


async def set_accepted(unit: UnitOfWork, *, accepted: bool) -> None:
    """Whether people may ask from now on. Requests that are open can still be answered."""
    organisation = await organisations.load(unit, lock=True)
    entry = await organisations.entry(unit, unit.organisation_id)
    if organisation is None or entry is None:
        raise not_found()
    if organisation.accepts_requests == accepted:
        return
    organisation.accepts_requests = entry.accepts_requests = accepted
    organisation.version += 1
    provision.organisation_changed(unit, organisation)
    act = "requests.opened" if accepted else "requests.closed"
    unit.record(act, target_kind="organisation", target_id=organisation.id)


async def mine(unit: UnitOfWork, account_id: UUID, patience: Patience) -> list[tenancy_pb2.MyRequest]:
    """The newest request of an account to each organisation, with whom to call there; none is told to whoever has not
    proven the account itself.
    """
    if unit.caller.acr == VOUCHED_ACR:
        return []
    rows = await requests.of_account(unit, account_id)
    return [await _my_request(unit, row, patience) for row in rows]


async def withdraw(unit: UnitOfWork, account_id: UUID, request_id: UUID) -> None:
    """Takes one's own request back. Raises NOT_FOUND, PRECONDITION request_answered, door_closed."""
    if unit.caller.acr == VOUCHED_ACR:
        raise precondition("door_closed", step="own")
    found = [row for row in await requests.of_account(unit, account_id) if row["id"] == request_id]
    if not found:
        raise not_found("request_not_found")
    await unit.enter(found[0]["organisation_id"])
    request = await _open(unit, request_id)
    request.state, request.answered_at = int(RequestState.WITHDRAWN), unit.now
    unit.record("request.withdrawn", target_kind="request", target_id=request_id)


async def expire_for_ever(database: Database) -> None:
    """Ends requests that were not answered in time, and tells who asked."""
    while True:
        for organisation_id in await overdue(database):
            async with database.begin(_SELF, organisation_id=organisation_id) as unit:
                await expire(unit)
        await jobs.rest("expire_requests", _SWEEP_EVERY)


async def expire(unit: UnitOfWork, account_id: UUID | None = None) -> None:
    """Ends what was not answered in time in one organisation (of one account)."""
    for row in await requests.expire(unit, unit.now, _AT_ONCE, account_id):
        _tell(unit, row, RequestOutcome.EXPIRED)
        unit.record("request.expired", target_kind="request", target_id=row["id"])


async def overdue(database: Database) -> Sequence[UUID]:
    """Organisations with a request that was not answered in time."""
    async with database.begin(_SELF) as unit:
        found = []
        for organisation_id in await requests.organisations(unit):
            await unit.enter(organisation_id)
            if await requests.has_overdue(unit):
                found.append(organisation_id)
        return found


async def _open(unit: UnitOfWork, request_id: UUID) -> AccessRequest:
    request = await requests.load(unit, request_id)
    if request is None:
        raise not_found("request_not_found")
    if request.state != RequestState.OPEN or request.expires_at <= unit.now:
        raise precondition("request_answered")
    return request


def _membership_against(membership: Membership | None) -> RequestOutcome | None:
    """What a membership that is there says to a request; nothing when it was taken back before it began."""
    if membership is None or membership.state == MembershipState.WITHDRAWN:
        return None
    return RequestOutcome.ACCESS_CUT if membership.state == MembershipState.CUT else RequestOutcome.ALREADY_MEMBER


def _not_kept(unit: UnitOfWork, asked: Asked, outcome: RequestOutcome, *, again_on: str = "") -> None:
    row = {name: getattr(asked, name) for name in ("id", "account_id", "mail", "given_name", "family_name", "locale")}
    _tell(unit, row, outcome, again_on=again_on)
    unit.record("request.not_kept", target_kind="request", target_id=asked.id, why=outcome.name.lower())


def _tell(unit: UnitOfWork, request: Any, outcome: RequestOutcome, *, reason: str = "", again_on: str = "") -> None:
    """The person hears what became of their request (a row, or the model)."""
    told = request.model_dump() if isinstance(request, AccessRequest) else request
    event = events_pb2.AccessRequestAnswered(
        request_id=str(told["id"]),
        account_id=str(told["account_id"]),
        mail=told["mail"],
        given_name=told["given_name"],
        family_name=told["family_name"],
        locale=told["locale"],
        outcome=outcome.value,  # type: ignore[arg-type] # the numbers of the contract
        reason=reason,
        again_on=again_on,
    )
    unit.emit(event, aggregate_id=told["id"])


async def _my_request(unit: UnitOfWork, row: Any, patience: Patience) -> tenancy_pb2.MyRequest:
    """Organisations are entered to say whom to call: those that the person asked, and their provider."""
    await unit.enter(row["organisation_id"])
    organisation = await invitations.own_organisation(unit)
    approvers = len(await _approvers(unit)) if row["state"] == RequestState.OPEN else 0
    support = [_support(organisation)]
    if organisation.provider_id != organisation.id:
        await unit.enter(organisation.provider_id)
        support.append(_support(await invitations.own_organisation(unit)))
    state = row["state"]
    if state == RequestState.OPEN and row["expires_at"] <= unit.now:
        state = RequestState.EXPIRED
    declined = state == RequestState.DECLINED
    return tenancy_pb2.MyRequest(
        id=str(row["id"]),
        organisation=messages.face(row, organisation_id=row["organisation_id"], kind=row["kind"]),
        state=int(state),  # type: ignore[arg-type] # the numbers of the contract
        asked_at=messages.instant(row["asked_at"]),
        expires_at=messages.instant(row["expires_at"]),
        answered_at=messages.instant(row["answered_at"]),
        reason=row["reason"],
        again_at=messages.instant(row["answered_at"] + patience.again) if declined else None,
        approvers=approvers,
        support=support,
    )


def _support(organisation: Any) -> tenancy_pb2.SupportContact:
    return tenancy_pb2.SupportContact(name=organisation.name, mail=organisation.mail, telephone=organisation.telephone)


def _day(moment: datetime, zone: str) -> str:
    return moment.astimezone(ZoneInfo(zone)).date().isoformat()


async def _approvers(unit: UnitOfWork) -> list[UUID]:
    """Who may answer, by name; as many as are told."""
    return [each.id for each in await holding.subjects(unit, RIGHTS[RIGHT], None, after=None, size=_TOLD)]
