"""Seeing the portal as somebody else sees it: begun with a reason, read only, over before long (requirement S16).

A viewing is a session of its own. Its end is told as a session's is, so that every service refuses its tokens within a
second; that nothing is changed with them is the kit's (`parvis_kit.server`, `parvis_kit.unit`).
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from parvis.identity.v1 import events_pb2
from parvis_identity.models import Session, Viewing
from parvis_identity.service.organisations import Organisations
from parvis_identity.store import viewings as store
from parvis_kit.errors import Kind, ServiceError, Violation, invalid, not_found, precondition, unauthenticated
from parvis_kit.unit import UnitOfWork

LONGEST_REASON = 200
MOST_TOLD = 20
#: What tenancy answers when somebody may not view any more.
_REFUSALS = {Kind.FORBIDDEN, Kind.NOT_FOUND, Kind.PRECONDITION}


class Viewings:
    """Begins, goes on with and ends viewings; whether somebody may is asked of tenancy each time."""

    def __init__(self, organisations: Organisations, *, lifetime: timedelta) -> None:
        self._organisations = organisations
        self._lifetime = lifetime

    async def start(self, unit: UnitOfWork, membership_id: UUID, reason: str) -> Viewing | None:
        """See ViewingService.StartViewing; None with a refusal that leaves a trace."""
        account_id, session_id = _viewer(unit)
        _check_reason(reason)
        try:
            subject = await self._organisations.viewed(account_id, unit.organisation_id, membership_id)
        except ServiceError as error:
            if error.kind not in _REFUSALS:
                raise
            unit.record("viewing.refused", target_kind="membership", target_id=membership_id, why=error.reason)
            unit.outcome(error)
            return None
        # Locked, so that of two viewings begun at once the second ends the first.
        session = await unit.get(Session, session_id, lock=True)
        if session is None or session.ended_at is not None:
            raise unauthenticated("session_ended")
        before = await store.end(unit, sessions=[session_id], organisation_id=unit.organisation_id)
        _tell(unit, before, "replaced")
        viewing = Viewing(
            account_id=account_id,
            session_id=session_id,
            viewer_membership_id=subject.viewer_membership_id,
            viewer_name=subject.viewer_name,
            organisation_id=unit.organisation_id,
            subject_account_id=subject.account_id,
            membership_id=membership_id,
            kind=subject.kind,
            name=subject.name,
            reason=reason.strip(),
            started_at=unit.now,
            expires_at=unit.now + self._lifetime,
        )
        unit.add(viewing)
        unit.record("viewing.started", **_target(viewing), reason=viewing.reason, until=viewing.expires_at.isoformat())
        return viewing

    async def going_on(
        self, unit: UnitOfWork, viewing_id: UUID, session_id: UUID, organisation_id: UUID | None
    ) -> Viewing:
        """A viewing of a session that tenancy still allows. Raises PRECONDITION viewing_ended, UNAVAILABLE."""
        viewing = await store.going_on(unit, viewing_id, session_id, organisation_id)
        if viewing is None or not await self._allowed(viewing):
            raise precondition("viewing_ended")
        return viewing

    async def check(self, unit: UnitOfWork, organisation_id: UUID, memberships: frozenset[UUID]) -> None:
        """Ends what goes on in an organisation, of or by memberships whose rights changed (none named: all), and is not
        allowed any more.
        """
        for viewing in await store.of_organisation(unit, organisation_id, memberships):
            if not await self._allowed(viewing):
                _tell(unit, await store.end(unit, viewing_id=viewing.id), "not_allowed")

    async def history(self, unit: UnitOfWork, membership_id: UUID) -> Sequence[Viewing]:
        """See ViewingService.ListViewings."""
        account_id, _ = _viewer(unit)
        try:
            await self._organisations.viewed(account_id, unit.organisation_id, membership_id)
        except ServiceError as error:
            if error.kind is not Kind.PRECONDITION:  # not in use now, or one's own: it may be told all the same
                raise
        return await store.of_membership(unit, unit.organisation_id, membership_id, most=MOST_TOLD)

    async def _allowed(self, viewing: Viewing) -> bool:
        try:
            subject = await self._organisations.viewed(
                viewing.account_id, viewing.organisation_id, viewing.membership_id
            )
        except ServiceError as error:
            if error.kind in _REFUSALS:
                return False
            raise
        return subject.account_id == viewing.subject_account_id


async def end(unit: UnitOfWork, viewing_id: UUID) -> Viewing:
    """See ViewingService.EndViewing."""
    viewing = await unit.get(Viewing, viewing_id, lock=True)
    if viewing is None or viewing.session_id != unit.caller.session_id:
        raise not_found("viewing_not_found")
    _tell(unit, await store.end(unit, viewing_id=viewing_id), "left")
    return viewing


async def end_of_sessions(unit: UnitOfWork, sessions: Sequence[UUID]) -> None:
    """Ends what went on in sessions that end."""
    if sessions:
        _tell(unit, await store.end(unit, sessions=sessions), "signed_out")


async def end_of_subject(unit: UnitOfWork, account_id: UUID) -> None:
    """Ends what others see as an account that is closed."""
    _tell(unit, await store.end(unit, subject_account_id=account_id), "account_closed")


def _tell(unit: UnitOfWork, ended: Sequence[Viewing], why: str) -> None:
    for viewing in ended:
        told = events_pb2.SessionEnded(session_id=str(viewing.id), account_id=str(viewing.account_id))
        unit.emit(told, aggregate_id=viewing.id)
        unit.record("viewing.ended", **_target(viewing), why=why)


def _target(viewing: Viewing) -> dict[str, str]:
    """Both people, in the words of the trail: the row's own caller may be nobody (an end that was heard of)."""
    return {
        "target_kind": "membership",
        "target_id": str(viewing.membership_id),
        "viewing": str(viewing.id),
        "viewer": str(viewing.account_id),
        "viewer_name": viewing.viewer_name,
        "viewed": str(viewing.subject_account_id),
        "viewed_name": viewing.name,
    }


def _viewer(unit: UnitOfWork) -> tuple[UUID, UUID]:
    if unit.caller.account_id is None or unit.caller.session_id is None:
        raise unauthenticated()
    return unit.caller.account_id, unit.caller.session_id


def _check_reason(reason: str) -> None:
    wrong = None
    if not reason.strip():
        wrong = Violation("reason", "required")
    elif len(reason) > LONGEST_REASON:
        wrong = Violation("reason", "too_long", {"longest": str(LONGEST_REASON)})
    elif not reason.isprintable():
        wrong = Violation("reason", "control_characters")
    if wrong is not None:
        raise invalid("fields_invalid", [wrong])
