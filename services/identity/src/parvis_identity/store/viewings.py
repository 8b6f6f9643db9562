"""Viewings: those that go on, and those that were."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select, update
from sqlmodel import col

from parvis_identity.domain import sessions as rules
from parvis_identity.models import Viewing
from parvis_kit.unit import UnitOfWork

#: How long it is told who looked.
KEPT = timedelta(days=365)


def _going_on(unit: UnitOfWork) -> tuple[ColumnElement[bool], ...]:
    return col(Viewing.ended_at).is_(None), col(Viewing.expires_at) > unit.now


async def going_on(
    unit: UnitOfWork, viewing_id: UUID, session_id: UUID, organisation_id: UUID | None
) -> Viewing | None:
    """A viewing of a session in an organisation."""
    query = select(Viewing).where(
        col(Viewing.id) == viewing_id,
        col(Viewing.session_id) == session_id,
        col(Viewing.organisation_id) == organisation_id,
        *_going_on(unit),
    )
    found: Viewing | None = await unit.scalar(query)
    return found


async def is_viewing(unit: UnitOfWork, session_id: UUID) -> bool:
    """Whether somebody looks as somebody else in a session."""
    query = select(col(Viewing.id)).where(col(Viewing.session_id) == session_id, *_going_on(unit)).limit(1)
    return await unit.scalar(query) is not None


async def of_organisation(unit: UnitOfWork, organisation_id: UUID, members: frozenset[UUID]) -> Sequence[Viewing]:
    """What goes on in an organisation, of or by these memberships (none named: all)."""
    query = select(Viewing).where(col(Viewing.organisation_id) == organisation_id, *_going_on(unit))
    if members:
        query = query.where(
            or_(col(Viewing.membership_id).in_(members), col(Viewing.viewer_membership_id).in_(members))
        )
    return await unit.scalars(query.order_by(col(Viewing.id)))


async def end(
    unit: UnitOfWork,
    *,
    viewing_id: UUID | None = None,
    sessions: Sequence[UUID] = (),
    subject_account_id: UUID | None = None,
    organisation_id: UUID | None = None,
) -> Sequence[Viewing]:
    """Ends one viewing, those of an account, or those of sessions (in one organisation); answers with those that went
    on until now.
    """
    statement = update(Viewing).where(*_going_on(unit))
    if viewing_id is not None:
        statement = statement.where(col(Viewing.id) == viewing_id)
    elif subject_account_id is not None:
        statement = statement.where(col(Viewing.subject_account_id) == subject_account_id)
    else:
        statement = statement.where(col(Viewing.session_id).in_(sessions))
    if organisation_id is not None:
        statement = statement.where(col(Viewing.organisation_id) == organisation_id)
    return await unit.scalars(statement.values(ended_at=unit.now).returning(Viewing))


async def of_membership(
    unit: UnitOfWork, organisation_id: UUID, membership_id: UUID, *, most: int
) -> Sequence[Viewing]:
    """Who viewed as a membership, newest first."""
    query = select(Viewing).where(
        col(Viewing.organisation_id) == organisation_id, col(Viewing.membership_id) == membership_id
    )
    return await unit.scalars(query.order_by(col(Viewing.started_at).desc()).limit(most))


async def is_open(unit: UnitOfWork, viewing_id: UUID, subject_account_id: UUID) -> bool:
    """Whether a viewing of an account goes on, in a session that does."""
    idle, absolute = unit.now - rules.LIVES.idle, unit.now - rules.LIVES.absolute
    return bool(await unit.fetch(_IS_OPEN, viewing_id, subject_account_id, unit.now, idle, absolute))


_IS_OPEN = """
SELECT 1 FROM viewings v JOIN sessions s ON s.id = v.session_id
JOIN accounts a ON a.id = v.account_id JOIN accounts b ON b.id = v.subject_account_id
WHERE v.id = $1 AND v.subject_account_id = $2 AND v.ended_at IS NULL AND v.expires_at > $3
AND s.ended_at IS NULL AND s.last_seen_at > $4 AND s.started_at > $5 AND a.state = 'active' AND b.state = 'active'
"""
